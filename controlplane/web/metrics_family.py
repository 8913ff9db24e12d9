"""Rows become families of the page; what is unknown becomes no row."""

from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from controlplane.promql.exported import Exported

Row = tuple[Sequence[str], float]
"""Label values in the order of the metric's labels, and the value."""


def family(metric: Exported, rows: Iterable[Row]) -> Metric:
    """One metric with its rows."""
    made: GaugeMetricFamily | CounterMetricFamily
    if metric.kind == "counter":
        made = CounterMetricFamily(metric.name.removesuffix("_total"), metric.words, labels=metric.labels)
    else:
        made = GaugeMetricFamily(metric.name, metric.words, labels=metric.labels)
    for labels, value in rows:
        made.add_metric(list(labels), value)
    return made


def known(rows: Iterable[tuple[Sequence[str], float | None]]) -> list[Row]:
    """The rows whose value is known."""
    return [(labels, value) for labels, value in rows if value is not None]
