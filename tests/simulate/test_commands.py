"""``demo`` and ``replay`` as a person runs them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane.cli.main import main

RAMP = Path(__file__).parent / "data" / "ramp-planner.tar.xz"


def test_the_demo_ends_by_itself_with_findings_and_recommendations():
    """24 real seconds at 50 times the speed are 20 minutes of the fleet; the lost agent is found in the sixteenth."""
    command = "demo --no-browser --port 0 --for 24s --speed 50"
    done = subprocess.run(
        [sys.executable, "-m", "controlplane.cli.main", *command.split()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"Pages: http://127\.0\.0\.1:\d+/", done.stdout)
    assert "planner: the KV cache is over 90 % full" in done.stdout
    assert "Store the KV cache of planner as FP8" in done.stdout
    assert re.search(r"planner: session “s\d+” of Team [AB] took 1\d\.\d times the usual tokens", done.stdout)
    told = re.search(r"The router told of (\d+) calls", done.stdout)
    assert told is not None
    assert int(told[1]) > 3000
    assert "Traceback" not in done.stderr


def test_the_mixed_fleet_can_be_looked_at_too():
    command = "demo --no-browser --fleet mixed --port 0 --for 5s --speed 40"
    done = subprocess.run(
        [sys.executable, "-m", "controlplane.cli.main", *command.split()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "prefill and decode share the planner's calls" in done.stdout
    assert "calls in flight at once" in done.stdout, "a storm of agents is found at once"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--for", "soon"], ["--for", "0s"], ["--speed", "0.5"], ["--speed", "1000"], ["--port", "70000"]],
)
def test_a_mistake_is_one_clear_line(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(["demo", "--no-browser", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_replay_plays_to_the_end_and_says_how_to_watch(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    rows = [{"file": "1.prom", "t_unix": 100 + i, "status": 200, "content_type": "text/plain"} for i in range(3)]
    (tmp_path / "manifest.jsonl").write_text("\n".join(json.dumps(r) for r in rows))
    (tmp_path / "1.prom").write_text('vllm:num_requests_running{engine="0",model_name="m"} 1.0\n')
    assert main(["replay", str(tmp_path), "--speed", "20"]) == 0
    said = capsys.readouterr().out
    assert "3 pages every 1 s" in said
    assert "targets: ['http://127.0.0.1:" in said
    assert said.endswith("the recording is over\n")


def test_replay_of_nothing_is_one_clear_line(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["replay", str(tmp_path)]) == 2
    assert "no manifest.jsonl in it" in capsys.readouterr().err
    assert main(["replay", str(RAMP), "--speed", "0"]) == 2
