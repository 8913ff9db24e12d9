"""Rules that are missing, broken, old, twice, left over or slow are each named; rules that are right are not."""

from collections.abc import Mapping
from typing import Any

import pytest

from controlplane.doctor import loaded, rules
from controlplane.doctor.row import Row
from controlplane.model.finding import Severity

RECORD = {"record": "llm_role:requests_waiting:sum", "expr": "sum by (role) (vllm:num_requests_waiting)"}
ALERT = {"alert": "Queue", "expr": "llm_role:requests_waiting:sum > 5", "for": "5m", "labels": {"severity": "warning"}}
FILE = {"groups": [{"name": "llm-roles", "interval": "30s", "rules": [RECORD, ALERT]}]}
EXPECTED = loaded.written(FILE, "rules/llm-roles.yaml")


def a_group(name: str = "llm-roles", **changed: Any) -> dict[str, Any]:
    """A group as /api/v1/rules shows it: right, unless something is changed."""
    recording = {"type": "recording", "name": RECORD["record"], "query": RECORD["expr"], "health": "ok"}
    alerting = {
        "type": "alerting",
        "name": "Queue",
        "query": "llm_role:requests_waiting:sum > 5",
        "duration": 300,
        "labels": {"severity": "warning"},
        "health": "ok",
    }
    whole = {
        "name": name,
        "file": "/etc/r.yaml",
        "interval": 30,
        "evaluationTime": 0.01,
        "rules": [recording, alerting],
    }
    return {**whole, **changed}


def found(*groups: Mapping[str, Any]) -> list[Row]:
    return list(rules.check(EXPECTED, loaded.served({"groups": list(groups)})))


def one(*groups: Mapping[str, Any]) -> Row:
    (row,) = found(*groups)
    return row


def rule(place: int, **changed: Any) -> list[dict[str, Any]]:
    """The rules of a right group, one of them changed."""
    both = a_group()["rules"]
    both[place] = {**both[place], **changed}
    return both


def test_says_nothing_about_rules_as_they_are_generated() -> None:
    assert found(a_group()) == []
    assert found(a_group(), a_group("somebody-elses", rules=[])) == []


def test_a_prometheus_without_any_of_ours_is_critical_and_told_which_files_to_load() -> None:
    row = one(a_group("somebody-elses", rules=[]))
    assert (row.check, row.severity) == ("rules-none-loaded", Severity.CRITICAL)
    assert "rules/llm-roles.yaml" in row.fix


def test_one_missing_group_is_named_with_its_file() -> None:
    more = (*EXPECTED, *loaded.written({"groups": [{"name": "llm-cost", "rules": [RECORD]}]}, "rules/llm-cost.yaml"))
    (row,) = rules.check(more, loaded.served({"groups": [a_group()]}))
    assert (row.check, row.subject) == ("rules-missing", "rule group llm-cost")
    assert "rules/llm-cost.yaml" in row.fix


def test_a_failing_rule_is_critical_and_shows_its_error() -> None:
    row = one(a_group(rules=rule(0, health="err", lastError="found duplicate series for the match group")))
    assert (row.check, row.severity) == ("rules-unhealthy", Severity.CRITICAL)
    assert "duplicate series" in row.evidence[0]
    assert "twice" in row.fix


@pytest.mark.parametrize("error", ["query processing would load too many samples", "connection refused"])
def test_every_error_has_a_cure(error: str) -> None:
    assert one(a_group(rules=rule(0, health="err", lastError=error))).fix


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"rules": rule(0, query="sum(vllm:num_requests_waiting)")}, id="another expression"),
        pytest.param({"rules": rule(1, query="llm_role:requests_waiting:sum > 8")}, id="another limit"),
        pytest.param({"rules": rule(1, duration=60)}, id="another for"),
        pytest.param({"rules": rule(1, keepFiringFor=60)}, id="kept firing"),
        pytest.param({"rules": rule(1, labels={"severity": "critical"})}, id="another label"),
        pytest.param({"interval": 60}, id="another interval"),
        pytest.param({"rules": a_group()["rules"][:1]}, id="a rule less"),
        pytest.param(
            {"rules": [*a_group()["rules"], {"type": "recording", "name": "x", "query": "y"}]}, id="a rule more"
        ),
        pytest.param({"rules": a_group()["rules"][::-1]}, id="another order"),
    ],
)
def test_a_group_of_before_is_old(changed: dict[str, Any]) -> None:
    row = one(a_group(**changed))
    assert (row.check, row.severity) == ("rules-old", Severity.WARNING)
    assert row.evidence


def test_another_spelling_is_not_old() -> None:
    assert found(a_group(rules=rule(0, query="sum by(role)(vllm:num_requests_waiting)"))) == []


def test_a_group_from_two_files_is_told_with_both() -> None:
    row = one(a_group(), a_group(file="/etc/other.yaml"))
    assert (row.check, row.evidence) == ("rules-twice", ("/etc/r.yaml", "/etc/other.yaml"))


def test_what_an_older_version_left_behind_is_told() -> None:
    row = one(a_group(), a_group("llm-old"))
    assert (row.check, row.subject) == ("rules-left-over", "rule group llm-old")


def test_a_group_that_needs_most_of_its_interval_is_told() -> None:
    row = one(a_group(evaluationTime=20.0))
    assert row.check == "rules-slow"
    assert "20.0 s of every 30 s" in row.said


@pytest.mark.parametrize("answer", [None, [], {}, {"groups": None}, {"groups": [None, 3, {"rules": "x"}]}])
def test_an_answer_that_is_garbled_has_no_rules(answer: object) -> None:
    (row,) = rules.check(EXPECTED, loaded.served(answer))
    assert row.check == "rules-none-loaded"
