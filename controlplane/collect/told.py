"""What a source tells of a call, held to what can be true.

Routers and tracers repeat what their callers said, so every name, number and time is hostile: it is bounded, or the
entry is no call. One entry that makes no sense costs itself, not its neighbours.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any, TypeVar

from controlplane.errors import SourceError
from controlplane.model.page import Fault
from controlplane.model.session import Batch, Call

T = TypeVar("T")

MOST_ENTRIES = 20_000
"""Entries of one delivery. LiteLLM sends 512 at a time, a collector 8192."""
MOST_BRACKETS = 2_000_000
"""Objects and lists in one body: each costs 64 bytes and more once it is read. A real call has about 40."""
MOST_TOKENS = 1_000_000_000
"""Tokens of one call; the longest contexts are a hundredth of it."""
LONGEST = timedelta(days=1)
"""Duration of one call."""
ID_LENGTH, NAME_LENGTH, MODEL_LENGTH = 200, 100, 255
NOTHING: Mapping[str, Any] = MappingProxyType({})


class NotACallError(Exception):
    """This entry is no call of a session. The message is the reason, in words that entries can share."""


def parsed(body: bytes) -> object:
    """A JSON body. Raises :class:`SourceError` when it is none, or one that would take too much memory."""
    if body.count(b"{") + body.count(b"[") > MOST_BRACKETS:
        raise SourceError(Fault.TOO_MANY, f"more than {MOST_BRACKETS} brackets in one body; send fewer calls at once")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise SourceError(Fault.MALFORMED, "the body is not JSON") from None


def bounded(entries: Iterable[T]) -> Iterator[T]:
    """The entries of one delivery; raises :class:`SourceError` when they are too many."""
    for at, entry in enumerate(entries):
        if at == MOST_ENTRIES:
            raise SourceError(Fault.TOO_MANY, f"more than {MOST_ENTRIES} entries in one body; send fewer at once")
        yield entry


def gathered(entries: Iterable[T], read: Callable[[T], Call]) -> Batch:
    """The calls among the entries, and why the others are none."""
    calls: list[Call] = []
    skipped: Counter[str] = Counter()
    for entry in bounded(entries):
        try:
            calls.append(read(entry))
        except NotACallError as reason:
            skipped[str(reason)] += 1
    return Batch(calls=tuple(calls), skipped=dict(skipped))


def part(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object inside another; empty where there is none."""
    inner = of.get(key)
    return inner if isinstance(inner, Mapping) else NOTHING


def name(*said: object, most: int = NAME_LENGTH) -> str:
    """The first of these that says something, in one printable line; empty where none does."""
    for value in said:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
            return str(value)
        if isinstance(value, str) and value.strip():
            return _printable(value.strip()[:most])
    return ""


def identity(*said: object) -> str:
    """Like :func:`name`, for ids: long ones keep their difference."""
    for value in said:
        if isinstance(value, str) and len(value.strip()) > ID_LENGTH:
            digest = sha256(value.strip().encode("utf-8", "surrogatepass")).hexdigest()[:16]
            return f"{_printable(value.strip()[: ID_LENGTH - 17])}…{digest}"
        if found := name(value, most=ID_LENGTH):
            return found
    return ""


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def tokens(said: object) -> int:
    """How many; 0 where nobody counted."""
    if said is None:
        return 0
    if isinstance(said, bool) or not isinstance(said, (int, float)) or not _whole(said):
        raise NotACallError("a number of tokens is not a whole number")
    if not 0 <= said <= MOST_TOKENS:
        raise NotACallError("a number of tokens is negative or beyond belief")
    return int(said)


def _whole(number: float) -> bool:
    return isinstance(number, int) or number.is_integer()  # neither NaN nor infinite


def dollars(said: object) -> float | None:
    """What the source says it cost; ``None`` where it says nothing that could be true."""
    if isinstance(said, bool) or not isinstance(said, (int, float)) or not 0 <= said <= 1e6:
        return None
    return float(said)


def interval(begun: object, ended: object) -> tuple[datetime, datetime]:
    """From when to when, in epoch seconds or ISO 8601. A clock that was set back in between takes no time."""
    first, last = _moment(begun), _moment(ended)
    if last - first > LONGEST:
        raise NotACallError("it took longer than a day")
    return min(first, last), last


def _moment(said: object) -> datetime:
    try:
        if isinstance(said, str):
            told = datetime.fromisoformat(said)
            told = (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
        elif isinstance(said, (int, float)) and not isinstance(said, bool) and math.isfinite(said):
            told = datetime.fromtimestamp(said, UTC)
        else:
            raise NotACallError("it does not say from when to when")
    except (ValueError, OverflowError, OSError):
        raise NotACallError("its times cannot be read") from None
    if not 2000 <= told.year < 2100:
        raise NotACallError("it was made in another century")
    return told
