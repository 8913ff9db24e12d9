"""The query behind each number parses, and asks for the same thing the embedded path computes."""

import promql_parser
import pytest

from controlplane.model.reading import Reading
from controlplane.model.role import Engine
from controlplane.promql.dialects import dialects, spoken, today
from controlplane.promql.metric import Signal
from controlplane.promql.queries import answering, batched, query, total
from tests.builders import a_spec

ROLE = a_spec()
M = (("model_name", "m"),)
UNASKED = {Reading.COVERAGE}


@pytest.mark.parametrize("engine", list(Engine))
@pytest.mark.parametrize("reading", [r for r in Reading if r not in UNASKED])
def test_every_reading_of_every_engine_has_a_query_that_parses(reading, engine):
    promql_parser.parse(query(reading, M, engine, role=ROLE))


@pytest.mark.parametrize(
    "reading", [r for r in Reading if r not in UNASKED and "dollars" not in r and "replicas" not in r]
)
def test_one_query_can_ask_for_all_roles_of_all_engines(reading):
    asked = batched(reading, (), tuple(Engine), by=("model_name", "namespace"))
    promql_parser.parse(asked)
    assert "by (model_name, namespace" in asked


@pytest.mark.parametrize(
    ("reading", "engine", "expected"),
    [
        (Reading.WAITING, Engine.VLLM, 'sum(vllm:num_requests_waiting{model_name="m"})'),
        (Reading.OUTPUT_TOKENS, Engine.RAY_SERVE, 'sum(rate(ray_vllm_generation_tokens_total{model_name="m"}[1m]))'),
        (
            Reading.KV_USAGE,
            Engine.VLLM,
            (
                "avg(max by (namespace, pod, instance) (("
                'vllm:kv_cache_usage_perc{model_name="m"} or vllm:gpu_cache_usage_perc{model_name="m"})))'
            ),
        ),
        (
            Reading.ITL_P95,
            Engine.VLLM,
            (
                "histogram_quantile(0.95, sum by (le) ("
                '(rate(vllm:inter_token_latency_seconds_bucket{model_name="m"}[5m]) or '
                'rate(vllm:time_per_output_token_seconds_bucket{model_name="m"}[5m]))))'
            ),
        ),
        (
            Reading.RUNNING,
            Engine.SGLANG,
            'sum(max without (tp_rank, pp_rank, moe_ep_rank) (sglang:num_running_reqs{model_name="m",priority=""}))',
        ),
    ],
)
def test_queries_are_what_a_person_would_write(reading, engine, expected):
    assert query(reading, M, engine) == expected


def test_a_workload_is_asked_of_kube_state_metrics_else_replicas_are_counted():
    with_workload = query(Reading.REPLICAS_READY, M, Engine.VLLM, role=ROLE)
    assert with_workload == 'kube_deployment_status_replicas_ready{deployment="planner",namespace="llm"}'
    without = query(Reading.REPLICAS_READY, M, Engine.VLLM, role=a_spec(workload=False, scaled_object=False))
    assert without == answering(M, (Engine.VLLM,))


def test_a_hostile_model_name_stays_inside_its_quotes():
    asked = query(Reading.WAITING, (("model_name", 'x"} or vector(0) or up{a="'),), Engine.VLLM)
    parsed = promql_parser.parse(asked)
    assert parsed.expr.matchers.matchers[0].value == 'x"} or vector(0) or up{a="'


def test_a_counter_without_a_window_means_nothing():
    with pytest.raises(ValueError, match="over a window"):
        total(Signal.OUTPUT_TOKENS, M, spoken((Engine.VLLM,)))


def test_rewritten_names_are_asked_for_where_there_may_be_some_and_rays_have_no_colon_to_lose():
    said = (spoken(tuple(Engine), rewritten=rewritten) for rewritten in (False, True))
    plain, both = (total(Signal.RUNNING, M, names, by=("model_name",)) for names in said)
    assert both.startswith(plain.removesuffix(")"))
    assert both.count("vllm_num_requests_running") == 2, "Ray's and the rewritten one"
    assert "sglang_num_running_reqs" not in plain
    promql_parser.parse(both)


@pytest.mark.parametrize("engine", list(Engine))
def test_what_an_engine_of_today_says_is_the_first_of_what_a_prometheus_may_hold_of_it(engine):
    assert dialects(engine, rewritten=True)[0].forms[:1] == today(engine).forms
    assert dialects(engine)[0].source is today(engine).source
