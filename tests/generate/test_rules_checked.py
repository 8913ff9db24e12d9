"""Generated rules of every example: both Prometheus versions take them, pint finds nothing but written exceptions."""

import re
import subprocess
from pathlib import Path

import pytest

from controlplane.generate.alerts import alert_files
from controlplane.generate.request import request_of
from controlplane.generate.rules import rule_files
from controlplane.settings.load import load_with_lines

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
REWRITTEN = " behind a pipeline"
FLEETS = [*sorted(path.stem for path in EXAMPLES.glob("*.yaml")), f"mixed-fleet{REWRITTEN}"]
"""The examples, and the one with all engines once more, its names rewritten on the way."""
EXCEPTIONS = ROOT / "tools" / "pint" / "pint.hcl"

pytestmark = pytest.mark.real


def write_rules(fleet: str, folder: Path) -> list[Path]:
    """All rule files of an example, in a folder."""
    path = EXAMPLES / f"{fleet.removesuffix(REWRITTEN)}.yaml"
    text = path.read_text(encoding="utf-8")
    if fleet.endswith(REWRITTEN):
        text += "rules: {rewritten_names: true}\n"
        path = folder / "fleet.yaml"
        path.write_text(text, encoding="utf-8")
    request = request_of(load_with_lines(path), text)
    made = {**rule_files(request), **alert_files(request)}
    files = []
    for name, text in made.items():
        if name.startswith("rules/"):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            files.append(file)
    assert len(files) >= 5
    return files


def pint(binary: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    command = [
        binary,
        "--no-color",
        "--offline",
        "--config",
        EXCEPTIONS,
        "lint",
        "--fail-on",
        "info",
        "-n",
        "info",
        *files,
    ]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("fleet", FLEETS)
def test_both_prometheus_versions_take_every_rule(
    fleet: str, promtool_binary: Path, promtool3_binary: Path, tmp_path: Path
) -> None:
    files = write_rules(fleet, tmp_path)
    for promtool in (promtool_binary, promtool3_binary):
        command = [str(part) for part in (promtool, "check", "rules", "--lint-fatal", *files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("SUCCESS") == len(files)


@pytest.mark.parametrize("fleet", FLEETS)
def test_pint_has_nothing_to_say_beyond_the_exceptions_that_are_written_down(
    fleet: str, pint_binary: Path, tmp_path: Path
) -> None:
    done = pint(pint_binary, *write_rules(fleet, tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_exception_has_its_reason_above_it() -> None:
    blocks = re.findall(r"((?:^#.*\n)*)^rule \{", EXCEPTIONS.read_text(), re.MULTILINE)
    assert blocks
    assert all(len(reason.splitlines()) >= 2 for reason in blocks)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('record: llm_pod:x:sum\n        expr: sum(rate(a[5m])) by (pod) / sum(b{c=~"d"})', "redundant regexp"),
        ("alert: X\n        expr: up == 0\n        annotations: {summary: '{{ $labels.nope }}'}", ""),
        ("record: llm_pod:x:sum\n        expr: rate(sum(a)[5m])", "PromQL syntax error"),
    ],
)
def test_pint_does_say_something_about_rules_that_are_wrong(
    rule: str, said: str, pint_binary: Path, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(f"groups:\n  - name: x\n    rules:\n      - {rule}\n")
    done = pint(pint_binary, file)
    assert said in done.stderr + done.stdout
    assert done.returncode == (1 if said else 0), done.stderr
