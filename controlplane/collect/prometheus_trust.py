"""Which of a role's numbers may be believed, told from the data itself.

The dangerous moment is not the outage but the recovery: a rate over a window that has no sample at its beginning
is low and looks like an idle role. So next to each number stands whether its window begins with a sample,
replica by replica. A replica that is new has a short past and is no hole in the window; one that was there before
is. Holes in the middle do no harm: what is counted over a window only ever grows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from controlplane.collect.prometheus_api import Sample
from controlplane.collect.prometheus_questions import Evidence, Question
from controlplane.observe.windows import LONG, LONG_KNOWN, MOST, SHORT, WHOLE

STALE = 2.0
"""A replica's newest sample may be this many scrape intervals old: one scrape may be late or lost."""

COUNTS = (Evidence.SHORT, Evidence.LONG, Evidence.COUNT, Evidence.BEFORE)

Labels = Mapping[str, str]
Rows = Mapping[Question, Sequence[Sample]]
"""One role's part of each answer; a question that got no usable answer is missing."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One replica, as Prometheus knows it."""

    key: tuple[str, ...]
    """Values of the labels that tell replicas apart."""
    labels: Labels
    age: float | None
    """Seconds since its newest sample; ``None`` when it is missed: its target exists and does not answer."""
    short: bool = False
    """Its last minute begins with a sample."""
    long: bool = False
    """Its last five minutes begin with a sample."""
    count: float = 0.0
    """Samples in its last five minutes."""
    old: bool = False
    """It was there before its last five minutes."""

    @property
    def name(self) -> str:
        """Pod name where Prometheus knows it, else the instance; on a Ray node its own id."""
        found = (self.labels.get(n) for n in ("ReplicaId", "WorkerId", "pod", "instance"))
        return next((value for value in found if value), "unknown")


@dataclass(frozen=True, slots=True)
class Trust:
    """What may be believed of a role, and why the rest may not, in words."""

    answered: tuple[Seen, ...] = ()
    missed: tuple[Seen, ...] = ()
    nothing: str | None = None
    """Why no number of this role may be believed."""
    short: str | None = None
    """Why sums over the last minute may not be believed; the same for the next two."""
    long: str | None = None
    ratio: str | None = None

    @property
    def expected(self) -> int:
        """Replicas that should have answered."""
        return len(self.answered) + len(self.missed)


def judge(rows: Rows, replica: Sequence[str], interval: timedelta) -> Trust:
    """Decide what may be believed of one role.

    Args:
        rows: its part of the answers.
        replica: labels that tell replicas apart.
        interval: how often Prometheus scrapes its engines.
    """
    ages = rows.get(Question(Evidence.AGE))
    if ages is None:
        return Trust(nothing="Prometheus did not say how old its samples are")
    counts = {
        what: None if (found := rows.get(Question(what))) is None else {_key(s, replica): s.value for s in found}
        for what in COUNTS
    }
    limit = STALE * interval.total_seconds()
    fresh = {_key(s, replica): s for s in ages if s.value <= limit}
    stale = {_key(s, replica): s for s in ages if s.value > limit}
    down = {_key(s, replica): s for s in rows.get(Question(Evidence.UP), ()) if s.value < 1}
    answered = tuple(_seen(key, s, counts) for key, s in sorted(fresh.items()))
    missed = tuple(Seen(key, s.labels, None) for key, s in sorted({**down, **stale}.items()) if key not in fresh)
    nothing = _nothing(answered, missed, stale)
    if nothing:
        return Trust(answered, missed, nothing)
    expected = len(answered) + len(missed)
    fits = SHORT / interval + 1
    short = [(s.short, not s.old and s.count <= fits) for s in answered]
    long = [(s.long, not s.old) for s in answered]
    ratio = [(s.count >= LONG_KNOWN * (LONG / interval), False) for s in answered]
    return Trust(
        answered,
        missed,
        None,
        _unasked(counts, Evidence.SHORT) or _holes("minute", short, WHOLE * expected),
        _unasked(counts, Evidence.LONG) or _holes("five minutes", long, WHOLE * expected),
        _unasked(counts, Evidence.COUNT) or _holes("five minutes", ratio, MOST * expected),
    )


def _key(sample: Sample, replica: Sequence[str]) -> tuple[str, ...]:
    return tuple(sample.labels.get(name, "") for name in replica)


def _nothing(answered: Sequence[Seen], missed: Sequence[Seen], stale: Mapping[tuple[str, ...], Sample]) -> str | None:
    if answered:
        return None
    if stale:
        age = min(sample.value for sample in stale.values())
        return f"the newest sample is {age:.0f} s old: Prometheus does not reach the engines, or has stopped scraping"
    if missed:
        return f"no replica answers Prometheus: {missed[0].name} is down"
    return "Prometheus has no series that match this role's select"


Counts = Mapping[str, Mapping[tuple[str, ...], float] | None]


def _seen(key: tuple[str, ...], sample: Sample, counts: Counts) -> Seen:
    short, long, count, before = ((counts[what] or {}).get(key, 0.0) for what in COUNTS)
    return Seen(key, sample.labels, max(0.0, sample.value), short > 0, long > 0, count, before > 0)


def _unasked(counts: Counts, what: str) -> str | None:
    """Why completeness is not known; without the past nobody can tell a new replica from a hole."""
    if any(counts[asked] is None for asked in (what, Evidence.COUNT, Evidence.BEFORE)):
        return f"Prometheus did not tell the {what}"
    return None


def _holes(words: str, replicas: Sequence[tuple[bool, bool]], needed: float) -> str | None:
    """Why a window may not be believed; ``None`` when it may.

    Args:
        words: the window.
        replicas: whether it is whole, and whether the replica is younger than it (no hole then).
        needed: replicas that must be whole.
    """
    if not any(whole for whole, _ in replicas):
        return f"the last {words} are not whole yet: too few samples since scraping began, or began again"
    whole = sum(1 for whole, young in replicas if whole or young)
    if whole >= needed:
        return None
    return f"the last {words} have holes: {whole} replicas are whole, {needed:.3g} are needed"
