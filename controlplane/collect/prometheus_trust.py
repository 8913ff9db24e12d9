"""Which of a role's numbers may be believed, told from the data itself.

The dangerous moment is not the outage but the recovery: an average over a window that is half empty is low and
looks like an idle role. So next to each number stands how many samples its window holds, replica by replica.
A replica that is new has a short past and is no hole in the window; one that was there before is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from controlplane.collect.prometheus_api import Sample
from controlplane.collect.prometheus_questions import Evidence, Question
from controlplane.observe.windows import LONG, LONG_KNOWN, MOST, SHORT, SHORT_KNOWN, WHOLE

STALE = 2.0
"""A replica's newest sample may be this many scrape intervals old: one scrape may be late or lost."""

COUNTS = (Evidence.SHORT, Evidence.LONG, Evidence.BEFORE)

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
    short: float = 0.0
    """Samples in its last minute."""
    long: float = 0.0
    """Samples in its last five minutes."""
    before: float = 0.0
    """Samples in the five minutes before those."""

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
    minute, five = SHORT / interval, LONG / interval
    short = [(s.short, s.before == 0 and s.long <= s.short) for s in answered]
    long = [(s.long, s.before == 0) for s in answered]
    ratio = [(s.long, False) for s in answered]
    return Trust(
        answered,
        missed,
        None,
        _asked(counts, Evidence.SHORT) or _holes("minute", short, SHORT_KNOWN * minute, WHOLE * expected),
        _asked(counts, Evidence.LONG) or _holes("five minutes", long, WHOLE * five, WHOLE * expected),
        _asked(counts, Evidence.LONG) or _holes("five minutes", ratio, LONG_KNOWN * five, MOST * expected),
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
    short, long, before = ((counts[what] or {}).get(key, 0.0) for what in COUNTS)
    return Seen(key, sample.labels, max(0.0, sample.value), short, long, before)


def _asked(counts: Counts, what: str) -> str | None:
    """Why completeness is not known; without the past nobody can tell a new replica from a hole."""
    if counts[what] is None or counts[Evidence.BEFORE] is None:
        return f"Prometheus did not tell the {what}"
    return None


def _holes(words: str, replicas: Sequence[tuple[float, bool]], enough: float, needed: float) -> str | None:
    """Why a window may not be believed; ``None`` when it may.

    Args:
        words: the window.
        replicas: samples in it, and whether the replica is younger than the window (no hole then).
        enough: samples that make it whole.
        needed: replicas that must be whole.
    """
    if not any(count >= enough for count, _ in replicas):
        most = max((count for count, _ in replicas), default=0)
        return (
            f"the last {words} hold {most:g} samples of a replica, {enough:.3g} are needed: is scrape_interval right?"
        )
    whole = sum(1 for count, young in replicas if young or count >= enough)
    if whole >= needed:
        return None
    return f"the last {words} have holes: {whole} replicas have enough samples, {needed:.3g} are needed"
