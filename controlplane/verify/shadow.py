"""What we would have done, held against what really happened: the first thing to read before trusting us.

For each proposal that we did not carry out one word is given. *In time* is from when it was first proposed to the end
of its expectation's ``within``: by then the change, made at once, would have helped.

* **somebody did it**: in time the bounds seen in the cluster came to what was proposed, or beyond it in the same
  direction, and none of our own changes asked for that value. The bounds must have been in sight when it was proposed.
* **it was needed**: at the end of that time a finding it answered was still open, or open again.
* **it passed by itself**: at that instant all of them were over, and the bounds were in sight all the time and were
  not touched by anybody.
* **not known**: everything else. The time is not over; nobody looked near its end (the finding's own reading must have
  been known within five minutes of it); what it would change cannot be seen (engine flags, advice without a field);
  somebody changed the bounds to something else; or a change of ours on the same role was at work at the same time.

Absent is unknown: a gap leads to *not known* and to nothing else. The rules are asked in the order: somebody did it,
a change of ours, too early, needed, passed. A proposal made again counts once while its first time lasts or a finding
it answered has stayed open since. One that was carried out in the end is not here, its change has an outcome; nor is
an undo, which answers a change. A dry run and a change that was refused carried nothing out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.model.change import NOTHING_DONE, ChangeRecord
from controlplane.model.finding import FindingRecord
from controlplane.model.keys import FindingId, RecommendationId
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Kind, RecommendationRecord, State
from controlplane.model.shadow import STRETCH, Shadow, Shadowed, Witness, Word, due, stretch
from controlplane.verify.shadow_bounds import Course, Goal

_Said = tuple[Word, str]


def judge(seen: Witness, now: datetime) -> Shadow:
    """The word for each proposal that was not carried out, the newest first."""
    past = _Past.of(seen, now)
    shadowed = [_shadowed(e, past) for e in _episodes(seen.proposals, past) if not _carried_out(e, past)]
    shadowed.sort(key=lambda s: (s.opened, s.recommendation.id), reverse=True)
    return Shadow(role=seen.role, since=seen.since, until=seen.until, proposals=tuple(shadowed), cut=seen.cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """What was witnessed, sorted for asking."""

    now: datetime
    changes: tuple[ChangeRecord, ...]
    """Ours that carried something out."""
    carried_out: Mapping[RecommendationId, tuple[datetime, ...]]
    """When what was recommended was carried out."""
    lives: Mapping[FindingId, tuple[FindingRecord, ...]]
    course: Course
    looks: Mapping[datetime, frozenset[Reading]]

    @classmethod
    def of(cls, seen: Witness, now: datetime) -> "_Past":
        changes = tuple(c for c in seen.changes if c.state not in NOTHING_DONE)
        done: dict[RecommendationId, tuple[datetime, ...]] = {}
        for c in changes:
            id_ = c.change.recommendation.id
            done[id_] = (*done.get(id_, ()), c.change.at)
        lives: dict[FindingId, list[FindingRecord]] = {}
        for f in seen.findings:
            lives.setdefault(f.finding.id, []).append(f)
        return cls(
            now=now,
            changes=changes,
            carried_out=done,
            lives={id_: tuple(records) for id_, records in lives.items()},
            course=Course(seen.bounds),
            looks=seen.looks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Episode:
    """One proposal, however many times it was opened."""

    records: tuple[RecommendationRecord, ...]
    """Oldest first."""
    until: datetime | None
    """When the same proposal was opened in a later episode."""

    @property
    def first(self) -> RecommendationRecord:
        return self.records[0]

    @property
    def findings(self) -> tuple[FindingId, ...]:
        return self.first.recommendation.findings

    def answers(self, record: FindingRecord) -> bool:
        """Whether this finding was open while it was proposed; it may have joined the others later."""
        over = record.closed is not None and record.closed < self.first.opened
        return not over and record.opened <= self.records[-1].seen


def _episodes(proposals: Iterable[RecommendationRecord], past: _Past) -> Iterator[_Episode]:
    by_id: dict[RecommendationId, list[RecommendationRecord]] = {}
    for record in sorted(proposals, key=lambda r: (r.opened, r.number)):
        if record.recommendation.kind is not Kind.UNDO:
            by_id.setdefault(record.recommendation.id, []).append(record)
    for records in by_id.values():
        begins = [0]
        for i, record in enumerate(records):
            first = records[begins[-1]]
            if record.opened >= due(first) and not _lasted(first, record.opened, past):
                begins.append(i)
        for begin, end in zip(begins, [*begins[1:], len(records)], strict=True):
            until = records[end].opened if end < len(records) else None
            yield _Episode(records=tuple(records[begin:end]), until=until)


def _lasted(first: RecommendationRecord, until: datetime, past: _Past) -> bool:
    """Whether something it answered has stayed open from its first proposal to ``until``."""
    return any(
        f.opened <= first.opened and _open_at(f, until)
        for id_ in first.recommendation.findings
        for f in past.lives.get(id_, ())
    )


def _carried_out(episode: _Episode, past: _Past) -> bool:
    done = past.carried_out.get(episode.first.recommendation.id, ())
    return any(episode.first.opened <= at and (episode.until is None or at < episode.until) for at in done)


def _shadowed(episode: _Episode, past: _Past) -> Shadowed:
    first, last = episode.first, episode.records[-1]
    dismissed = next((r for r in reversed(episode.records) if r.state is State.DISMISSED), None)
    reason = "nothing was changed" if last.state is State.APPLIED else last.reason
    word, said = _word(episode, past)
    return Shadowed(
        recommendation=first.recommendation,
        number=last.number,
        asked=len(episode.records),
        state=last.state,
        opened=first.opened,
        due=due(first),
        word=word,
        said=said,
        by=dismissed.by if dismissed else None,
        reason=dismissed.reason if dismissed else reason,
    )


def _word(episode: _Episode, past: _Past) -> _Said:
    begin, end = episode.first.opened, due(episode.first)
    goal = Goal(episode.first.recommendation.patch)
    reached = past.course.reached(goal, begin, min(end, past.now))
    if reached is not None and not goal.asked_for_by(past.changes, reached):
        return Word.SOMEBODY_DID, f"{goal.words(reached.bounds)} at {_time(reached.since)}, and it was not us"
    ours = next((c for c in past.changes if _at_work(c, begin, end)), None)
    if ours is not None or reached is not None:
        what = f"“{ours.change.recommendation.title}” at {_time(ours.change.at)}" if ours else "by an earlier change"
        return Word.NOT_KNOWN, f"we changed this role ourselves: {what}"
    if past.now < end:
        return Word.NOT_KNOWN, f"too early: it would have helped by {_time(end)}"
    return _by_findings(episode, past, end) or _by_bounds(goal, past.course, begin, end)


def _at_work(record: ChangeRecord, begin: datetime, end: datetime) -> bool:
    """Whether a change of ours may have had its effect between these."""
    return record.change.at <= end and record.change.at + record.change.expectation.within > begin


def _by_findings(episode: _Episode, past: _Past, end: datetime) -> _Said | None:
    """What the findings say; ``None`` when all of them are known to have been over."""
    known = past.looks.get(stretch(end), frozenset())
    doubt: str | None = None
    for id_ in episode.findings:
        lives = past.lives.get(id_, ())
        cause = next((f for f in lives if episode.answers(f)), None)
        if cause is None:
            doubt = doubt or f"{id_.partition(':')[0]} is not in the ledger any more"
            continue
        reading = _looked_at(cause)
        if reading not in known:
            doubt = doubt or f"nobody looked: {reading.about.words} was not known at {_time(end)}"
            continue
        holds = next((f for f in lives if _open_at(f, end)), None)
        if holds is not None:
            again = "still so" if holds.opened <= episode.first.opened else "so again"
            return Word.NEEDED, f"“{holds.finding.summary}” was {again} at {_time(end)}, when it would have helped"
    if not episode.findings:
        doubt = "it answered no finding"
    if doubt is not None and past.now < stretch(end) + STRETCH:
        return Word.NOT_KNOWN, f"too early: nobody has looked since {_time(end)}"
    return None if doubt is None else (Word.NOT_KNOWN, doubt)


def _by_bounds(goal: Goal, course: Course, begin: datetime, end: datetime) -> _Said:
    """What the bounds say, where all it was for was over at ``end``."""
    over = f"what it was for was over at {_time(end)}"
    if not goal.visible:
        return Word.NOT_KNOWN, f"{over}; whether somebody did it cannot be seen"
    states = course.between(begin, end)
    if not states or any(s.bounds is None for s in states):
        return Word.NOT_KNOWN, f"{over}; nobody could tell the bounds: add kube-state-metrics or Kubernetes to sources"
    if len(states) > 1 and states[-1].bounds is not None:
        to = f"{states[-1].bounds.min}–{states[-1].bounds.max}"
        return Word.NOT_KNOWN, f"{over}; the bounds became {to}, which is not what was proposed"
    return Word.PASSED, f"{over}, and nobody had changed the bounds"


def _looked_at(record: FindingRecord) -> Reading:
    """The reading that tells whether this finding holds."""
    told = (e.reading for e in record.finding.evidence if e.reading is not None and e.value is not None)
    return next(told, Reading.COVERAGE)


def _open_at(record: FindingRecord, at: datetime) -> bool:
    return record.opened <= at and (record.closed is None or record.closed > at)


def _time(at: datetime) -> str:
    return f"{at.day} {at:%b %H:%M} UTC"
