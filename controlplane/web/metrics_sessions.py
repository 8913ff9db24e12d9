"""Sessions on our metrics page: counters and histograms as the ledger keeps them, gauges of what is active.

Histograms are written from their stored series, not observed here: every replica of the control plane shows the same.
"""

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client.core import HistogramMetricFamily, Metric

from controlplane.loop.sessions import SessionBook
from controlplane.promql import exported as ours
from controlplane.promql.exported import Exported
from controlplane.web.metrics_family import family

Series = defaultdict[str, list[tuple[tuple[str, ...], float]]]
"""Name of a series → its label values and value."""


def session_families(book: SessionBook) -> Iterator[Metric]:
    """The families of :data:`controlplane.promql.exported.SESSIONS`, in its order."""
    numbers = book.numbers()
    gauges = {
        ours.SESSIONS_ACTIVE: [((a.tenant, a.role or ""), float(a.sessions)) for a in numbers.active],
        ours.SESSION_FANOUT_MAX: [((a.tenant, a.role or ""), float(a.fanout_max)) for a in numbers.active],
    }
    series: Series = defaultdict(list)
    for one in numbers.counted:
        series[one.name].append((one.labels, one.value))
    for metric in ours.SESSIONS:
        if metric.kind == "histogram":
            yield _histogram(metric, series)
        else:
            yield family(metric, gauges.get(metric) or series[metric.name])


def _histogram(metric: Exported, series: Series) -> Metric:
    """From its stored series; a bucket's labels end with its ``le``."""
    made = HistogramMetricFamily(metric.name, metric.words, labels=metric.labels)
    bucket, _, total = metric.series
    buckets: defaultdict[tuple[str, ...], list[tuple[str, float]]] = defaultdict(list)
    for labels, value in series[bucket]:
        buckets[labels[:-1]].append((labels[-1], value))
    sums = dict(series[total])
    for labels, steps in buckets.items():
        made.add_metric(list(labels), sorted(steps, key=lambda step: float(step[0])), sums.get(labels, 0.0))
    return made
