"""How recommendations speak: since when, how much, how sure, and how long a start takes."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from controlplane.detect.watch import evidence
from controlplane.estimate.starts import usual_start
from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Evidence, Finding
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Confidence, Effect, Level
from controlplane.model.role import RoleView
from controlplane.model.units import Unit, seconds_text, text

LONGEST_SETTLE = timedelta(minutes=25)
"""A change is judged on the readings in memory (45 min): it cannot be given longer than this to settle."""

JUDGED_FOR = timedelta(minutes=10)
"""How long the effect must be seen once settled."""


def clock(at: datetime) -> str:
    """The time of day, as people on different continents understand it."""
    return f"{at:%H:%M} UTC"


def sentence(finding: Finding) -> str:
    """A finding as a sentence with its number and its beginning."""
    first = finding.evidence[0] if finding.evidence else None
    now = f" (now {text(first.value, first.unit)})" if first and first.value is not None else ""
    summary = finding.summary[:1].upper() + finding.summary[1:]
    return f"{summary}{now} since {clock(finding.since)}."


def replicas(count: int) -> str:
    """``1 replica``, ``3 replicas``."""
    return f"{count} replica" if count == 1 else f"{count} replicas"


def money(role: RoleView, count: int) -> float | None:
    """$ per hour of ``count`` replicas; ``None`` when the price is unknown."""
    price = role.spec.dollars_per_replica
    return None if price is None else price * count


def start_words(beliefs: RoleBeliefs) -> str:
    """How long a start takes and how we know."""
    took = seconds_text(usual_start(beliefs).total_seconds())
    seen = len(beliefs.starts)
    if seen == 0:
        return f"a start is assumed to take {took}: none was seen yet"
    return f"a start takes {took} (90th percentile of {seen} seen)"


def settle_after_start(beliefs: RoleBeliefs, window: timedelta) -> timedelta:
    """How long after a change its effect shows: a start, and the window a reading looks back."""
    return min(usual_start(beliefs) + window, LONGEST_SETTLE)


def gathered(role: RoleView, findings: Iterable[Finding], *extra: tuple[Reading, str]) -> tuple[Evidence, ...]:
    """The evidence of these findings and of ``extra`` readings, each reading once."""
    seen: set[Reading] = set()
    kept = []
    asked = [evidence(role, reading, question) for reading, question in extra]
    for item in [*(e for finding in findings for e in finding.evidence), *asked]:
        if item.reading is None or item.reading not in seen:
            kept.append(item)
            if item.reading is not None:
                seen.add(item.reading)
    bounds = role.in_force
    source = "in the cluster" if role.bounds else "in fleet.yaml; the cluster's are not seen"
    kept += [
        Evidence(question=f"Least replicas ({source})?", reading=None, value=bounds.min, unit=Unit.COUNT),
        Evidence(question=f"Most replicas ({source})?", reading=None, value=bounds.max, unit=Unit.COUNT),
    ]
    return tuple(kept)


def confidence(reasons: Sequence[str], doubts: Sequence[str]) -> Confidence:
    """High without doubts, medium with one, low with more. The doubts are told too."""
    level = (Level.HIGH, Level.MEDIUM)[len(doubts)] if len(doubts) < 2 else Level.LOW
    return Confidence(level=level, reasons=(*reasons, *(f"but {doubt}" for doubt in doubts)))


def costs(dollars: float | None, words: str) -> Effect:
    """Money and words; says so where the price is unknown."""
    if dollars is None:
        words += "; the price of its GPUs is unknown"
    return Effect(dollars_per_hour=dollars, words=words)
