"""How many replicas the load of one tick asks for, seen from four sides: arrivals, KV cache, its growth, the queue.

Each need is a level, not a step, so what is already starting is credited without being counted: a queue that asks
for eight replicas asks for eight until it is gone. A side that is blind says nothing; the others still speak.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from math import sqrt

from controlplane.decide.law import ScalingLaw
from controlplane.estimate.capacity import Capacity, capacity_of
from controlplane.estimate.demand import MOST_GROWTH, Demand, arrivals, demand_at, dispersion, finite, minute
from controlplane.model.belief import RoleBeliefs
from controlplane.model.desired import Binding, Need
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView
from controlplane.model.units import seconds_text

KV_RISE = 0.05
"""A rise of KV use in three minutes below this share of the role's cache is no trend."""

TWICE, FEW = 2.0, 4
"""Without a known capacity a queue never asks for more than twice the replicas that serve, or four more if that is
more: what an autoscaler would start in one step anyway."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The needs of one role at any tick that is remembered."""

    role: RoleView
    beliefs: RoleBeliefs
    law: ScalingLaw
    trend: bool
    """Whether growth is believed; not while an agent runs away, or a freeze is on."""

    @cached_property
    def lead(self) -> timedelta:
        """From asking for a replica to it serving: a start, and the tick until somebody asks."""
        start = self.beliefs.cold_start_p90
        return (self.law.assumed_lead if start is None else timedelta(seconds=start)) + self.role.step

    @cached_property
    def capacity(self) -> Capacity | None:
        """What one replica sustains."""
        return capacity_of(self.role, self.beliefs)

    @cached_property
    def arrived(self) -> Sequence[float | None]:
        """Arrivals at each tick."""
        return arrivals(self.role)

    @cached_property
    def burst(self) -> float:
        """How bursty they are; 1 is chance."""
        return dispersion(self.arrived, minute(self.role))

    @cached_property
    def columns(self) -> dict[Reading, Sequence[float | None]]:
        """The readings the needs are made of."""
        wanted = (Reading.WAITING, Reading.KV_USAGE, Reading.REPLICAS_READY, Reading.TTFT_P95)
        return {reading: self.role.series(reading).values for reading in wanted}

    def at(self, reading: Reading, i: int) -> float | None:
        """A reading at tick ``i``."""
        return finite(self.columns[reading], i)

    def demand(self, i: int) -> Demand | None:
        """Arrivals at tick ``i``, with their trend where it is believed."""
        lead = self.lead if self.trend else timedelta(0)
        return demand_at(self.arrived, i, minute(self.role), self.burst, lead)

    def levels(self, i: int) -> tuple[tuple[Binding, float | None], ...]:
        """The four needs at tick ``i``."""
        rate = self._rate(i)
        return (
            (Binding.RATE, rate),
            (Binding.KV, self._kv(i)),
            (Binding.KV_TREND, self._kv_trend(i)),
            (Binding.QUEUE, self._queue(i, rate)),
        )

    def highest(self, i: int) -> float | None:
        """The highest need at tick ``i``; ``None`` when no side sees anything."""
        known = [level for _, level in self.levels(i) if level is not None]
        return max(known) if known else None

    def said(self) -> tuple[Need, ...]:
        """The needs of the newest tick with what they were made of."""
        newest = len(self.role.ticks) - 1
        words = {
            Binding.RATE: self._rate_words,
            Binding.KV: self._kv_words,
            Binding.KV_TREND: self._kv_trend_words,
            Binding.QUEUE: self._queue_words,
        }
        return tuple(Need(binding=b, replicas=level, said=words[b](newest)) for b, level in self.levels(newest))

    def _rate(self, i: int) -> float | None:
        demand, capacity = self.demand(i), self.capacity
        if demand is None or capacity is None:
            return None
        reserve = self.law.spread * sqrt(self.burst * demand.expected / self.lead.total_seconds())
        return max(demand.expected + reserve, demand.expected / self.law.utilisation) / capacity.requests

    def _rate_words(self, i: int) -> str:
        demand, capacity = self.demand(i), self.capacity
        if demand is None:
            return "arrivals of the last minute are unknown"
        rising = f" and {demand.trend:.3g}/s more in {_span(self.lead)}" if demand.trend else ""
        if capacity is None:
            return f"{demand.now:.3g} requests/s arrive{rising}; what a replica sustains is not known yet"
        return (
            f"{demand.now:.3g} requests/s arrive{rising}; a replica sustains {capacity.requests:.3g}/s "
            f"(lower bound of {capacity.samples} saturated minutes)"
        )

    def _full(self, i: int) -> float | None:
        """KV caches' worth in use, summed over replicas."""
        usage, ready = self.at(Reading.KV_USAGE, i), self.at(Reading.REPLICAS_READY, i)
        return None if usage is None or ready is None else usage * ready

    def _kv(self, i: int) -> float | None:
        full = self._full(i)
        return None if full is None else full / self.law.kv_fill

    def _kv_words(self, i: int) -> str:
        full = self._full(i)
        if full is None:
            return "KV cache use is unknown"
        return f"{full:.3g} KV caches are in use, each filled to {self.law.kv_fill:.0%} at most"

    def _growth(self, i: int) -> float:
        """KV caches' worth that will have been added after a start; 0 while use does not rise."""
        full, before = self._full(i), self._full(i - 3 * minute(self.role))
        ready = self.at(Reading.REPLICAS_READY, i)
        if not self.trend or full is None or before is None or ready is None or full - before <= KV_RISE * ready:
            return 0.0
        return min((full - before) / 180.0 * self.lead.total_seconds(), (MOST_GROWTH - 1) * full)

    def _kv_trend(self, i: int) -> float | None:
        full, growth = self._full(i), self._growth(i)
        return None if full is None or not growth else (full + growth) / self.law.kv_fill_rising

    def _kv_trend_words(self, i: int) -> str:
        growth = self._growth(i)
        if not growth:
            return "KV cache use does not rise" if self.trend else "growth is not believed now"
        return f"{growth:.3g} KV caches more will be in use in {_span(self.lead)}"

    def _waiting(self, i: int) -> float | None:
        """Requests that have waited through ``patience``: the least of its ticks."""
        ticks = range(i, i - max(1, round(self.law.patience / self.role.step)) - 1, -1)
        known = [v for k in ticks if (v := self.at(Reading.WAITING, k)) is not None]
        return min(known) if self.at(Reading.WAITING, i) is not None else None

    def _queue(self, i: int, rate: float | None) -> float | None:
        waiting, ready = self._waiting(i), self.at(Reading.REPLICAS_READY, i)
        if waiting is None or ready is None:
            return None
        if self.capacity is None or rate is None:
            factor = self._strain(i, waiting, ready)
            return min(factor * ready, max(TWICE * ready, ready + FEW)) if factor > 1 else 0.0
        each = self.capacity.requests
        late = waiting - self._tolerated(ready)
        return rate + late / self.law.drain.total_seconds() / each if late > 0 else 0.0

    def _tolerated(self, ready: float) -> float:
        """Requests that may wait: those served before the promised first token, else the reference rule."""
        promised = self.role.spec.slo.ttft_p95
        if promised is None or self.capacity is None:
            return ready * self.law.waiting
        return ready * self.capacity.requests * promised

    def _strain(self, i: int, waiting: float, ready: float) -> float:
        """How far over the reference rule a role of unknown capacity is; above 1 it needs more replicas.

        The percentile looks back five minutes, so it counts only while every replica still has a queue: else a role
        that was helped would be helped again and again.
        """
        if ready <= 0:
            return 0.0
        strain = waiting / (self.law.waiting * ready)
        ttft, promised = self.at(Reading.TTFT_P95, i), self.role.spec.slo.ttft_p95
        if ttft is not None and promised and waiting >= ready:
            strain = max(strain, ttft / promised)
        return strain

    def _queue_words(self, i: int) -> str:
        waiting, ready = self._waiting(i), self.at(Reading.REPLICAS_READY, i)
        if waiting is None or ready is None:
            return "how many requests wait is unknown"
        if self.capacity is None:
            return f"{waiting:.4g} requests wait; {self.law.waiting * ready:.4g} are normal for {ready:.0f} replicas"
        return f"{waiting:.4g} requests wait; {self._tolerated(ready):.4g} are served within the promise"


def _span(span: timedelta) -> str:
    return seconds_text(span.total_seconds())
