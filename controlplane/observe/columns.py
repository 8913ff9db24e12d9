"""The recent past of a role as columns: one value per tick and reading, ``None`` where it was unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from controlplane.model.page import Labels
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec
from controlplane.model.sighting import RoleSample
from controlplane.observe.windows import LONG, Tick
from controlplane.promql.queries import query

Column = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RolePast:
    """What is remembered of one role."""

    flows: tuple[Tick, ...] = ()
    columns: Mapping[Reading, Column] = field(default_factory=lambda: MappingProxyType({}))
    spec: RoleSpec | None = None
    queries: Mapping[Reading, str] = field(default_factory=lambda: MappingProxyType({}))
    """PromQL per reading, for ``spec``."""


def record(past: RolePast, tick: Tick, now: datetime) -> RolePast:
    """Add what flowed since the last tick; what is older than the longest window is let go."""
    kept = tuple(t for t in past.flows if t.at > now - LONG - LONG / 5)
    return replace(past, flows=(*kept, tick))


def extend(past: RolePast, values: Mapping[Reading, float], before: int, ticks: int, spec: RoleSpec) -> RolePast:
    """Add this tick's values. ``before``: ticks so far; ``ticks``: ticks kept, this one included.

    A reading that was never known so far has no column yet: it gets one full of gaps.
    """
    drop = before + 1 - ticks
    gaps: Column = (None,) * (ticks - 1)
    columns: dict[Reading, Column] = {}
    for reading in Reading:
        column = past.columns.get(reading)
        value = values.get(reading)
        if column is None:
            if value is not None:
                columns[reading] = (*gaps, value)
            continue
        columns[reading] = (*column[drop:], value) if len(column) == before else (*gaps, value)
    queries = past.queries if past.spec is not None and past.spec == spec else queries_of(spec)
    return replace(past, columns=columns, spec=spec, queries=queries)


def queries_of(spec: RoleSpec) -> Mapping[Reading, str]:
    """The query behind each number of a role."""
    where = spec.workload or spec.scaled_object
    matchers: Labels = (("model_name", spec.model.name),)
    if where is not None:
        matchers = (*matchers, ("namespace", where.namespace))
    asked = {reading: query(reading, matchers, spec.engine, role=spec) for reading in Reading}
    return MappingProxyType({reading: text for reading, text in asked.items() if text})


def sources(past: RolePast, sample: RoleSample | None) -> Mapping[Reading, str]:
    """Queries of a role; those Prometheus was really asked come first."""
    return past.queries if sample is None or not sample.sources else {**past.queries, **sample.sources}
