"""A counter's first event is seen: ``increase`` alone misses it, since a counter is born at 1, not raised to it."""

from collections.abc import Sequence
from datetime import timedelta

from controlplane.generate.alerts.alert import both
from controlplane.generate.rules.moved import told
from controlplane.generate.rules.rule import on
from controlplane.promql import exported
from controlplane.promql.exported import Exported
from controlplane.promql.expr import Match, aggregate, call, duration, select


def grew(metric: Exported, window: timedelta, by: tuple[str, ...], where: Sequence[Match] = ()) -> str:
    """How much one of our counters grew in ``window``, where it did.

    A series that is there and was not is an event, too; but not when we were not there either: then all are new.
    """
    past = f"offset {duration(window)}"
    chosen = select(metric.name, where=where)
    risen = told(call("increase", select(metric.name, window=window, where=where)), "sum", by)
    now, before = told(chosen, "sum", by), told(f"{chosen} {past}", "sum", by)
    awake = aggregate("group", f"{exported.BUILD_INFO.name} {past}", ("cluster",))
    return both(f"{risen} > 0", f"or ({now} unless {on(by)} {before}) > 0 and on (cluster) {awake}")
