"""When a schedule written like cron last fired: ``minute hour day month weekday``, in a named time zone.

As in cron, a day matches when *either* day of month or weekday does, if both are given.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

_DAYS: Mapping[str, int] = MappingProxyType({"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6})
_MONTHS: Mapping[str, int] = MappingProxyType(
    {
        name: number
        for number, name in enumerate(
            ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
        )
    }
)
_PART = re.compile(r"(?P<all>\*)|(?P<low>\w+)(?:-(?P<high>\w+))?")


@dataclass(frozen=True, slots=True)
class Schedule:
    """One parsed schedule."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    def on(self, day: date) -> bool:
        """Whether it fires on this day."""
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, (day.isoweekday() % 7) in self.weekdays
        if self.any_day or self.any_weekday:
            return in_month and in_week
        return in_month or in_week


@lru_cache(maxsize=256)
def parse_schedule(text: str) -> Schedule:
    """Read ``0 18 * * 5``.

    Raises:
        ValueError: it is not five fields of numbers, names, ranges, lists and steps, with what is wrong.
    """
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"a schedule has five fields (minute hour day month weekday), not {len(fields)}")
    minutes = _field(fields[0], 0, 59, {})
    hours = _field(fields[1], 0, 23, {})
    days = _field(fields[2], 1, 31, {})
    months = _field(fields[3], 1, 12, _MONTHS)
    weekdays = _field(fields[4], 0, 7, _DAYS)
    return Schedule(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        any_day=fields[2].startswith("*"),
        any_weekday=fields[4].startswith("*"),
    )


def last_start(schedule: Schedule, zone: ZoneInfo, now: datetime, longest: timedelta) -> datetime | None:
    """The newest firing at or before ``now`` and not more than ``longest`` ago, in UTC."""
    today = now.astimezone(zone).date()
    for back in range(longest.days + 3):
        day = today - timedelta(days=back)
        if not schedule.on(day):
            continue
        starts = (
            datetime.combine(day, time(hour, minute), tzinfo=zone).astimezone(UTC)
            for hour in reversed(schedule.hours)
            for minute in reversed(schedule.minutes)
        )
        newest = max((start for start in starts if start <= now), default=None)
        if newest is not None:
            return newest if now - newest <= longest else None
    return None


def _field(text: str, low: int, high: int, names: Mapping[str, int]) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step_text = part.partition("/")
        step = _number(step_text, 1, high, {}) if step_text else 1
        found = _PART.fullmatch(span)
        if found is None or ("/" in part and not step_text):
            raise ValueError(f"{part!r} is not a number, a range, * or a step")
        if found["all"]:
            first, last = low, high
        else:
            first = _number(found["low"], low, high, names)
            last = _number(found["high"], low, high, names) if found["high"] else (high if step_text else first)
        if first > last:
            raise ValueError(f"{part!r} runs backwards")
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _number(text: str, low: int, high: int, names: Mapping[str, int]) -> int:
    named = names.get(text.lower()[:3]) if text.isalpha() else None
    if named is not None:
        return named
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise ValueError(f"{text!r} is not a number")
    if not low <= int(text) <= high:
        raise ValueError(f"{text} is not in {low}…{high}")
    return int(text)
