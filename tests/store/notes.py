"""The plainest way to compose notes: one for each thing that happened, named after it."""

from controlplane.loop.news import News, Note, NoteKind


def one_note_each(news: News) -> tuple[Note, ...]:
    told: list[tuple[str, NoteKind]] = [
        *((f"{f.finding.id}#{f.number}", NoteKind.OPENED) for f in news.opened),
        *((f"{f.finding.id}#{f.number} over", NoteKind.RESOLVED) for f in news.closed),
        *((f"{r.recommendation.id}#{r.number}", NoteKind.PROPOSED) for r in news.proposed),
        *((f"{r.recommendation.id}#{r.number} half", NoteKind.HALF_APPROVED) for r in news.half_approved),
        *((f"{r.recommendation.id}#{r.number} withdrawn", NoteKind.WITHDRAWN) for r in news.withdrawn),
        *((f"{c.change.id} {c.state}", NoteKind.CHANGED) for c in news.changes),
        *((f"{c.change.id} judged", NoteKind.OUTCOME) for c in news.outcomes),
    ]
    if news.stopped:
        told.append(("stopped", NoteKind.STOPPED))
    if news.resumed_by:
        told.append(("resumed", NoteKind.RESUMED))
    return tuple(Note(key=key, group=kind.value, kind=kind, at=news.at, headline=key) for key, kind in told)
