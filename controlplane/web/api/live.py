"""The API's words for what is now: sources, replicas, roles, the fleet, readings over time."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from controlplane.loop.desk import Health
from controlplane.model.desired import Desired
from controlplane.model.fleet import SourceHealth
from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaView, RoleView
from controlplane.verify.rights import Lacking
from controlplane.web.api.schemas import Shape


class Source(Shape):
    """How one place we read from is doing."""

    name: str
    kind: str
    role: str | None
    ok: bool
    last_good: datetime | None
    fault: str | None
    detail: str
    took_seconds: float | None
    series: int | None

    @classmethod
    def of(cls, s: SourceHealth) -> "Source":
        return cls(
            name=s.name,
            kind=s.kind,
            role=s.role,
            ok=s.ok,
            last_good=s.last_good,
            fault=s.fault,
            detail=s.detail,
            took_seconds=s.took_seconds,
            series=s.series,
        )


class Replica(Shape):
    """One serving instance; readings that are unknown are left out."""

    name: str
    state: str
    node: str | None
    url: str | None
    engine: str | None
    version: str | None
    started: datetime | None
    read: datetime | None
    fault: str | None
    readings: dict[str, float]

    @classmethod
    def of(cls, r: ReplicaView) -> "Replica":
        return cls(
            name=r.key.name,
            state=r.state,
            node=r.node,
            url=r.url,
            engine=r.engine,
            version=r.version,
            started=r.started,
            read=r.at,
            fault=r.fault,
            readings={k.value: v for k, v in r.values.items()},
        )


class NeedOut(Shape):
    """How many replicas one view of the load asks for, before rounding; null while that view is blind."""

    binding: str
    replicas: float | None
    said: str


class WishOut(Shape):
    """How many replicas we would run, what decided it, and what it was made of; null while we cannot tell."""

    replicas: int | None
    binding: str
    because: str
    needs: list[NeedOut]

    @classmethod
    def of(cls, d: Desired) -> "WishOut":
        return cls(
            replicas=d.replicas,
            binding=d.binding,
            because=d.because,
            needs=[NeedOut(binding=n.binding, replicas=n.replicas, said=n.said) for n in d.needs],
        )


class RoleOut(Shape):
    """A role at the last tick. Every reading is listed: a number, or null with the reason in ``missing``."""

    name: str
    model: str
    engine: str
    mode: str
    gpu: str
    gpus_per_replica: float
    min: int
    max: int
    at: datetime
    readings: dict[str, float | None]
    units: dict[str, str]
    queries: dict[str, str]
    missing: dict[str, str]
    replicas: list[Replica]
    desired: WishOut | None

    @classmethod
    def of(cls, v: RoleView, wish: Desired | None) -> "RoleOut":
        bounds = v.in_force
        return cls(
            name=v.name,
            model=v.spec.model.name,
            engine=v.spec.engine,
            mode=v.spec.mode,
            gpu=v.spec.gpus.type,
            gpus_per_replica=v.spec.gpus.per_replica,
            min=bounds.min,
            max=bounds.max,
            at=v.at,
            readings={r.value: v.now(r) for r in Reading},
            units={r.value: r.unit.value for r in Reading},
            queries=_named(v.sources),
            missing=_named(v.missing),
            replicas=[Replica.of(r) for r in v.replicas],
            desired=WishOut.of(wish) if wish else None,
        )


def _named(by_reading: Mapping[Reading, str]) -> dict[str, str]:
    return {reading.value: words for reading, words in by_reading.items()}


class Stop(Shape):
    """The kill switch."""

    on: bool
    by: str | None = None
    at: datetime | None = None
    reason: str | None = None


class FleetOut(Shape):
    """The fleet at the last tick."""

    name: str
    at: datetime | None
    age_seconds: float | None
    roles: list[str]
    dollars_per_hour: float | None
    budget_dollars_per_hour: float | None
    sources: list[Source]
    stop: Stop


class LoopOut(Shape):
    """One of the service's own loops."""

    name: str
    last_success: datetime | None
    error: str | None


class LeadOut(Shape):
    """Who walks, where several control planes share a ledger; null where there can be only one."""

    here: bool
    fence: int
    holder: str | None
    since: datetime | None


class MissingRight(Shape):
    """A right at the API server without which changes of an object are refused."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    said: str
    since: datetime
    last: datetime
    times: int

    @classmethod
    def of(cls, one: Lacking) -> "MissingRight":
        right = one.right
        return cls(
            verb=right.verb,
            group=right.group,
            resource=right.resource,
            namespace=right.namespace,
            name=right.name,
            said=one.said,
            since=one.since,
            last=one.last,
            times=one.times,
        )


class HealthOut(Shape):
    """How the service itself is."""

    loops: list[LoopOut]
    lead: LeadOut | None
    missing_rights: list[MissingRight]

    @classmethod
    def of(cls, h: Health, rights: Sequence[Lacking]) -> "HealthOut":
        names = sorted({*h.last_success, *h.errors})
        lead = h.lead and LeadOut(
            here=h.lead.here, fence=h.lead.fence, holder=h.lead.holder or None, since=h.lead.since
        )
        return cls(
            loops=[LoopOut(name=n, last_success=h.last_success.get(n), error=h.errors.get(n)) for n in names],
            lead=lead,
            missing_rights=[MissingRight.of(one) for one in rights],
        )


class Points(Shape):
    """One reading of a role over time; ``values[i]`` at ``at[i]``, null where unknown."""

    role: str
    reading: str
    unit: str
    step_seconds: float
    at: list[datetime]
    values: list[float | None]
