"""Jobs of engines without limits, too rare or failing are named; other jobs are nobody's business here."""

from typing import Any

import pytest

from controlplane.doctor import scrapes
from controlplane.doctor.row import Row

GOOD = {"job_name": "vllm", "scrape_interval": "15s", "sample_limit": 50000, "body_size_limit": "16MiB"}
ENGINES = {("vllm", "10.0.0.1:8000")}


def a_target(**changed: Any) -> dict[str, Any]:
    whole = {
        "scrapePool": "vllm",
        "scrapeUrl": "http://10.0.0.1:8000/metrics",
        "labels": {"job": "vllm", "instance": "10.0.0.1:8000"},
        "health": "up",
        "lastError": "",
    }
    return {**whole, **changed}


def found(
    job: dict[str, Any] | None = None, *targets: dict[str, Any], everywhere: object = None, alerts: tuple[str, ...] = ()
) -> list[Row]:
    config = {"global": everywhere or {}, "scrape_configs": [job or GOOD, {"job_name": "node"}]}
    return list(scrapes.check(config, {"activeTargets": list(targets) or [a_target()]}, ENGINES, alerts))


def without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key not in keys}


@pytest.mark.parametrize(
    ("job", "everywhere"),
    [(GOOD, None), (without("sample_limit", "body_size_limit"), {"sample_limit": 1, "body_size_limit": "1MB"})],
)
def test_says_nothing_about_a_bounded_job(job: dict[str, Any], everywhere: object) -> None:
    assert found(job, everywhere=everywhere) == []


@pytest.mark.parametrize("limit", ["sample_limit", "body_size_limit"])
def test_a_missing_limit_is_named_with_a_value_to_set(limit: str) -> None:
    (row,) = found(without(limit))
    assert (row.check, row.subject) == ("scrape-no-limits", "scrape job vllm")
    assert f"{limit}: " in row.fix


def test_a_limit_of_zero_is_none() -> None:
    assert [row.check for row in found({**GOOD, "sample_limit": 0})] == ["scrape-no-limits"]


@pytest.mark.parametrize(
    ("job", "everywhere"),
    [
        ({**GOOD, "scrape_interval": "1m"}, None),
        (without("scrape_interval"), {"scrape_interval": "2m"}),
        (without("scrape_interval"), None),
    ],
)
def test_a_job_that_reads_too_rarely_is_named(job: dict[str, Any], everywhere: object) -> None:
    assert [row.check for row in found(job, everywhere=everywhere)] == ["scrape-too-rare"]


@pytest.mark.parametrize(
    "error", ["connection refused", "sample limit exceeded", "server returned HTTP status 401", "EOF"]
)
def test_targets_that_fail_are_counted_with_their_error_and_a_cure(error: str) -> None:
    (row,) = found(GOOD, a_target(), a_target(health="down", lastError=error))
    assert row.check == "scrape-failing"
    assert f"1 of 2 targets cannot be scraped: {error}" in row.said
    assert row.fix


def test_targets_of_other_jobs_may_fail() -> None:
    assert found(GOOD, a_target(), a_target(scrapePool="node", health="down", labels={})) == []


def test_a_job_label_that_is_not_the_jobs_name_is_followed_through_the_targets() -> None:
    job = {**without("sample_limit"), "job_name": "podMonitor/llm/vllm/0"}
    (row,) = found(job, a_target(scrapePool="podMonitor/llm/vllm/0"))
    assert row.subject == "scrape job podMonitor/llm/vllm/0"


@pytest.mark.parametrize(
    ("alerts", "rows"), [((), 0), (("up == 0",), 0), (("absent(x)",), 0), (("group_up > 1", "rate(x[5m]) > 1"), 1)]
)
def test_alerts_that_never_ask_whether_targets_are_up_are_mentioned(alerts: tuple[str, ...], rows: int) -> None:
    assert [row.check for row in found(alerts=alerts)] == ["no-up-alert"] * rows


@pytest.mark.parametrize("nothing", [None, [], {"scrape_configs": "x"}, {"activeTargets": [1]}])
def test_what_may_not_be_read_is_nothing_to_complain_about(nothing: object) -> None:
    assert scrapes.check(nothing, nothing, ENGINES, ()) == ()
