"""One of every part, with made-up numbers, in every state it can be in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.model.keys import ObjectRef
from controlplane.model.patch import FieldChange, Patch
from controlplane.model.series import Series
from controlplane.model.units import Unit
from controlplane.web.views.charts import Across, Chart, Line, Mark, Shade
from controlplane.web.views.diff import DiffLine, diff
from controlplane.web.views.events import Event, EventKind
from controlplane.web.views.fleet import Pips, Tag
from controlplane.web.views.frame import Bar
from controlplane.web.views.quantity import Quantity, plain
from controlplane.web.views.recommendation import CheckLine, Fact
from controlplane.web.views.recommendations import Choice, RecommendationLine
from controlplane.web.views.spark import Spark, spark
from controlplane.web.views.totals import Total


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What the gallery shows."""

    tags: tuple[Tag, ...]
    numbers: tuple[Quantity, ...]
    bars: tuple[tuple[float, str], ...]
    pips: tuple[Pips, ...]
    sparks: tuple[tuple[Spark, str], ...]
    across: tuple[Bar, ...]
    choices: tuple[Choice, ...]
    events: tuple[Event, ...]
    totals: tuple[Total, ...]
    facts: tuple[Fact, ...]
    checks: tuple[CheckLine, ...]
    diff: tuple[DiffLine, ...]
    rows: tuple[RecommendationLine, ...]
    charts: tuple[Chart, ...]


def samples(now: datetime) -> Samples:
    """Everything, around ``now``."""
    at = tuple(now - timedelta(minutes=60 - i) for i in range(61))

    def change(minutes: int, dot: str, title: str, note: str, tag: Tag) -> Event:
        return Event(
            at=now - timedelta(minutes=minutes),
            kind=EventKind.CHANGE,
            role="worker",
            dot=dot,
            title=f"worker: {title}",
            note=note,
            tag=tag.words,
            tag_tone=tag.tone,
        )

    rising = tuple(None if 20 <= i <= 23 else 0.8 + 0.1 * (i % 3) + max(0, i - 30) * 0.12 for i in range(61))
    series = Series(at, rising, timedelta(minutes=1))
    return Samples(
        tags=tuple(
            Tag(words=words, tone=tone)
            for words, tone in (
                ("plain", ""),
                ("fine", "ok"),
                ("scaling", "warn"),
                ("queue, KV cache", "bad"),
                ("idle", "idle"),
                ("waiting for you", "acc"),
            )
        ),
        numbers=(
            plain(3.1, Unit.SECONDS),
            plain(0.94, Unit.RATIO),
            plain(2180.0, Unit.TOKENS_PER_SECOND),
            plain(10.0, Unit.DOLLARS_PER_HOUR),
            plain(None, Unit.RATIO, why="the engine's page does not carry it"),
        ),
        bars=((0.0, "low"), (6.0, "low"), (61.0, ""), (94.0, "hot"), (100.0, "hot")),
        pips=(Pips(ready=2, pending=0, open=2), Pips(ready=6, pending=1, open=5), Pips(ready=0, pending=1, open=0)),
        sparks=(
            (spark(series, limit=2.0), "c1"),
            (spark(Series(at, tuple((v or 0) / 5 for v in rising), timedelta(minutes=1)), limit=0.9, top=1.0), "c3"),
        ),
        across=(
            Bar(
                tone="bad",
                title="All changes are stopped.",
                words="By ada at 14:02:11: a bad rollout",
                href="#",
                link="Resume…",
            ),
            Bar(
                tone="warn",
                title="These numbers are 3 min old.",
                words="The last complete tick was at 14:02:11",
                href="#",
                link="Health",
            ),
            Bar(tone="note", title="", words="Demo: in about a minute the planner's KV cache fills up."),
        ),
        choices=(
            Choice(words="1 h", href="#", current=False),
            Choice(words="8 h", href="#", current=True),
            Choice(words="24 h", href="#", current=False),
        ),
        events=(
            change(1, "now", "minReplicaCount 6 → 7", "expected: TTFT p95 < 1 s", Tag(words="being sent", tone="acc")),
            change(40, "done", "minReplicaCount 3 → 2", "TTFT stayed under 0.8 s", Tag(words="met", tone="ok")),
            change(95, "warn", "minReplicaCount 5 → 4", "TTFT p95 rose to 1.9 s", Tag(words="worse", tone="bad")),
        ),
        totals=(
            Total(
                label="Spend now", value="$26.81", unit="/h", note="budget $32.00", how="GPUs held times their price"
            ),
            Total(label="Spent", value="$49.28", unit="at least", note="1 without a price", how="what was priced"),
            Total(label="Tokens", value="unknown", unit="", note="no role's tokens are known", how="", known=False),
            Total(label="Sessions", value="212", unit="active", note="1 over its allowance", how="", href="#"),
        ),
        facts=(
            Fact(label="Costs", words="+$5.00/h", note="budget left $5.19/h"),
            Fact(label="Expected", words="TTFT p95 < 2 s within 15 min"),
            Fact(label="Confidence", words="high", note="4 signals agree, 12 starts seen"),
        ),
        checks=(
            CheckLine(sign="✓", css="y", words="agrees", said="the step is within its limit", number="+1 ≤ +2"),
            CheckLine(sign="?", css="w", words="asks", said="mode is propose: a person approves", number="propose"),
            CheckLine(
                sign="✗", css="x", words="objects", said="too soon after the last change", number="4 min < 10 min"
            ),
        ),
        diff=diff(
            Patch(
                target=ObjectRef("ScaledObject", "llm", "planner"),
                fields=(
                    FieldChange(path="/spec/minReplicaCount", before=2, after=3),
                    FieldChange(path="/spec/advanced/note", before=None, after="one more, for the evening"),
                ),
            )
        ),
        rows=(
            RecommendationLine(
                title="Raise planner from 2 to 3 replicas",
                href="#",
                about="planner · queue, KV cache · 2 min ago",
                money=Tag(words="+$5.00/h", tone="acc"),
                state=Tag(words="waiting for you", tone="acc"),
                confidence="high confidence",
                because="More than 5 requests wait per replica since 13:52.",
                change="minReplicaCount 2 → 3",
            ),
        ),
        charts=(
            Chart(
                id="busy",
                title="Lines, a limit, a shade, a mark, a gap",
                unit=Unit.SECONDS,
                begin=at[0],
                end=at[-1],
                at=at,
                lines=(
                    Line(label="p95", colour="c2", values=rising, query='histogram_quantile(0.95, …{role="planner"})'),
                    Line(label="p50", colour="c2", values=tuple(v and v * 0.4 for v in rising), dash=True),
                ),
                across=(Across(value=2.0, words="2 s objective"),),
                shades=(Shade(begin=at[38], end=at[55], words="TTFT p95 is over its objective"),),
                marks=(Mark(at=at[50], words="2 → 3"),),
            ),
            Chart(
                id="nothing",
                title="Nothing is known",
                unit=Unit.RATIO,
                begin=at[0],
                end=at[-1],
                at=at,
                lines=(Line(label="GPU", colour="c4", values=(None,) * 61, why="no DCGM exporter was given"),),
            ),
        ),
    )
