"""What sessions add to the counters and histograms of our metrics page, and the steps of the histograms."""

from collections import defaultdict
from collections.abc import Sequence

from controlplane.model.keys import RoleName
from controlplane.model.money import TokenKind
from controlplane.model.role import RoleSpec
from controlplane.model.session import Counted
from controlplane.promql.exported import (
    SESSION_BUDGET_EXCEEDED,
    SESSION_FANOUT,
    SESSION_SPEND,
    SESSION_TOKENS,
    Exported,
)

FANOUT_STEPS: tuple[float, ...] = (1, 2, 3, 5, 8, 13, 20, 35, 50, 100, 200, 500)
"""Calls in flight: planned fan-outs stay under 20, the alert's limit is 50 by default."""

DOLLAR_STEPS: tuple[float, ...] = (
    *(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0),
)
"""Dollars of a session: from one short answer of a small model to a night of a runaway."""

STEPS = {SESSION_FANOUT: FANOUT_STEPS, SESSION_SPEND: DOLLAR_STEPS}


class Tally:
    """Adds up what counters grow by. A series is there with 0 before it grows: ``increase`` sees its first step."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[str, tuple[str, ...]], float] = defaultdict(float)

    def counted(self) -> tuple[Counted, ...]:
        """All of it, sorted."""
        return tuple(Counted(name, labels, value) for (name, labels), value in sorted(self._sums.items()))

    def met(self, tenant: str, role: RoleName | None) -> None:
        """A tenant's session began at a role: its counters are there from now on."""
        self._add(SESSION_BUDGET_EXCEEDED.name, (tenant,), 0)
        for metric in STEPS:
            self._observe(metric, (tenant, role or ""), None)

    def tokens(self, tenant: str, role: RoleName | None, spec: RoleSpec | None, kind: TokenKind, count: int) -> None:
        """A role served tokens of a kind; without ``spec`` its namespace and model are nobody's."""
        where = (spec.namespace, spec.model.name) if spec else ("", "")
        self._add(SESSION_TOKENS.name, (tenant, role or "", *where, kind.value), count)

    def over(self, tenant: str) -> None:
        """A session went over its allowance."""
        self._add(SESSION_BUDGET_EXCEEDED.name, (tenant,), 1)

    def finished(self, tenant: str, role: RoleName | None, fanout: int, dollars: float | None) -> None:
        """A session finished; what its price is unknown for is in no histogram of dollars."""
        self._observe(SESSION_FANOUT, (tenant, role or ""), fanout)
        if dollars is not None:
            self._observe(SESSION_SPEND, (tenant, role or ""), dollars)

    def _observe(self, metric: Exported, labels: tuple[str, ...], value: float | None) -> None:
        bucket, count, total = metric.series
        for step in STEPS[metric]:
            self._add(bucket, (*labels, repr(float(step))), float(value is not None and value <= step))
        self._add(bucket, (*labels, "+Inf"), float(value is not None))
        self._add(count, labels, float(value is not None))
        self._add(total, labels, value or 0.0)

    def _add(self, name: str, labels: Sequence[str], value: float) -> None:
        self._sums[name, tuple(labels)] += value
