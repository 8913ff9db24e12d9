"""A report has its rows worst first, each once, and knows whether it is bad enough to fail on."""

import pytest

from controlplane.doctor.check import Check
from controlplane.doctor.report import report
from controlplane.doctor.row import Row
from controlplane.model.finding import Severity

CHECK = Check(id="a-check", severity=Severity.WARNING, title="t", why="w", fix="f")


def a_row(severity: Severity | None = None, subject: str = "x") -> Row:
    return CHECK.row(subject, "is wrong", fix="mend it", severity=severity)


def test_worst_first_then_by_subject_and_each_once() -> None:
    rows = [a_row(Severity.INFO), a_row(subject="y"), a_row(), a_row(), a_row(Severity.CRITICAL, "z")]
    ordered = [(row.severity, row.subject) for row in report(rows).rows]
    assert ordered == [
        (Severity.CRITICAL, "z"),
        (Severity.WARNING, "x"),
        (Severity.WARNING, "y"),
        (Severity.INFO, "x"),
    ]


@pytest.mark.parametrize(
    ("severity", "limit", "worse"),
    [
        (Severity.WARNING, Severity.WARNING, True),
        (Severity.CRITICAL, Severity.WARNING, True),
        (Severity.INFO, Severity.WARNING, False),
        (Severity.WARNING, Severity.CRITICAL, False),
        (Severity.CRITICAL, None, False),
    ],
)
def test_fails_from_the_severity_that_was_asked_for(severity: Severity, limit: Severity | None, worse: bool) -> None:
    assert report([a_row(severity)]).worse_than(limit) is worse


def test_a_row_says_what_its_check_says_unless_it_is_milder() -> None:
    assert a_row().severity is Severity.WARNING
    assert a_row(Severity.INFO).severity is Severity.INFO
    assert report([]).count(Severity.INFO) == 0
