"""When notes are told, and which together: company is waited for, a storm is one message, nothing is said twice.

Pure: what waits and who spoke lately in, a plan out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from controlplane.loop.news import Note, NoteKind, Waiting
from controlplane.model.finding import Severity

STORM = "storm"
"""Group under which a storm is told."""

AT_ONCE = (NoteKind.STOPPED, NoteKind.RESUMED, NoteKind.HALF_APPROVED)
"""Notes that wait for nobody: the first of two approvals counts for minutes only."""

_ORDER = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """How notes find together."""

    wait: timedelta = timedelta(seconds=30)
    """How long the first note of a group waits for company. Trouble that is over before is never told."""

    window: timedelta = timedelta(minutes=5)
    """A group speaks once in this long; what comes meanwhile is told together after it."""

    storm: int = 5
    """Roles in trouble at once that still get a message each; more become one message."""

    ttl: timedelta = timedelta(hours=4)
    """A note that could not be told for so long is old news and dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Notes told in one message."""

    group: str
    waiting: tuple[Waiting, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """Their places in the outbox."""
        return tuple(w.id for w in self.waiting)

    @property
    def notes(self) -> tuple[Note, ...]:
        """Worst first, then oldest."""
        return tuple(sorted((w.note for w in self.waiting), key=lambda n: (_ORDER[n.severity], n.at, n.key)))

    @property
    def attempts(self) -> int:
        """How often telling the most tried of them was tried before."""
        return max(w.attempts for w in self.waiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to tell now, and what will never be told."""

    bundles: tuple[Bundle, ...] = ()
    dropped: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Places in the outbox by reason."""


def plan(waiting: Sequence[Waiting], spoke: Mapping[str, datetime], grouping: Grouping, now: datetime) -> Plan:
    """What to do with the notes that wait.

    Args:
        waiting: notes that are due, oldest first.
        spoke: groups that spoke lately, and when.
        grouping: the settings.
        now: the present.
    """
    dropped: dict[str, tuple[int, ...]] = {}
    rest = list(waiting)

    def drop(why: str, ids: set[int]) -> None:
        nonlocal rest
        if ids:
            dropped[why] = tuple(sorted(ids))
            rest = [w for w in rest if w.id not in ids]

    drop("older than anybody wants to know", {w.id for w in rest if now - w.note.at > grouping.ttl})
    drop("over before it was told", _over(rest))
    drop("only takes back", {w.id for w in rest if w.note.kind is NoteKind.WITHDRAWN})

    groups: dict[str, list[Waiting]] = {}
    for w in rest:
        groups.setdefault(w.note.group, []).append(w)
    ready = {name: notes for name, notes in groups.items() if _ready(name, notes, spoke, grouping, now)}
    troubled = [name for name in ready if name.startswith("trouble:")]
    bundles = [Bundle(group=name, waiting=tuple(notes)) for name, notes in ready.items()]
    if len(troubled) > grouping.storm:
        bundles = [b for b in bundles if b.group not in troubled]
        if not _silent(STORM, spoke, grouping, now):
            bundles.append(Bundle(group=STORM, waiting=tuple(w for name in troubled for w in ready[name])))
    bundles.sort(key=lambda b: (_ORDER[b.notes[0].severity], b.notes[0].at, b.group))
    return Plan(bundles=tuple(bundles), dropped=dropped)


def _over(waiting: Sequence[Waiting]) -> set[int]:
    """Pairs of a note and the one that ends it, when telling the first was never even tried."""
    untold = {w.note.key: w.id for w in waiting if w.attempts == 0}
    pairs = [(untold[w.note.ends], w.id) for w in waiting if w.note.ends in untold]
    return {id_ for pair in pairs for id_ in pair}


def _ready(
    name: str, notes: Sequence[Waiting], spoke: Mapping[str, datetime], grouping: Grouping, now: datetime
) -> bool:
    if any(w.note.kind in AT_ONCE for w in notes):
        return True
    return now - min(w.note.at for w in notes) >= grouping.wait and not _silent(name, spoke, grouping, now)


def _silent(group: str, spoke: Mapping[str, datetime], grouping: Grouping, now: datetime) -> bool:
    """Whether the group has spoken too lately to speak again."""
    last = spoke.get(group)
    return last is not None and now - last < grouping.window
