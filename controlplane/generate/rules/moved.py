"""Whose labels are these? Prometheus moves labels of a metric to ``exported_…`` where its target has the same ones.

It does so for exporters that speak of other pods (DCGM, kube-state-metrics, ourselves) when they are scraped without
``honorLabels``: ``pod`` is then the exporter's own. Every rule that reads one of them goes through here.
"""

from collections.abc import Sequence

from controlplane.promql.exported import Exported
from controlplane.promql.expr import aggregate, call, quote, relabel, select

_MOVES = ("namespace", "pod", "node", "container")
_EXPORTER = ".*dcgm-exporter.*"
"""Names of the DCGM exporter's pods and containers: a device with these is held by nobody."""


def ours(metric: Exported, operator: str, by: Sequence[str]) -> str:
    """A metric of our own, aggregated."""
    return told(select(metric.name), operator, by)


def told(expression: str, operator: str, by: Sequence[str]) -> str:
    """Aggregate what an exporter says about others, wherever its labels are.

    They are put under a third name first: put back in place, the rows of two replicas of an exporter would be the
    same series twice, an error.
    """
    moves = [name for name in by if name in _MOVES]
    for name in moves:
        expression = relabel(relabel(expression, f"of_{name}", name), f"of_{name}", f"exported_{name}")
    expression = aggregate(operator, expression, [f"of_{name}" if name in moves else name for name in by])
    for name in moves:
        expression = relabel(expression, name, f"of_{name}")
    return aggregate(operator, expression, by)


def device(row: str) -> str:
    """A row of the DCGM exporter with the labels of the device's holder and of its node.

    Up to 4.8.2 the exporter calls the node ``Hostname``, then ``hostname``. A device that nobody holds carries the
    exporter's own pod, or none: then it gets none.
    """
    for name in ("namespace", "pod"):
        for mark in ("container", "pod"):
            row = call("label_replace", row, quote(name), quote(""), quote(mark), quote(_EXPORTER))
    for name in ("namespace", "pod"):
        row = relabel(row, name, f"exported_{name}")
    return board(row)


def board(row: str) -> str:
    """The same with the name of its node only: what is true of a whole GPU, whoever holds it."""
    return relabel(relabel(row, "node", "Hostname"), "node", "hostname")
