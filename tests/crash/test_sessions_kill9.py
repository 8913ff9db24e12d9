"""Taking calls, killed with -9 again and again: nothing acknowledged is lost, nothing told twice counts twice."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.crash.sessions_nursery import BROKEN, POINTS

ROOT = Path(__file__).resolve().parents[2]


def nursery(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-W", "error", "-m", "tests.crash.sessions_nursery", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_kills_lose_no_call_and_count_none_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = nursery(str(tmp_path), "--kills", "40", "--seed", "7")
    with capsys.disabled():
        print(f"\n{json.dumps(report)}")
    assert set(report["by point"]) == set(POINTS) and min(report["by point"].values()) >= 5
    assert report["calls"] == report["calls expected"]
    assert report["as if nothing had happened"]


@pytest.mark.parametrize("broken", BROKEN)
def test_the_comparison_finds_a_book_that(broken: str, tmp_path: Path) -> None:
    assert not nursery(str(tmp_path), "--kills", "12", "--broken", broken)["as if nothing had happened"]


@pytest.mark.real
def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
    engine.dispose()
    report = nursery(str(tmp_path), "--kills", "16", "--url", postgres_url)
    assert report["calls"] == report["calls expected"]
    assert report["as if nothing had happened"]
