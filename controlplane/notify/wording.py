"""How a message reads: the role and the cause first, the numbers under it, the change to make with its link.

Pure: a bundle of notes in, the JSON of one message out.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from controlplane.loop.news import Note, NoteKind
from controlplane.model.finding import Severity
from controlplane.notify import blocks
from controlplane.notify.blocks import Block
from controlplane.notify.digest import STORM, Bundle

LISTED = 30
"""Lines of a storm that are written out."""

_MARKS = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}


def worded(bundle: Bundle) -> Block:
    """The message for one bundle."""
    if bundle.group == STORM:
        return _storm(bundle.notes)
    notes = bundle.notes
    first = next((n for n in notes if n.kind is NoteKind.OPENED), notes[0])
    title = _title(first)
    return blocks.message(
        title,
        [blocks.header(title), *(block for note in _in_order(notes) for block in _body(note))],
        more="More happened than fits into a message: see the page.",
    )


def _title(note: Note) -> str:
    mark = "🟢" if note.kind is NoteKind.RESOLVED else _MARKS[note.severity]
    return f"{mark} {_short(note)}"


def _short(note: Note) -> str:
    """One line: whose trouble, and what."""
    role = f"{note.role}: " if note.role else ""
    over = "resolved: " if note.kind is NoteKind.RESOLVED else ""
    return f"{role}{over}{note.headline}"


def _in_order(notes: Sequence[Note]) -> Iterator[Note]:
    """What is wrong, then what to do, then what is over."""
    for kinds in (
        {NoteKind.STOPPED, NoteKind.RESUMED, NoteKind.OPENED},
        {NoteKind.PROPOSED, NoteKind.HALF_APPROVED},
        {NoteKind.CHANGED, NoteKind.OUTCOME},
        {NoteKind.RESOLVED},
    ):
        yield from (n for n in notes if n.kind in kinds)


def _body(note: Note) -> Iterator[Block]:
    lines = [blocks.link(note.link, _lead(note))]
    lines += [words for said in note.lines if (words := blocks.line(said, 600))]
    yield blocks.section("\n".join(lines), note.facts)
    yield blocks.context(f"{note.key} · {note.at:%Y-%m-%d %H:%M:%S} UTC")


def _lead(note: Note) -> str:
    match note.kind:
        case NoteKind.RESOLVED:
            return f"🟢 Resolved: {note.headline}"
        case NoteKind.PROPOSED | NoteKind.HALF_APPROVED:
            return f"→ {note.headline}"
        case _:
            return f"{_MARKS[note.severity]} {note.headline}"


def _storm(notes: Sequence[Note]) -> Block:
    """Many roles at once: the parent of them all, by cause, with the worst named."""
    trouble = [n for n in notes if n.kind is NoteKind.OPENED]
    over = sum(n.kind is NoteKind.RESOLVED for n in notes)
    proposed = sum(n.kind is NoteKind.PROPOSED for n in notes)
    roles = {n.role for n in trouble}
    title = f"🔴 {len(roles)} roles are in trouble at once" if trouble else f"🟢 {over} findings resolved at once"
    causes = Counter(_cause(n) for n in trouble)
    said = [f"{blocks.line(cause, 100)}: {count}" for cause, count in causes.most_common(10)]
    if proposed:
        said.append(f"recommendations: {proposed}")
    if over:
        said.append(f"resolved: {over}")
    listed = trouble or [n for n in notes if n.kind is NoteKind.RESOLVED]
    lines = [
        f"{_MARKS[n.severity] if trouble else '🟢'} {blocks.link(n.link, _short(n), 200)}" for n in listed[:LISTED]
    ]
    if len(listed) > LISTED:
        lines.append(f"…and {len(listed) - LISTED} more")
    sections = [blocks.section("\n".join(lines[i : i + 6])) for i in range(0, len(lines), 6)]
    return blocks.message(
        title,
        [blocks.header(title), blocks.section(" · ".join(said) or " "), *sections],
        more="More happened than fits into a message: see the page.",
    )


def _cause(note: Note) -> str:
    """The detector in the key ``finding:queue-buildup:planner#1``."""
    return note.key.removeprefix("finding:").partition(":")[0] or "unknown"
