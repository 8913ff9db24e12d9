"""How wide a session fans out: the most of its calls that were in flight at once.

A call is known only after it has ended, so the width of a moment grows as its calls are told. Calls that ended a while
ago hardly overlap with ones not told yet: they are forgotten, and the width they made is kept.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

Spans = tuple[tuple[datetime, datetime], ...]
"""Begin and end of calls; at its end a call is no longer in flight."""

LATELY = timedelta(minutes=2)
"""How long before the newest call one must have ended to be forgotten: longer than nearly every call takes."""

MOST_SPANS = 1000
"""Calls remembered per session. A width beyond it is told as at least this much."""


def most_at_once(spans: Iterable[tuple[datetime, datetime]]) -> int:
    """Most of these calls in flight at the same moment."""
    all_of_them = tuple(spans)
    begins = sorted(begun for begun, _ in all_of_them)
    ends = sorted(ended for _, ended in all_of_them)
    most = over = 0
    for begun, at in enumerate(begins, start=1):
        while over < len(ends) and ends[over] <= at:
            over += 1
        most = max(most, begun - over)
    return most


def lately(spans: Iterable[tuple[datetime, datetime]], newest: datetime) -> Spans:
    """Those that may still overlap with calls not told yet, in order of their end."""
    recent = sorted((span for span in spans if newest - span[1] <= LATELY), key=lambda span: (span[1], span[0]))
    return tuple(recent[-MOST_SPANS:])
