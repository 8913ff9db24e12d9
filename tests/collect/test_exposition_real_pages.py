"""Pages of real servers: held against another parser, and cut everywhere."""

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from controlplane.collect.exposition import PageReader, parse
from controlplane.errors import ExpositionError
from controlplane.model.page import Fault, MetricKey
from tests.collect.pages import REAL, TEXT, real


@pytest.mark.parametrize("name", REAL)
def test_a_real_page_is_read_as_the_prometheus_client_reads_it(name: str):
    page = parse(real(name))
    theirs = {
        MetricKey(sample.name, tuple(sorted((k, v) for k, v in sample.labels.items() if v))): sample.value
        for family in text_string_to_metric_families(real(name).decode())
        for sample in family.samples
    }
    ours = dict(zip(page.layout.keys, page.values, strict=True))
    assert ours.keys() == theirs.keys()
    assert all(v == theirs[k] or (math.isnan(v) and math.isnan(theirs[k])) for k, v in ours.items())


def test_readings_are_what_the_page_says_by_hand():
    page = parse(real("vllm-0.32.0-planner-1"))
    values = {str(key): value for key, value in zip(page.layout.keys, page.values, strict=True)}
    own = 'engine="0",model_name="planner"'
    assert values[f"vllm:num_requests_running{{{own}}}"] == 4.0
    assert values[f"vllm:kv_cache_usage_perc{{{own}}}"] == 0.5368421052631579
    assert values[f"vllm:prompt_tokens_total{{{own}}}"] == 141523.0
    bucket = 'vllm:time_to_first_token_seconds_bucket{engine="0",le="0.5",model_name="planner"}'
    assert values[bucket] == 112.0
    assert values[f"vllm:time_to_first_token_seconds_count{{{own}}}"] == 220.0
    assert page.layout.types["vllm:time_to_first_token_seconds"] == "histogram"
    assert len(page.values) == 430


@pytest.mark.parametrize("name", ["vllm-0.32.0-planner-1", "litellm-1.109.1-idle"])
def test_a_real_page_cut_within_a_line_is_refused_at_every_byte(name: str):
    body = real(name)
    reader = PageReader()
    whole = reader.read(body, TEXT)
    for end in range(len(body)):
        if end and body[end - 1 : end] != b"\n":
            with pytest.raises(ExpositionError) as caught:
                reader.read(body[:end], TEXT)
            assert caught.value.fault is Fault.TRUNCATED
    assert reader.read(body, TEXT) == whole


@pytest.mark.parametrize("name", REAL)
def test_a_real_openmetrics_page_cut_anywhere_is_refused(name: str):
    """OpenMetrics has an end mark: not even a cut between two lines goes unseen."""
    body = b"\n".join(line for line in real(name).split(b"\n") if not line.startswith(b"# HELP")) + b"# EOF\n"
    body = body.replace(b" untyped\n", b" unknown\n")
    whole = parse(body, openmetrics=True)
    assert whole.values == parse(real(name)).values
    for end in range(0, len(body) - 1, 7):
        with pytest.raises(ExpositionError):
            parse(body[:end], openmetrics=True)
