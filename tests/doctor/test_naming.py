"""Which names and labels are in use is told, and where they mislead somebody it is a row."""

import pytest

from controlplane.doctor import naming
from controlplane.model.finding import Severity


def names(*found: str) -> dict[str, tuple[dict[str, str], ...]]:
    return {"names": tuple({"__name__": name} for name in found)}


def test_says_nothing_where_nothing_answered() -> None:
    assert naming.check({}) == ()
    assert naming.facts({}) == ()


def test_todays_engine_is_a_fact_and_no_row() -> None:
    assert naming.check(names("vllm:kv_cache_usage_perc", "vllm:num_requests_running")) == ()
    assert naming.facts(names("vllm:kv_cache_usage_perc")) == (("vLLM", "names of today's versions"),)


def test_an_engine_with_removed_names_is_mentioned() -> None:
    (row,) = naming.check(names("vllm:gpu_cache_usage_perc", "vllm:num_requests_running"))
    assert (row.check, row.severity, row.subject) == ("engine-old-names", Severity.INFO, "vLLM")
    assert "vllm:gpu_cache_usage_perc" in row.said


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (("DCGM_FI_DEV_GPU_UTIL",), "names up to 4.8"),
        (("DCGM_FI_DEV_GPU_UTIL_RATIO",), "names from 4.9"),
        (("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_UTIL_RATIO"), "names of 4.9 and of before"),
    ],
)
def test_the_gpu_exporters_naming_is_a_fact(found: tuple[str, ...], words: str) -> None:
    answers = {**names(*found), "dcgm: label hostname (from 4.8.3)": ({},), "dcgm: workloads in exported_pod": ({},)}
    assert naming.facts(answers) == (
        ("DCGM exporter", f"{words}; label hostname (from 4.8.3); workloads in exported_pod"),
    )


@pytest.mark.parametrize("owner", ["kube-state-metrics", "KEDA"])
def test_labels_that_were_moved_away_are_told_with_the_setting(owner: str) -> None:
    (row,) = naming.check({f"moved: {owner}": ({},)})
    assert (row.check, row.severity, row.subject) == ("labels-moved", Severity.WARNING, owner)
    assert "honor_labels: true" in row.fix


def test_an_engine_under_two_jobs_is_critical_and_told_once() -> None:
    (row,) = naming.check({"twice: pod": ({"pod": "a"}, {"pod": "b"}), "twice: instance": ({"instance": "i"},)})
    assert (row.check, row.severity) == ("engine-scraped-twice", Severity.CRITICAL)
    assert row.evidence == ("pod = a", "pod = b")


def test_series_without_the_label_are_not_taken_for_one_engine() -> None:
    assert naming.check({"twice: pod": ({"pod": ""}, {})}) == ()


OWN = frozenset({"vllm:num_requests_running", "vllm:prompt_tokens_total", "sglang:num_running_reqs"})


@pytest.mark.parametrize(
    ("seen", "subject"),
    [("vllm_num_requests_running", "vLLM"), ("sglang_num_running_reqs", "SGLang")],
)
def test_a_spelling_that_our_rules_do_not_read_is_told_with_the_setting_that_reads_it(seen: str, subject: str) -> None:
    (row,) = naming.check(names(seen), OWN)
    assert (row.check, row.severity, row.subject) == ("engine-names-rewritten", Severity.WARNING, subject)
    assert seen in row.said
    assert row.fix.startswith("rules: {rewritten_names: true}")


def test_engines_under_both_spellings_are_only_mentioned_for_those_that_have_one() -> None:
    (row,) = naming.check(names("vllm_prompt_tokens_total", "vllm:prompt_tokens_total"), OWN)
    assert (row.check, row.severity) == ("engine-names-rewritten", Severity.INFO)


@pytest.mark.parametrize(
    ("seen", "read"),
    [
        pytest.param("vllm_num_requests_running", OWN | {"vllm_num_requests_running"}, id="rules read it"),
        pytest.param("sglang_num_running_reqs", {"vllm:num_requests_running"}, id="an engine of somebody else's"),
        pytest.param("ray_vllm_num_requests_running", OWN, id="Ray's own spelling"),
        pytest.param("vllm_num_requests_running", frozenset(), id="no fleet.yaml was given"),
    ],
)
def test_says_nothing_of_spellings(seen: str, read: frozenset[str]) -> None:
    assert naming.check(names(seen), read) == ()
