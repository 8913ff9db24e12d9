"""Builders of what is seen: courses of readings, roles, replicas, fleets, and what was learned of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from controlplane.model.belief import RoleBeliefs
from controlplane.model.fleet import Fleet, SourceHealth
from controlplane.model.keys import ObjectRef, ReplicaKey, RoleName
from controlplane.model.page import Fault
from controlplane.model.reading import Reading
from controlplane.model.role import (
    Bounds,
    Engine,
    GpuSpec,
    Mode,
    ModelSpec,
    Objectives,
    ReplicaState,
    ReplicaView,
    RoleSpec,
    RoleView,
)

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
STEP = timedelta(seconds=15)
MINUTE = timedelta(minutes=1)
PLANNER = RoleName("planner")


@dataclass(frozen=True, slots=True)
class Course:
    """How one reading went, oldest first; the last value is at the newest tick."""

    values: tuple[float | None, ...]
    step: timedelta


Values = Course | float | None
"""A course, or one value held all the time; ``None`` is a reading that was never known."""


def minutely(*values: float | None) -> Course:
    """One value a minute, the last one now. Nothing at all when called without values."""
    return Course(values, MINUTE)


def ticking(*values: float | None, step: timedelta = STEP) -> Course:
    """One value a tick of 15 s, the last one now."""
    return Course(values, step)


def steady(value: float | None, span: timedelta = timedelta(minutes=45), step: timedelta = STEP) -> Course:
    """The same value at every tick of ``span`` and at its beginning."""
    return Course((value,) * (int(span / step) + 1), step)


def a_spec(
    name: str = "planner",
    *,
    model: str = "meta-llama/Llama-3.3-70B-Instruct",
    engine: Engine = Engine.VLLM,
    kv_cache_dtype: str = "auto",
    least: int = 1,
    most: int = 8,
    price: float | None = 2.5,
    gpus: float = 2.0,
    ttft: float | None = 2.0,
    itl: float | None = 0.06,
    mode: Mode = Mode.PROPOSE,
    scaled_object: bool = True,
    workload: bool = True,
) -> RoleSpec:
    """A role as fleet.yaml declares it."""
    return RoleSpec(
        name=RoleName(name),
        model=ModelSpec(name=model, precision="fp8", kv_cache_dtype=kv_cache_dtype),
        engine=engine,
        gpus=GpuSpec(type="h100-pcie-80gb", per_replica=gpus, dollars_per_hour=price),
        replicas=Bounds(min=least, max=most),
        namespace="llm",
        slo=Objectives(ttft_p95=ttft, itl_p95=itl),
        mode=mode,
        scaled_object=ObjectRef("ScaledObject", "llm", name) if scaled_object else None,
        workload=ObjectRef("Deployment", "llm", name) if workload else None,
    )


def a_replica(
    role: str = "planner",
    number: int = 0,
    *,
    state: ReplicaState = ReplicaState.READY,
    at: datetime = NOON,
    started: datetime | None = None,
    fault: str | None = None,
    values: Mapping[Reading, float] | None = None,
) -> ReplicaView:
    """One replica, by default ready and just read."""
    return ReplicaView(
        key=ReplicaKey(RoleName(role), f"{role}-{number}"),
        state=state,
        at=at,
        started=started,
        node=f"gpu-{number}",
        url=f"http://10.0.0.{number + 1}:8000/metrics",
        engine=Engine.VLLM,
        version="≥0.32",
        fault=fault,
        values=MappingProxyType(dict(values or {})),
    )


def a_role(
    spec: RoleSpec | None = None,
    *,
    at: datetime = NOON,
    ready: float | None = 2,
    desired: float | None = None,
    pending: float | None = None,
    bounds: Bounds | None = None,
    bounds_seen: bool = True,
    replicas: tuple[ReplicaView, ...] | None = None,
    missing: Mapping[Reading, str] | None = None,
    **readings: Values,
) -> RoleView:
    """A role at a tick. Readings are named in lower case (``waiting_per_replica=minutely(1, 9, 9)``).

    A shorter course is unknown before it begins. A plain number is held for as long as the longest
    course, or for 45 minutes of 15 s ticks when there is none.
    """
    spec = spec or a_spec()
    wished = desired if desired is not None else ready
    if pending is None and wished is not None and ready is not None:
        pending = max(0, wished - ready)
    named: dict[Reading, Values] = {
        Reading.REPLICAS_READY: ready,
        Reading.REPLICAS_DESIRED: wished,
        Reading.REPLICAS_PENDING: pending,
        Reading.COVERAGE: 1.0,
    }
    named.update({Reading(name): values for name, values in readings.items()})
    courses = [c for c in named.values() if isinstance(c, Course)]
    step = courses[0].step if courses else STEP
    assert all(c.step == step for c in courses), "courses of one role share a step"
    length = max((len(c.values) for c in courses), default=181)
    ticks = tuple(at - step * (length - 1 - i) for i in range(length))
    columns: dict[Reading, tuple[float | None, ...]] = {}
    for reading, values in named.items():
        if isinstance(values, Course):
            columns[reading] = (None,) * (length - len(values.values)) + tuple(values.values)
        else:
            columns[reading] = (values,) * length
    if replicas is None:
        replicas = tuple(a_replica(spec.name, n, at=at) for n in range(int(ready or 0)))
    return RoleView(
        spec=spec,
        at=at,
        step=step,
        ticks=ticks,
        columns=MappingProxyType(columns),
        replicas=replicas,
        bounds=(bounds or spec.replicas) if bounds_seen else None,
        sources=MappingProxyType({r: f'{r.value}{{role="{spec.name}"}}' for r in columns}),
        missing=MappingProxyType(dict(missing or {})),
    )


CALM: Mapping[str, float] = MappingProxyType(
    {
        "running": 6.0,
        "waiting": 0.0,
        "waiting_per_replica": 0.0,
        "kv_usage": 0.45,
        "kv_usage_max": 0.5,
        "preemptions": 0.0,
        "requests": 2.0,
        "prompt_tokens": 4000.0,
        "cached_tokens": 2800.0,
        "output_tokens": 600.0,
        "prefix_queried": 4000.0,
        "prefix_hit_ratio": 0.7,
        "ttft_p50": 0.3,
        "ttft_p95": 0.8,
        "ttft_p99": 1.1,
        "itl_p50": 0.02,
        "itl_p95": 0.03,
        "itl_p99": 0.04,
        "e2e_p50": 4.0,
        "e2e_p95": 9.0,
        "queue_p50": 0.0,
        "queue_p95": 0.01,
        "gpu_activity": 0.7,
        "gpu_dram_activity": 0.5,
        "gpu_memory_used": 2.5e11,
        "dollars_per_hour": 10.0,
        "dollars_per_mtok": 0.6,
    }
)
"""Readings of a role that is well: nothing to find, nothing to save."""


def a_calm_role(spec: RoleSpec | None = None, **over: Values) -> RoleView:
    """A role with every reading known and nothing wrong; ``over`` replaces readings."""
    readings: dict[str, Values] = {**CALM}
    readings.update(over)
    return a_role(spec, **readings)  # type: ignore[arg-type]  # replica shortcuts may be among them


IDLE: Mapping[str, float] = MappingProxyType(
    {
        "running": 0.0,
        "requests": 0.0,
        "prompt_tokens": 0.0,
        "cached_tokens": 0.0,
        "output_tokens": 0.0,
        "prefix_queried": 0.0,
        "kv_usage": 0.0,
        "kv_usage_max": 0.0,
        "gpu_activity": 0.01,
        "gpu_dram_activity": 0.01,
    }
)
"""What differs from a calm role when nobody asks for anything."""


def a_source(name: str = "planner-0", *, ok: bool = True, role: str | None = "planner") -> SourceHealth:
    """One place we read from."""
    return SourceHealth(
        name=name,
        kind="engine",
        role=RoleName(role) if role else None,
        last_good=NOON if ok else None,
        fault=None if ok else Fault.REFUSED,
    )


def a_fleet(
    *roles: RoleView,
    at: datetime | None = None,
    sources: tuple[SourceHealth, ...] | None = None,
    budget: float | None = None,
) -> Fleet:
    """A fleet of these roles, with one healthy source a replica."""
    roles = roles or (a_calm_role(),)
    if sources is None:
        sources = tuple(a_source(r.key.name, role=role.name) for role in roles for r in role.replicas)
    return Fleet(
        name="agents-test",
        at=at or roles[0].at,
        roles=MappingProxyType({role.name: role for role in roles}),
        sources=sources,
        budget_dollars_per_hour=budget,
    )


def some_beliefs(role: str = "planner", **known: object) -> RoleBeliefs:
    """What has been learned about a role; nothing, unless told, but that it has been watched for a month."""
    return replace(RoleBeliefs(role=RoleName(role), watched_since=NOON - timedelta(days=30)), **known)  # type: ignore[arg-type]
