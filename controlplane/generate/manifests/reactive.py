"""The law behind the planner, as one query over recorded names: it needs Prometheus and nothing of us.

Up when requests wait, KV caches are full, or the first token is late while requests wait: to what the strain asks for,
at most twice what answers. Down only when five minutes agree, complete and with no replica lost in them. Else it says
0: as many as there are. That is not what answers: replicas that are still starting count too.
"""

from dataclasses import dataclass
from datetime import timedelta

from controlplane.decide.law import ScalingLaw
from controlplane.generate.rules.rule import INTERVAL, labelled
from controlplane.promql.expr import Match, aggregate, call, select

WAITING = "llm_role:requests_waiting_per_replica:avg"
KV = "llm_role:kv_cache_usage:avg"
TTFT = "llm_role:ttft_seconds:quantile5m"
REPLICAS = "llm_role:replicas:count"

LOOK_UP = timedelta(minutes=1)
"""What must be true on average before replicas are added: two evaluations of the rules."""
LOOK_DOWN = timedelta(minutes=5)
"""What must be true throughout before replicas are taken away: as long as the autoscaler's own window."""
EVIDENCE = 0.9
"""Share of the evaluations in that window that must be there: half a window after an outage reads low."""
CALM = 0.4
"""Strain below which there are too many replicas; 1 is where there are too few."""
COMFORTABLE = 0.6
"""Strain that the remaining ones may have."""
MOST_AT_ONCE = 2.0
"""Growth at once, as a multiple of what answers."""
LEAST_LEFT = 0.5
"""Share that is left at once; the autoscaler's own policy is slower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reactive:
    """The reactive law of one role."""

    namespace: str
    role: str
    ttft: float | None
    """Promised seconds to the first token."""
    law: ScalingLaw

    def share(self, *, may_be_none: bool) -> str:
        """One number: 1 or more asks for so many replicas, between 0 and 1 for that share of them, 0 for no change.

        ``may_be_none``: a role without replicas is a role at rest, not one that cannot be seen.
        """
        parts = [self._grow(), self._shrink(), f"{self._answer()} * 0", *(["vector(0)"] if may_be_none else [])]
        return " or ".join(parts)

    def level(self, *, may_be_none: bool) -> str:
        """The same for KEDA without formulas: replicas wished for, and nothing where nothing is to change."""
        rest = [self._answer(), "vector(0)"] if may_be_none else []
        return " or ".join([self._grow(), f"{self._answer()} * {self._shrink()}", *rest])

    def _answer(self) -> str:
        return aggregate("max", self._of(REPLICAS))

    def _grow(self) -> str:
        waiting = self._mean(WAITING)
        ways = [labelled(f"{waiting} / {self.law.waiting:g}", of="waiting")]
        ways.append(labelled(f"{self._mean(KV)} / {self.law.kv_fill:g}", of="kv"))
        if self.ttft is not None:
            late = f"{self._late()} and on () ({waiting} >= 1)"
            ways.append(labelled(late, of="ttft"))
        strain = aggregate("max", " or ".join(ways))
        return f"{self._answer()} * clamp_max({strain} > 1, {MOST_AT_ONCE:g})"

    def _shrink(self) -> str:
        ways = [labelled(f"{self._most(WAITING)} / {self.law.waiting:g}", of="waiting")]
        ways.append(labelled(f"{self._most(KV)} / {self.law.kv_fill:g}", of="kv"))
        calm = aggregate("max", " or ".join(ways))
        expected = EVIDENCE * (LOOK_DOWN / INTERVAL)
        seen = [
            aggregate("min", call("count_over_time", self._of(name, LOOK_DOWN))) + f" >= {expected:g}"
            for name in (WAITING, KV)
        ]
        whole = f"{self._answer()} >= {self._most(REPLICAS)}"
        share = f"clamp_min(({calm} < {CALM:g}) / {COMFORTABLE:g}, {LEAST_LEFT:g})"
        proven = "".join(f" and on () ({text})" for text in (*seen, whole))
        late = f" unless on () ({self._late()} > {self.law.survivors:g})" if self.ttft is not None else ""
        return f"({share}{proven}{late})"

    def _late(self) -> str:
        """Time to the first token over what is promised."""
        ttft = aggregate("max", select(TTFT, self._role(), where=(Match("quantile", "0.95"),)))
        return f"{ttft} / {self.ttft:g}"

    def _mean(self, name: str) -> str:
        return aggregate("max", call("avg_over_time", self._of(name, LOOK_UP)))

    def _most(self, name: str) -> str:
        return aggregate("max", call("max_over_time", self._of(name, LOOK_DOWN)))

    def _of(self, name: str, window: timedelta | None = None) -> str:
        return select(name, self._role(), window=window)

    def _role(self) -> tuple[tuple[str, str], ...]:
        return (("namespace", self.namespace), ("role", self.role))
