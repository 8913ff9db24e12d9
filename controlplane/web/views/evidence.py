"""The readings a recommendation rests on, each drawn with the limit it is held against."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from controlplane.model.change import ChangeRecord
from controlplane.model.finding import FindingRecord
from controlplane.model.history import RoleHistory
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Recommendation, RecommendationRecord
from controlplane.web.views import charts

MOST_CHARTS = 6
COLOURS = ("c1", "c3", "c2", "c4")


def readings(x: Recommendation) -> tuple[Reading, ...]:
    """What its evidence is measured in, without repetition."""
    return tuple(dict.fromkeys(e.reading for e in x.evidence if e.reading is not None))[:MOST_CHARTS]


def window(record: RecommendationRecord, now: datetime) -> tuple[datetime, datetime]:
    """From well before the first evidence to now, or to two hours after it was last proposed."""
    x = record.recommendation
    begins = [e.since for e in x.evidence if e.since] + [record.opened]
    end = min(now, record.seen + timedelta(hours=2))
    return min(min(begins) - timedelta(minutes=25), end - timedelta(hours=1)), end


def evidence_charts(
    x: Recommendation,
    past: RoleHistory | None,
    findings: Sequence[FindingRecord],
    changes: Sequence[ChangeRecord],
    *,
    begin: datetime,
    end: datetime,
) -> tuple[charts.Chart, ...]:
    """One small chart per reading of the evidence, with the limit it is held against."""
    if past is None or not past.at:
        return ()
    made = []
    for i, reading in enumerate(readings(x)):
        about = reading.about
        held = [e for e in x.evidence if e.reading is reading and e.limit is not None]
        plan = charts.Plan(
            id=reading.value,
            title=about.words[0].upper() + about.words[1:],
            unit=about.unit,
            lines=((reading, about.words, COLOURS[i % len(COLOURS)], "step" if "replicas_" in reading else ""),),
            top=1.0 if about.unit.value == "ratio" else None,
        )
        limits = [Limit(reading=reading, comparison=e.comparison, value=e.limit or 0.0, words="limit") for e in held]
        named = [f for f in findings if f.finding.id in x.findings]
        made.append(
            charts.draw(
                plan,
                past,
                begin=begin,
                end=end,
                limits=limits,
                findings=named,
                changes=changes,
                sources={e.reading: e.query for e in held if e.reading},
            )
        )
    return tuple(made)
