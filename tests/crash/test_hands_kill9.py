"""Around every write to a cluster: a thousand deaths, two hundred leaders lost, nothing done twice or forgotten."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.crash.hands_life import HANDS_BROKEN, HANDS_POINTS

ROOT = Path(__file__).resolve().parents[2]


def reports(module: str, *runs: Sequence[str]) -> list[dict[str, Any]]:
    """Run the program once with each row of arguments, side by side."""
    command = [sys.executable, "-W", "error", "-m", f"tests.crash.{module}"]
    running = [
        subprocess.Popen([*command, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for words in runs
    ]
    answers = [(program.communicate(timeout=900), program.returncode) for program in running]
    for (_, errors), status in answers:
        assert status == 0, errors[-3000:]
    return [json.loads(said) for (said, _), _ in answers]


@pytest.mark.timeout(900)
def test_d4_a_thousand_deaths_around_the_intent_lose_nothing_and_do_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    homes = [tmp_path / "a", tmp_path / "b"]
    for home in homes:
        home.mkdir()
    found = reports("hands_nursery", *([str(h), "--kills", "500", "--seed", str(n)] for n, h in enumerate(homes)))
    with capsys.disabled():
        print(f"\n{json.dumps(found)}")
    points: Counter[str] = Counter()
    for report in found:
        assert report["wrong"] == []
        points.update(report["by point"])
    assert points.total() >= 1000
    assert set(points) == set(HANDS_POINTS) and min(points.values()) >= 100
    assert sum(report["effects"] for report in found) > 500


@pytest.mark.parametrize("broken", HANDS_BROKEN)
def test_the_checker_finds_hands_that(broken: str, tmp_path: Path) -> None:
    """Without this, a green run could mean that nobody looked."""
    (report,) = reports("hands_nursery", [str(tmp_path), "--kills", "30", "--broken", broken])
    assert any("took effect 2 times" in said for said in report["wrong"])


@pytest.fixture
def databases(postgres_url: str) -> Iterator[list[str]]:
    """Four empty databases of the one server."""
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    names = [f"leaders_{n}" for n in range(4)]
    with engine.connect() as connection:
        for name in names:
            connection.execute(text(f"create database {name}"))
    yield [postgres_url.rsplit("/", 1)[0] + f"/{name}" for name in names]
    with engine.connect() as connection:
        for name in names:
            connection.execute(text(f"drop database {name} with (force)"))
    engine.dispose()


@pytest.mark.real
@pytest.mark.timeout(900)
def test_d7_two_hundred_leaders_killed_or_stopped_and_woken_have_no_double_effect(
    tmp_path: Path, databases: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    runs = []
    for number, url in enumerate(databases):
        (tmp_path / str(number)).mkdir()
        runs.append([str(tmp_path / str(number)), "--url", url, "--blows", "50", "--seed", str(number)])
    found = reports("leaders", *runs)
    with capsys.disabled():
        print(f"\n{json.dumps(found)}")
    assert [report["wrong"] for report in found] == [[]] * 4
    assert sum(sum(report["blows"].values()) for report in found) >= 200
    assert sum(report["woken after another had taken over"] for report in found) > 20
    assert sum(report["writes of the ledger that an old leader was refused"] for report in found) > 10
