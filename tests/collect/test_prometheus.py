"""A fleet read from Prometheus over real HTTP: what is partial, stale, surplus or half recovered is unknown."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.clock import SystemClock
from controlplane.collect.answers import AnswerLimits
from controlplane.collect.prometheus import MOST_QUERIES, PrometheusSource, PrometheusView
from controlplane.collect.prometheus_api import PrometheusApi
from controlplane.collect.prometheus_folds import EXPORTER_STALE
from controlplane.collect.prometheus_owners import Chosen
from controlplane.collect.prometheus_questions import Evidence, Question, questions
from controlplane.model.keys import ObjectRef, RoleName
from controlplane.model.page import Fault
from controlplane.model.reading import Reading
from controlplane.model.role import Bounds, Engine, GpuSpec, ModelSpec, ReplicaState, RoleSpec
from controlplane.promql.metric import Signal
from controlplane.promql.queries import LONG, SHORT
from tests.collect.fake_http import Asked, FakeHttp, Reply, fake_http

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
STEP = timedelta(seconds=15)
PLANNER, WORKER = RoleName("planner"), RoleName("worker")
ENGINE_RATES = {Reading.PREEMPTIONS, Reading.REQUESTS, Reading.PROMPT_TOKENS, Reading.OUTPUT_TOKENS}
Row = tuple[dict[str, str], float]


def role(name: RoleName, **more: Any) -> RoleSpec:
    given: dict[str, Any] = {
        "name": name,
        "model": ModelSpec(name=f"m-{name}"),
        "engine": Engine.VLLM,
        "gpus": GpuSpec(type="h100"),
        "replicas": Bounds(min=1, max=4),
        "scaled_object": ObjectRef("ScaledObject", "llm", str(name)),
        "workload": ObjectRef("Deployment", "llm", str(name)),
    }
    return RoleSpec(**given | more)


ROLES = (role(PLANNER), role(WORKER))


def pods(name: RoleName, *numbers: float, namespace: str = "llm") -> list[Row]:
    """One row per replica of a role, with these values."""
    return [
        (
            {"model_name": f"m-{name}", "namespace": namespace, "pod": f"{name}-{i}", "instance": f"10.0.0.{i}:8000"},
            value,
        )
        for i, value in enumerate(numbers)
    ]


def whole(name: RoleName, count: int = 2) -> dict[Question, list[Row]]:
    """Everything that is right with a role of ``count`` replicas."""
    each = [1.0] * count
    model = {"model_name": f"m-{name}"}
    buckets = [({**model, "le": le}, fallen) for le, fallen in (("0.5", 0.5), ("1.0", 0.9), ("+Inf", 1.0))]
    rows: dict[Question, list[Row]] = {
        Question(Evidence.AGE): pods(name, *[5.0] * count),
        Question(Evidence.SHORT): pods(name, *each),
        Question(Evidence.LONG): pods(name, *each),
        Question(Evidence.COUNT): pods(name, *[20.0] * count),
        Question(Evidence.BEFORE): pods(name, *[20.0] * count),
        Question(Evidence.UP): pods(name, *each),
        Question(Signal.RUNNING): pods(name, *[4.0] * count),
        Question(Signal.WAITING): pods(name, *[3.0] * count),
        Question(Signal.KV_USAGE): pods(name, *[0.5] * count),
        Question(Signal.PREFIX_HITS, LONG): [(model, 30.0)],
        Question(Signal.PREFIX_LOOKUPS, LONG): [(model, 40.0)],
        Question(Signal.TTFT, LONG): buckets,
        Question(Signal.TTFT, LONG, edges=True): [(labels, float(count)) for labels, _ in buckets],
    }
    rows |= {Question(s, SHORT): [(model, 7.0)] for s in (Signal.REQUESTS, Signal.PROMPT_TOKENS, Signal.OUTPUT_TOKENS)}
    return rows | {Question(Signal.PREEMPTIONS, SHORT): [(model, 0.0)]}


@dataclass
class FakePrometheus:
    """Answers each question with the rows it is given; a :class:`Reply` instead of rows is sent as it is."""

    rows: dict[Question, list[Row] | Reply]
    texts: Mapping[str, Question]
    http: FakeHttp | None = None
    asked: list[Question | str] = field(default_factory=list)
    down: Reply | None = None

    def answer(self, asked: Asked) -> Reply:
        if self.down:
            return self.down
        text = asked.fields["query"]
        question = self.texts.get(text)
        self.asked.append(question or text)
        rows = [({}, 1e9)] if question is None else self.rows.get(question, [])
        if isinstance(rows, Reply):
            return rows
        result = [{"metric": labels, "value": [1e9, str(value)]} for labels, value in rows]
        return Reply(json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode())

    def put(self, about: str, rows: list[Row] | Reply, **more: Any) -> None:
        """Answer one question differently."""
        self.rows[Question(about, **more)] = rows


@dataclass(frozen=True)
class Setup:
    prometheus: FakePrometheus
    source: PrometheusSource

    def look(self, now: datetime = NOON) -> PrometheusView:
        return self.source.look(now)

    def values(self, name: RoleName = PLANNER) -> Mapping[Reading, float]:
        return self.look().samples[name].values


def setup(*roles: RoleSpec, select: Mapping[RoleName, Mapping[str, str]] | None = None) -> Iterator[Setup]:
    chosen = [
        Chosen(r, tuple(sorted(((select or {}).get(r.name) or {"model_name": r.model.name}).items()))) for r in roles
    ]
    asked = questions(chosen, interval=STEP, fresh=EXPORTER_STALE)
    rows: dict[Question, list[Row] | Reply] = {}
    for r in roles:
        for question, found in whole(r.name).items():
            before = rows.get(question, [])
            assert isinstance(before, list)
            rows[question] = [*before, *found]
    fake = FakePrometheus(rows, {text: question for question, text in asked.items()})
    with fake_http(fake.answer) as fake.http:
        api = PrometheusApi(
            fake.http.url, monotonic=time.perf_counter, limits=AnswerLimits(deadline=timedelta(seconds=2))
        )
        yield Setup(fake, PrometheusSource(api, roles, select=select or {}, clock=SystemClock(), interval=STEP))
        api.close()


@pytest.fixture
def fleet() -> Iterator[Setup]:
    yield from setup(*ROLES)


def test_a_healthy_fleet_has_its_readings(fleet: Setup) -> None:
    view = fleet.look()
    assert view.health.ok
    values = view.samples[PLANNER].values
    assert values[Reading.RUNNING] == 8
    assert values[Reading.WAITING_PER_REPLICA] == 3
    assert values[Reading.KV_USAGE_MAX] == 0.5
    assert values[Reading.OUTPUT_TOKENS] == 7
    assert values[Reading.PREFIX_HIT_RATIO] == 0.75
    assert values[Reading.TTFT_P95] == 1.0
    assert values[Reading.REPLICAS_READY] == 2
    assert values[Reading.COVERAGE] == 1
    replicas = view.samples[PLANNER].replicas
    assert [(r.key.name, r.state, r.values[Reading.WAITING]) for r in replicas] == [
        ("planner-0", ReplicaState.READY, 3.0),
        ("planner-1", ReplicaState.READY, 3.0),
    ]
    assert replicas[0].at == NOON - timedelta(seconds=5)
    assert (
        'rate(vllm:generation_tokens_total{model_name="m-planner"}[1m15s])'
        in (view.samples[PLANNER].sources[Reading.OUTPUT_TOKENS])
    )


def test_all_questions_are_about_one_instant_of_prometheus_clock(fleet: Setup) -> None:
    fleet.look()
    assert fleet.prometheus.http is not None
    first, *rest = fleet.prometheus.http.asked
    assert first.fields["query"] == "vector(time())"
    assert "time" not in first.fields
    assert {a.fields["time"] for a in rest} == {"1000000000.000"}


@pytest.mark.parametrize("count", [1, 3, 200])
def test_the_number_of_queries_does_not_grow_with_the_fleet(count: int) -> None:
    for found in setup(*(role(RoleName(f"r{i}"), engine=list(Engine)[i % 3]) for i in range(count))):
        found.look()
        assert len(found.prometheus.asked) <= MOST_QUERIES


WARNED = json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}, "warnings": ["w"]}).encode()


@pytest.mark.parametrize(
    ("about", "more", "gone"),
    [
        pytest.param(Signal.WAITING, {}, {Reading.WAITING, Reading.WAITING_PER_REPLICA}, id="a gauge"),
        pytest.param(Signal.OUTPUT_TOKENS, {"window": SHORT}, {Reading.OUTPUT_TOKENS}, id="a counter"),
        pytest.param(
            Signal.TTFT, {"window": LONG}, {Reading.TTFT_P50, Reading.TTFT_P95, Reading.TTFT_P99}, id="a histogram"
        ),
        pytest.param(Evidence.SHORT, {}, ENGINE_RATES, id="how whole the minute is"),
    ],
)
def test_a_partial_answer_takes_its_own_readings_and_no_others(
    fleet: Setup, about: str, more: dict[str, Any], gone: set[Reading]
) -> None:
    before = set(fleet.values())
    fleet.prometheus.put(about, Reply(WARNED), **more)
    view = fleet.look()
    assert before - set(view.samples[PLANNER].values) == gone
    assert view.health.fault is Fault.PARTIAL
    assert gone <= set(view.samples[PLANNER].missing)


def test_when_the_age_of_samples_is_not_known_nothing_is(fleet: Setup) -> None:
    fleet.prometheus.put(Evidence.AGE, Reply(WARNED))
    sample = fleet.look().samples[PLANNER]
    assert sample.values == {}
    assert sample.missing[Reading.RUNNING] == "Prometheus did not say how old its samples are"


def test_a_role_without_series_is_unknown_and_not_idle(fleet: Setup) -> None:
    for question, rows in fleet.prometheus.rows.items():
        assert isinstance(rows, list)
        fleet.prometheus.rows[question] = [row for row in rows if row[0]["model_name"] != "m-planner"]
    view = fleet.look()
    assert view.samples[PLANNER].values == {}
    assert view.samples[PLANNER].missing[Reading.OUTPUT_TOKENS].startswith("Prometheus has no series")
    assert view.samples[WORKER].values[Reading.RUNNING] == 8


def test_samples_older_than_two_intervals_are_not_the_present(fleet: Setup) -> None:
    fleet.prometheus.put(Evidence.AGE, [*pods(PLANNER, 31, 31), *pods(WORKER, 5, 5)])
    sample = fleet.look().samples[PLANNER]
    assert sample.values == {Reading.COVERAGE: 0}
    assert "31 s old" in sample.missing[Reading.RUNNING]
    assert {r.state for r in sample.replicas} == {ReplicaState.LOST}


def test_a_replica_that_is_down_halves_the_coverage_and_sums_are_unknown(fleet: Setup) -> None:
    for about in (Evidence.AGE, Signal.RUNNING, Signal.WAITING, Signal.KV_USAGE):
        rows = fleet.prometheus.rows[Question(about)]
        assert isinstance(rows, list)
        fleet.prometheus.put(about, [row for row in rows if row[0]["pod"] != "planner-1"])
    fleet.prometheus.put(Evidence.UP, [*pods(PLANNER, 1, 0), *pods(WORKER, 1, 1)])
    sample = fleet.look().samples[PLANNER]
    assert sample.values[Reading.COVERAGE] == 0.5
    assert Reading.WAITING not in sample.values
    assert sample.missing[Reading.WAITING].startswith("only 1 of 2 replicas answer Prometheus (planner-1 does not)")
    assert sample.values[Reading.WAITING_PER_REPLICA] == 3
    assert Reading.REPLICAS_READY not in sample.values
    assert not ENGINE_RATES & set(sample.values), "half of the replicas make no sum"
    assert [r.state for r in sample.replicas] == [ReplicaState.READY, ReplicaState.LOST]


def test_after_a_gap_sums_wait_for_a_whole_window_and_say_so(fleet: Setup) -> None:
    fleet.prometheus.put(Evidence.SHORT, pods(WORKER, 1, 1))
    fleet.prometheus.put(Evidence.COUNT, [*pods(PLANNER, 2, 2), *pods(WORKER, 20, 20)])
    sample = fleet.look().samples[PLANNER]
    assert sample.values[Reading.RUNNING] == 8
    assert not ENGINE_RATES & set(sample.values)
    assert "not whole yet" in sample.missing[Reading.OUTPUT_TOKENS]
    assert Reading.TTFT_P95 not in sample.values
    assert Reading.PREFIX_HIT_RATIO not in sample.values


def test_a_new_replica_is_no_gap(fleet: Setup) -> None:
    """The second pod was first scraped 20 s ago: what it has done in this minute is all it has ever done."""
    fleet.prometheus.put(Evidence.SHORT, [*pods(PLANNER, 1), *pods(WORKER, 1, 1)])
    fleet.prometheus.put(Evidence.BEFORE, [*pods(PLANNER, 20), *pods(WORKER, 20, 20)])
    fleet.prometheus.put(Evidence.COUNT, [*pods(PLANNER, 20, 2), *pods(WORKER, 20, 20)])
    assert set(fleet.values()) >= ENGINE_RATES


def test_a_replica_that_was_there_before_and_has_a_hole_now_is_one(fleet: Setup) -> None:
    fleet.prometheus.put(Evidence.SHORT, [*pods(PLANNER, 1), *pods(WORKER, 1, 1)])
    sample = fleet.look().samples[PLANNER]
    assert not ENGINE_RATES & set(sample.values)
    assert "have holes" in sample.missing[Reading.OUTPUT_TOKENS]


def test_series_that_two_roles_claim_make_both_unknown(fleet: Setup) -> None:
    twins = (role(PLANNER), role(WORKER, model=ModelSpec(name="m-planner")))
    for found in setup(*twins):
        view = found.look()
        assert all(s.values == {} for s in view.samples.values())
        assert view.health.fault is Fault.PARTIAL
        assert "tell the roles apart by their select" in view.health.detail


def test_the_same_model_in_another_namespace_is_not_added_silently(fleet: Setup) -> None:
    for about, value in ((Evidence.AGE, 5.0), (Signal.RUNNING, 90.0), (Signal.WAITING, 0.0)):
        rows = fleet.prometheus.rows[Question(about)]
        assert isinstance(rows, list)
        fleet.prometheus.put(about, [*rows, *pods(PLANNER, value, namespace="staging")])
    view = fleet.look()
    assert view.samples[PLANNER].values == {}
    assert "namespaces llm, staging: add namespace" in view.health.detail
    assert view.samples[WORKER].values[Reading.RUNNING] == 8


def test_a_namespace_in_select_keeps_the_others_out() -> None:
    for found in setup(role(PLANNER), select={PLANNER: {"model_name": "m-planner", "namespace": "llm"}}):
        for about, value in ((Evidence.AGE, 5.0), (Signal.RUNNING, 90.0)):
            rows = found.prometheus.rows[Question(about)]
            assert isinstance(rows, list)
            found.prometheus.put(about, [*rows, *pods(PLANNER, value, namespace="staging")])
        assert found.values()[Reading.RUNNING] == 8


def test_edges_that_only_some_replicas_have_are_left_out(fleet: Setup) -> None:
    """Two versions side by side: the newer one has a bucket that the older one lacks."""
    model = {"model_name": "m-planner"}
    fallen = (("0.5", 0.4), ("0.75", 0.3), ("1.0", 0.9), ("+Inf", 1.0))
    fleet.prometheus.put(Signal.TTFT, [({**model, "le": le}, v) for le, v in fallen], window=LONG)
    edges = [({**model, "le": le}, 1.0 if le == "0.75" else 2.0) for le, _ in fallen]
    fleet.prometheus.put(Signal.TTFT, edges, window=LONG, edges=True)
    assert fleet.values()[Reading.TTFT_P50] == pytest.approx(0.6)


def test_replicas_and_bounds_come_from_kube_state_metrics(fleet: Setup) -> None:
    where, hpa = (
        {"namespace": "llm", "deployment": "planner"},
        {
            "namespace": "llm",
            "horizontalpodautoscaler": "keda-hpa-planner",
        },
    )
    autoscaler = "horizontalpodautoscaler"
    for signal, kind, labels, value in (
        (Signal.KUBE_SPEC, "deployment", where, 3.0),
        (Signal.KUBE_READY, "deployment", where, 2.0),
        (Signal.HPA_DESIRED, autoscaler, hpa, 4.0),
        (Signal.HPA_MIN, autoscaler, hpa, 1.0),
        (Signal.HPA_MAX, autoscaler, hpa, 5.0),
    ):
        fleet.prometheus.put(signal, [(labels, value)], kind=kind)
    seen = fleet.look().workloads
    assert set(seen) == {PLANNER}
    assert (seen[PLANNER].desired, seen[PLANNER].ready, seen[PLANNER].pending) == (4, 2, 1)
    assert seen[PLANNER].bounds == Bounds(min=1, max=5)


def gpu(pod: str, uuid: str, value: float, namespace: str = "llm") -> Row:
    return {"model_name": "m-planner", "namespace": namespace, "pod": pod, "UUID": uuid}, value


def test_gpus_count_once_and_only_when_every_replica_shows_some(fleet: Setup) -> None:
    fleet.prometheus.put(Evidence.GPU_AGE, [*pods(PLANNER, 20, 20)])
    rows = [gpu("planner-0", "a", 0.25), gpu("planner-1", "b", 0.75), gpu("planner-1", "b", 0.75)]
    fleet.prometheus.put(Signal.GPU_ACTIVITY, rows)
    fleet.prometheus.put(Signal.GPU_MEMORY_USED, rows[:1])
    values = fleet.values()
    assert values[Reading.GPU_ACTIVITY] == 0.5
    assert Reading.GPU_MEMORY_USED not in values
    fleet.prometheus.put(Evidence.GPU_AGE, [*pods(PLANNER, 20, 90)])
    assert Reading.GPU_ACTIVITY not in fleet.values(), "an exporter that stopped does not speak for the present"


@pytest.mark.parametrize(
    ("trouble", "fault"),
    [
        pytest.param(Reply(b"{}", 401), Fault.UNAUTHORISED, id="401"),
        pytest.param(Reply(hang=True), Fault.TIMEOUT, id="hangs"),
        pytest.param(Reply(b"{}", 500), Fault.STATUS, id="500"),
    ],
)
def test_a_prometheus_that_is_down_is_unknown_and_asked_ever_more_rarely(
    fleet: Setup, trouble: Reply, fault: Fault
) -> None:
    assert fleet.look().health.ok
    fleet.prometheus.down = trouble
    assert fleet.prometheus.http is not None
    before = len(fleet.prometheus.http.asked)
    for i in range(1, 6):
        view = fleet.look(NOON + i * STEP)
        assert view.samples == {}
        assert view.health.fault is fault
        assert view.health.last_good == NOON
    assert len(fleet.prometheus.http.asked) - before == 2, "at once, then once more; then it is left alone"


def test_when_it_dies_in_the_middle_of_a_tick_the_rest_is_not_asked(fleet: Setup) -> None:
    for question in fleet.prometheus.texts.values():
        fleet.prometheus.rows[question] = Reply(hang=True)
    begun = time.perf_counter()
    assert fleet.look().health.fault is Fault.TIMEOUT
    assert time.perf_counter() - begun < 6


def test_a_fleet_without_roles_asks_nothing_but_the_time(fleet: Setup) -> None:
    assert fleet.prometheus.http is not None
    api = PrometheusApi(fleet.prometheus.http.url, monotonic=time.perf_counter)
    source = PrometheusSource(api, (), select={}, clock=SystemClock(), interval=STEP)
    assert source.look(NOON).samples == {}
    assert len(fleet.prometheus.http.asked) == 1
    api.close()
