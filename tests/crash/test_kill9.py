"""The service's loop over the real ledger, killed with -9 hundreds of times: nothing lost, nothing done twice."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.crash.life import BROKEN, POINTS

ROOT = Path(__file__).resolve().parents[2]


def nursery(*words: str) -> dict[str, Any]:
    command = [sys.executable, "-W", "error", "-m", "tests.crash.nursery", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=580)
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.timeout(600)
def test_two_hundred_kills_lose_nothing_and_double_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = nursery("walk", str(tmp_path), "--kills", "200", "--seed", "7")
    with capsys.disabled():
        print(f"\n{json.dumps(report)}")
    assert report["kills"] >= 200
    assert set(report["by point"]) == set(POINTS) and min(report["by point"].values()) >= 10
    assert report["wrong"] == []
    assert report["as if nothing had happened"]
    assert report["effects"] > 20 and report["messages"] > 50


@pytest.mark.parametrize("broken", BROKEN)
def test_the_checker_finds_a_service_that(broken: str, tmp_path: Path) -> None:
    """Without this, a green run could mean that nobody looked."""
    report = nursery("walk", str(tmp_path), "--kills", "60", "--seed", "3", "--broken", broken)
    assert report["wrong"] != []


def test_a_first_migration_killed_at_any_statement_leaves_nothing_or_everything(tmp_path: Path) -> None:
    report = nursery("migrate", str(tmp_path))
    assert report["wrong"] == []
    assert report["kills"] >= 30


@pytest.mark.real
@pytest.mark.timeout(600)
def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
    engine.dispose()
    report = nursery("walk", str(tmp_path), "--kills", "40", "--url", postgres_url)
    assert report["wrong"] == []
    assert report["as if nothing had happened"]
