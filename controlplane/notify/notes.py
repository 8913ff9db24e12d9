"""What is worth a message: news of the ledger as notes, each with a key that makes telling it twice impossible.

Pure. Words come from the model and may hold anything; nothing is escaped here.
"""

from dataclasses import dataclass
from urllib.parse import quote

from controlplane.loop.news import News, Note, NoteKind
from controlplane.model.change import ChangeRecord, ChangeState, OutcomeState
from controlplane.model.finding import FindingRecord, Severity
from controlplane.model.recommendation import Kind, RecommendationRecord
from controlplane.model.units import Unit, seconds_text, text

FACTS = 4
"""Numbers shown with a finding: enough to believe it, few enough to read on a telephone."""

_TROUBLED = (
    ChangeState.FAILED,
    ChangeState.REFUSED,
    ChangeState.CONFLICT,
    ChangeState.UNKNOWN,
    ChangeState.REVERTED,
)
_UNKNOWN = OutcomeState.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """Puts news into notes. ``public_url`` is where people reach the pages; empty: no links."""

    public_url: str = ""

    def __call__(self, news: News) -> tuple[Note, ...]:
        notes: list[Note] = [*map(self.opened, news.opened), *map(self.proposed, news.proposed)]
        notes += map(self.resolved, news.closed)
        notes += map(self.half_approved, news.half_approved)
        notes += map(self.withdrawn, news.withdrawn)
        notes += map(self.changed, news.changes)
        notes += map(self.judged, filter(_worth_judging, news.outcomes))
        if news.stopped is not None:
            notes.append(
                Note(
                    key=f"stop:{news.at.isoformat()}",
                    group=f"stop:{news.at.isoformat()}",
                    kind=NoteKind.STOPPED,
                    at=news.at,
                    severity=Severity.CRITICAL,
                    headline=f"All changes are stopped by {news.stopped.by}",
                    lines=(news.stopped.reason,),
                    link=self._link(""),
                )
            )
        if news.resumed_by is not None:
            notes.append(
                Note(
                    key=f"resume:{news.at.isoformat()}",
                    group=f"resume:{news.at.isoformat()}",
                    kind=NoteKind.RESUMED,
                    at=news.at,
                    headline=f"Changes are allowed again, by {news.resumed_by}",
                    link=self._link(""),
                )
            )
        return tuple(notes)

    def opened(self, record: FindingRecord) -> Note:
        """A finding: what, since when, the numbers, the money."""
        finding = record.finding
        lasting = (record.opened - finding.since).total_seconds()
        lines = [f"Since {finding.since:%H:%M} UTC" + (f", {seconds_text(lasting)} ago." if lasting >= 1 else ".")]
        if finding.detector == "blind-spot":
            lines.append("Nothing is concluded or done for this role while it cannot be seen.")
        if finding.dollars_per_hour is not None:
            lines.append(f"At stake: {text(finding.dollars_per_hour, Unit.DOLLARS_PER_HOUR)}.")
        return Note(
            key=_finding_key(record),
            group=f"trouble:{finding.role}",
            kind=NoteKind.OPENED,
            at=record.opened,
            role=finding.role,
            severity=finding.severity,
            headline=finding.summary,
            lines=tuple(lines),
            facts=tuple(
                (e.question, text(e.value, e.unit) + _limit(e.comparison, e.limit, e.unit))
                for e in finding.evidence[:FACTS]
            ),
            link=self._link(f"roles/{quote(finding.role, safe='')}"),
        )

    def resolved(self, record: FindingRecord) -> Note:
        """A finding that is over."""
        finding, closed = record.finding, record.closed or record.seen
        return Note(
            key=f"{_finding_key(record)}:resolved",
            group=f"trouble:{finding.role}",
            kind=NoteKind.RESOLVED,
            at=closed,
            role=finding.role,
            headline=finding.summary,
            lines=(f"It lasted {seconds_text((closed - finding.since).total_seconds())}.",),
            link=self._link(f"roles/{quote(finding.role, safe='')}"),
            ends=_finding_key(record),
        )

    def proposed(self, record: RecommendationRecord) -> Note:
        """A recommendation: what to do, why, what it costs, where to approve it."""
        what = record.recommendation
        return Note(
            key=_recommendation_key(record),
            group=f"trouble:{what.role}",
            kind=NoteKind.PROPOSED,
            at=record.opened,
            role=what.role,
            headline=("Take it back: " if what.kind is Kind.UNDO else "") + what.title,
            lines=what.because,
            facts=(
                ("Money", _money(what.effect.dollars_per_hour)),
                ("Confidence", what.confidence.level.value),
                ("If done", what.risk.if_done),
                ("If not", what.risk.if_not),
            ),
            link=self._link(f"recommendations/{quote(what.id, safe='')}"),
        )

    def half_approved(self, record: RecommendationRecord) -> Note:
        """A recommendation the first of two people has approved: who else may, until when."""
        what, first = record.recommendation, record.first
        assert first is not None
        key = f"{_recommendation_key(record)}:half:{first.at.isoformat()}"
        return Note(
            key=key,
            group=key,
            kind=NoteKind.HALF_APPROVED,
            at=first.at,
            role=what.role,
            headline=f"Approved by {first.by}, one more person is needed: {what.title}",
            lines=(f"It counts until {first.at + what.good_for:%H:%M} UTC.",),
            facts=(("Money", _money(what.effect.dollars_per_hour)),),
            link=self._link(f"recommendations/{quote(what.id, safe='')}"),
        )

    def withdrawn(self, record: RecommendationRecord) -> Note:
        """A recommendation nobody proposes any more."""
        what = record.recommendation
        return Note(
            key=f"{_recommendation_key(record)}:withdrawn",
            group=f"trouble:{what.role}",
            kind=NoteKind.WITHDRAWN,
            at=record.seen,
            role=what.role,
            headline=what.title,
            ends=_recommendation_key(record),
        )

    def changed(self, record: ChangeRecord) -> Note:
        """A change that was written, or could not be."""
        change, receipt = record.change, record.receipt
        assert receipt is not None
        undo = "Undo" if change.kind is Kind.UNDO else "Change"
        said = {
            ChangeState.APPLIED: f"{undo} applied",
            ChangeState.DRY_RUN: f"{undo}, dry run only",
            ChangeState.FAILED: f"{undo} could not be written",
            ChangeState.REFUSED: f"{undo} not sent",
            ChangeState.SUPERSEDED: f"{undo} not made: the object is another by now",
            ChangeState.CONFLICT: f"{undo} not made: somebody else has changed it",
            ChangeState.REVERTED: f"{undo} was changed back by somebody else",
        }.get(receipt.state, f"{undo}: it is not known whether it was made")
        return Note(
            key=f"change:{change.id}:{receipt.state}",
            group=f"change:{change.id}",
            kind=NoteKind.CHANGED,
            at=receipt.at,
            role=change.role,
            severity=Severity.WARNING if receipt.state in _TROUBLED else Severity.INFO,
            headline=f"{said}: {change.recommendation.title}",
            lines=(receipt.said, f"Approved by {change.approved_by}." if change.approved_by else "By policy."),
            facts=(
                *((f"{change.patch.target} {f.path}", f"{f.before} → {f.after}") for f in change.patch.fields[:FACTS]),
                ("Money", _money(change.recommendation.effect.dollars_per_hour)),
            ),
            link=self._link(f"recommendations/{quote(change.recommendation.id, safe='')}"),
        )

    def judged(self, record: ChangeRecord) -> Note:
        """What became of a change."""
        change, outcome = record.change, record.outcome
        assert outcome is not None
        said = {
            OutcomeState.MET: "It helped",
            OutcomeState.MISSED: "It did not help",
            OutcomeState.WORSE: "It made things worse",
            OutcomeState.UNKNOWN: "It is not known whether it helped",
        }[outcome.state]
        return Note(
            key=f"outcome:{change.id}",
            group=f"outcome:{change.id}",
            kind=NoteKind.OUTCOME,
            at=outcome.at,
            role=change.role,
            severity=Severity.WARNING if outcome.state is OutcomeState.WORSE else Severity.INFO,
            headline=f"{said}: {change.recommendation.title}",
            lines=(outcome.said,),
            facts=(("Expected money", _money(change.recommendation.effect.dollars_per_hour)),),
            link=self._link(f"recommendations/{quote(change.recommendation.id, safe='')}"),
        )

    def _link(self, page: str) -> str:
        return f"{self.public_url.rstrip('/')}/{page}" if self.public_url else ""


def _worth_judging(record: ChangeRecord) -> bool:
    """A change that was not made, or was changed back, has had its note: its outcome says nothing more."""
    return record.state is ChangeState.APPLIED or record.outcome is None or record.outcome.state is not _UNKNOWN


def _finding_key(record: FindingRecord) -> str:
    return f"finding:{record.finding.id}#{record.number}"


def _recommendation_key(record: RecommendationRecord) -> str:
    return f"recommendation:{record.recommendation.id}#{record.number}"


def _limit(comparison: str, limit: float | None, unit: Unit) -> str:
    return "" if limit is None else f" (limit {comparison} {text(limit, unit)})"


def _money(dollars: float | None) -> str:
    if dollars is None:
        return "price unknown"
    if dollars == 0:
        return "costs nothing"
    return ("costs " if dollars > 0 else "saves ") + text(abs(dollars), Unit.DOLLARS_PER_HOUR)
