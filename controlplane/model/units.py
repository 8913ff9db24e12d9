"""Units of readings, and how a value of each is written for people."""

from enum import StrEnum


class Unit(StrEnum):
    """The unit a value is held in; always the base unit, never a scaled one."""

    COUNT = "count"
    RATIO = "ratio"
    """0..1, shown as percent."""
    SECONDS = "seconds"
    PER_SECOND = "per_second"
    TOKENS = "tokens"
    TOKENS_PER_SECOND = "tokens_per_second"
    BYTES = "bytes"
    DOLLARS = "dollars"
    DOLLARS_PER_HOUR = "dollars_per_hour"
    DOLLARS_PER_MILLION_TOKENS = "dollars_per_million_tokens"


def text(value: float | None, unit: Unit) -> str:
    """Write ``value`` (in ``unit``) as a person would say it; an unknown value is the word unknown."""
    if value is None:
        return "unknown"
    match unit:
        case Unit.RATIO:
            return f"{value * 100:.0f} %" if value >= 0.1 or value == 0 else f"{value * 100:.1f} %"
        case Unit.SECONDS:
            return seconds_text(value)
        case Unit.PER_SECOND:
            return f"{_short(value)} /s"
        case Unit.TOKENS:
            return f"{_short(value)} tokens"
        case Unit.TOKENS_PER_SECOND:
            return f"{_short(value)} tok/s"
        case Unit.BYTES:
            return _bytes(value)
        case Unit.DOLLARS:
            return f"${value:,.2f}"
        case Unit.DOLLARS_PER_HOUR:
            return f"${value:,.2f}/h"
        case Unit.DOLLARS_PER_MILLION_TOKENS:
            return f"${value:,.2f}/Mtok"
        case Unit.COUNT:
            return _short(value)


def seconds_text(value: float) -> str:
    """Write a duration given in seconds: ``42 ms``, ``3.1 s``, ``2 min``, ``1 h 5 min``."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f}".rstrip("0").rstrip(".") + " s"
    minutes, seconds = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d"


def _short(value: float) -> str:
    if abs(value) >= 1_000_000:
        return f"{value / 1e6:,.1f} M"
    if abs(value) >= 100_000:
        return f"{value / 1000:,.0f} k"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}"


def _bytes(value: float) -> str:
    for suffix, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= size:
            return f"{value / size:.1f} {suffix}"
    return f"{value:.0f} B"
