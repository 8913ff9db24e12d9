"""Instants and spans as people say them. All times on the pages are UTC, and the pages say so."""

from datetime import UTC, datetime, timedelta

from controlplane.model.units import seconds_text


def clock(at: datetime, now: datetime) -> str:
    """``14:02:11`` today, ``Thu 14:02`` this week, ``3 Nov 14:02`` before that."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    if at.date() == now.date():
        return f"{at:%H:%M:%S}"
    if timedelta(0) <= now - at < timedelta(days=6):
        return f"{at:%a %H:%M}"
    return f"{at.day} {at:%b %H:%M}"


def minute(at: datetime, now: datetime) -> str:
    """Like :func:`clock` without the seconds: for sentences."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    return f"{at:%H:%M}" if at.date() == now.date() else clock(at, now)


def span(length: timedelta) -> str:
    """``38 s``, ``2 min``, ``1 h 5 min``, ``3 d``; whole minutes from the first one on."""
    seconds = max(0.0, length.total_seconds())
    return f"{seconds:.0f} s" if seconds < 60 else seconds_text(seconds // 60 * 60)


def ago(at: datetime, now: datetime) -> str:
    """``6 s ago``; less than a second, or an instant ahead of ``now``, is just now."""
    if now - at < timedelta(seconds=1):
        return "just now"
    return f"{span(now - at)} ago"


def day(at: datetime, now: datetime) -> str:
    """``Today``, ``Yesterday``, ``Thursday 20 November``."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    days = (now.date() - at.date()).days
    if days in (0, 1):
        return ("Today", "Yesterday")[days]
    return f"{at:%A} {at.day} {at:%B}"


def iso(at: datetime) -> str:
    """For the ``datetime`` attribute of ``<time>``."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
