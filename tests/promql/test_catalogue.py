"""The catalogue is the one place that knows names; docs and scrapers follow it."""

from pathlib import Path

import pytest

from controlplane.model.reading import Reading
from controlplane.promql.catalogue import CATALOGUE, KNOWN, WANTED, engine_reading, metrics, signals, wire_names
from controlplane.promql.document import markdown
from controlplane.promql.metric import ENGINE_SIGNALS, Kind, Signal, Source

DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
NOT_FROM_SIGNALS = {Reading.COVERAGE, Reading.DOLLARS_PER_HOUR}


def test_the_metrics_page_of_the_docs_is_up_to_date():
    assert DOCS.read_text() == markdown(), "write it anew: make artifacts"


@pytest.mark.parametrize("reading", [r for r in Reading if r not in NOT_FROM_SIGNALS])
def test_every_reading_is_made_of_signals_some_metric_feeds(reading):
    assert signals(reading)
    for signal in signals(reading):
        assert any(metrics(source, signal) for source in Source), signal


@pytest.mark.parametrize("source", [Source.VLLM, Source.SGLANG])
def test_both_engines_can_feed_every_engine_signal(source):
    assert all(metrics(source, signal) for signal in ENGINE_SIGNALS)


def test_no_entry_is_there_twice():
    seen = [(m.name, m.feeds, m.only) for m in CATALOGUE]
    assert len(seen) == len(set(seen))


def test_scrapers_keep_all_spellings_and_of_histograms_the_buckets():
    for name in (
        "vllm:kv_cache_usage_perc",
        "vllm:gpu_cache_usage_perc",
        "vllm_num_requests_waiting",
        "ray_vllm_num_requests_waiting",
        "ray_vllm_time_to_first_token_seconds_bucket",
        "sglang:token_usage",
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
        "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO",
        "kube_deployment_status_replicas_ready",
        "process_start_time_seconds",
    ):
        assert name in WANTED
    assert "vllm:time_to_first_token_seconds_sum" not in WANTED


def test_every_wire_name_leads_back_to_its_metric():
    for metric in CATALOGUE:
        for name in wire_names(metric):
            assert metric in KNOWN[name]


def test_a_renamed_metric_comes_after_its_successor():
    for signal in ENGINE_SIGNALS:
        ages = [bool(metric.until) for metric in metrics(Source.VLLM, signal)]
        assert ages == sorted(ages), signal


def test_units_of_memory_differ_between_exporter_versions_and_end_in_bytes():
    new, old = metrics(Source.DCGM, Signal.GPU_MEMORY_USED)
    assert (new.name, new.scale) == ("DCGM_FI_DEV_FB_USED_BYTES", 1)
    assert (old.name, old.scale) == ("DCGM_FI_DEV_FB_USED", 1048576)


def test_the_histogram_with_a_counters_name_is_not_taken_for_one():
    assert not any(m.name == "vllm:iteration_tokens_total" for m in CATALOGUE)
    counters = [m for m in CATALOGUE if m.kind is Kind.COUNTER and m.source is not Source.DCGM]  # it has its own way
    assert all(m.name.endswith("_total") for m in counters)


def test_gpu_readings_are_not_expected_of_engines():
    assert engine_reading(Reading.WAITING)
    assert not engine_reading(Reading.GPU_ACTIVITY)
    assert not engine_reading(Reading.COVERAGE)
