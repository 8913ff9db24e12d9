"""docs/doctor.md follows the code; every check is on it once, says why it bites, and has a test that names it."""

import re
from pathlib import Path

import pytest

from controlplane.doctor.check import Check
from controlplane.doctor.checks import CHECKS
from tools.doctor_page import markdown

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "doctor.md"
ALL = [check for checks in CHECKS.values() for check in checks]
TESTS = "\n".join(
    path.read_text()
    for path in (ROOT / "tests" / "cli" / "test_doctor_command.py", *(ROOT / "tests" / "doctor").rglob("*"))
    if path.is_file() and path.suffix != ".pyc"
)


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == markdown(), "write it anew: make artifacts"


def test_no_two_checks_have_one_name():
    names = [check.id for check in ALL]
    assert len(names) == len(set(names)) >= 40


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_every_check_says_why_it_bites_and_what_cures_it_and_is_tested(check: Check):
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", check.id)
    assert f"| `{check.id}` | {check.severity} |" in markdown()
    assert len(check.why) > 30 and check.why.rstrip().endswith((".", ")"))
    assert check.fix
    assert re.search(rf"(?<![-a-z]){check.id}(?![-a-z])", TESTS), "no test names it"
