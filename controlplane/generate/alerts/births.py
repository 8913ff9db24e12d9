"""A counter's first event is seen: ``increase`` alone misses it, since a counter is born at 1, not raised to it."""

from collections.abc import Sequence
from datetime import timedelta

from controlplane.generate.alerts.alert import both
from controlplane.generate.rules.rule import on
from controlplane.promql import exported
from controlplane.promql.exported import Exported
from controlplane.promql.expr import Match, aggregate, call, duration, relabel, select


def grew(metric: Exported, window: timedelta, by: tuple[str, ...], where: Sequence[Match] = ()) -> str:
    """How much one of our counters grew in ``window``, where it did.

    A series that is there and was not is an event, too; but not when we were not there either: then all are new.
    """
    past = f"offset {duration(window)}"
    chosen = select(metric.name, where=where)
    told = aggregate("sum", _ours(call("increase", select(metric.name, window=window, where=where)), metric), by)
    now, before = (aggregate("sum", _ours(text, metric), by) for text in (chosen, f"{chosen} {past}"))
    awake = aggregate("group", f"{exported.BUILD_INFO.name} {past}", ("cluster",))
    return both(f"{told} > 0", f"or ({now} unless {on(by)} {before}) > 0 and on (cluster) {awake}")


def _ours(expression: str, metric: Exported) -> str:
    """Without honorLabels a label of ours is moved to ``exported_…``: put it back."""
    return relabel(expression, "namespace", "exported_namespace") if "namespace" in metric.labels else expression
