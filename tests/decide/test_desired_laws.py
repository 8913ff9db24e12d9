"""Laws of the wish: more load never asks for fewer, and no load whatever leaves the bounds."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.decide.desired import desired
from controlplane.decide.law import DEFAULT_LAW
from controlplane.model.belief import RoleBeliefs, Start, Throughput
from controlplane.model.desired import Binding
from controlplane.model.keys import ReplicaKey
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView
from tests.builders import NOON, PLANNER, Course, a_role, a_spec, some_beliefs, ticking

TICKS = 61
LOAD = (Reading.RUNNING, Reading.WAITING, Reading.REQUESTS, Reading.PROMPT_TOKENS, Reading.OUTPUT_TOKENS)

numbers = st.floats(0, 200, allow_nan=False)
maybe = st.one_of(st.none(), numbers, numbers, numbers, numbers)


def courses(values: st.SearchStrategy[float | None]) -> st.SearchStrategy[Course]:
    """Four levels over a quarter of an hour, each held for a while."""
    return st.lists(values, min_size=4, max_size=4).map(lambda v: ticking(*(v[i * 4 // TICKS] for i in range(TICKS))))


@st.composite
def roles(draw: st.DrawFn, values: st.SearchStrategy[float | None] = maybe) -> RoleView:
    """Any role: its past, how many there are, its bounds."""
    requests = draw(courses(values))
    least, most = sorted((draw(st.integers(1, 12)), draw(st.integers(1, 12))))
    waiting = draw(courses(values))
    return a_role(
        a_spec(least=least, most=most),
        ready=draw(st.integers(1, 12)),
        desired=draw(st.integers(1, 14)),
        requests=requests,
        prompt_tokens=ticking(*(None if v is None else v * 800 for v in requests.values)),
        output_tokens=ticking(*(None if v is None else v * 200 for v in requests.values)),
        running=draw(courses(values)),
        waiting=waiting,
        kv_usage=draw(courses(st.one_of(st.none(), st.floats(0, 1)) if values is maybe else st.floats(0, 1))),
        ttft_p95=draw(st.one_of(st.none(), st.floats(0.01, 5))),
        queue_p95=draw(st.one_of(st.none(), st.floats(0, 3))),
        itl_p95=draw(st.floats(0.001, 0.1)),
        coverage=draw(st.sampled_from([1.0, 1.0, 0.9, 0.5, None])),
    )


@st.composite
def beliefs(draw: st.DrawFn) -> RoleBeliefs:
    """Capacity and cold start known or not."""
    capacity, lead = draw(st.floats(0.1, 20)), draw(st.floats(1, 900))
    start = Start(replica=ReplicaKey(PLANNER, "planner-9"), ready=NOON, seconds=lead)
    sample = Throughput(at=NOON, requests=capacity, tokens=1000.0)
    return some_beliefs(
        starts=(start,) * draw(st.integers(0, 1)), throughputs=(sample,) * draw(st.sampled_from([0, 6]))
    )


def wished(role: RoleView, believed: RoleBeliefs) -> int | None:
    return desired(role, believed, DEFAULT_LAW, now=NOON).replicas


def with_columns(role: RoleView, **changed: tuple[float | None, ...]) -> RoleView:
    return replace(role, columns={**role.columns, **{Reading(name): values for name, values in changed.items()}})


@settings(max_examples=150, deadline=None)
@given(roles(), beliefs())
def test_the_wish_never_leaves_the_bounds_of_fleet_yaml(role: RoleView, believed: RoleBeliefs):
    count = wished(role, believed)
    assert count is None or role.spec.replicas.min <= count <= role.spec.replicas.max


@settings(max_examples=150, deadline=None)
@given(roles(numbers), beliefs(), st.floats(1, 5))
def test_the_same_traffic_times_more_never_asks_for_fewer(role: RoleView, believed: RoleBeliefs, times: float):
    grown = replace(
        role,
        columns={
            reading: tuple(None if v is None else v * times for v in values) if reading in LOAD else values
            for reading, values in role.columns.items()
        },
    )
    assert (wished(grown, believed) or 0) >= (wished(role, believed) or 0)


@settings(max_examples=150, deadline=None)
@given(roles(numbers), beliefs(), st.sampled_from(["running", "waiting", "kv_usage", "ttft_p95"]), st.floats(0, 100))
def test_more_at_the_newest_tick_never_asks_for_fewer(role: RoleView, believed: RoleBeliefs, reading: str, more: float):
    column = role.columns[Reading(reading)]
    last = column[-1]
    if last is None:
        return
    added = min(1.0, last + more) if reading == "kv_usage" else last + more
    grown = with_columns(role, **{reading: (*column[:-1], added)})
    assert (wished(grown, believed) or 0) >= (wished(role, believed) or 0)


@settings(max_examples=150, deadline=None)
@given(roles(numbers), beliefs(), st.sampled_from(["running", "waiting", "kv_usage", "coverage"]))
def test_an_input_taken_away_never_takes_a_replica_away(role: RoleView, believed: RoleBeliefs, reading: str):
    """I1: never down on no data; within what fleet.yaml allows."""
    blind = desired(with_columns(role, **{reading: (None,) * TICKS}), believed, DEFAULT_LAW, now=NOON)
    there = int(role.now(Reading.REPLICAS_DESIRED) or 0)
    assert blind.replicas is None or blind.replicas >= min(there, role.spec.replicas.max)


@settings(max_examples=100, deadline=None)
@given(roles(), beliefs(), st.integers(2, 15))
def test_a_gap_bars_the_way_down_for_a_full_window(role: RoleView, believed: RoleBeliefs, ticks_ago: int):
    lost = tuple(None if ticks_ago <= TICKS - 1 - i < ticks_ago + 4 else v for i, v in enumerate((1.0,) * TICKS))
    said = desired(with_columns(role, coverage=lost), believed, DEFAULT_LAW, now=NOON)
    there = int(role.now(Reading.REPLICAS_DESIRED) or 0)
    assert said.replicas is None or said.replicas >= min(there, role.spec.replicas.max)


@settings(max_examples=50, deadline=None)
@given(roles(), beliefs())
def test_the_same_inputs_give_the_same_wish(role: RoleView, believed: RoleBeliefs):
    first, second = (desired(role, believed, DEFAULT_LAW, now=NOON) for _ in range(2))
    assert first == second
    assert first.valid == (first.binding is not Binding.UNKNOWN)
