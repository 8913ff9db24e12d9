"""Cron schedules and time zones as they are written in fleet.yaml."""

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo, available_timezones

from pydantic.json_schema import JsonSchemaValue

from controlplane.settings.values import Written, nearest, refuse, shown

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_EXAMPLE = '"0 18 * * 5" for Fridays at 18:00'


@dataclass(frozen=True, slots=True)
class Cron(Written):
    """A cron schedule of five fields: minute, hour, day of month, month, day of week."""

    def read(self, value: object) -> str:
        parts = value.split() if isinstance(value, str) else []
        if len(parts) != len(_FIELDS):
            raise refuse(f"{shown(value)} is not a cron schedule of five fields", f"write one such as {_EXAMPLE}")
        for text, (words, low, high) in zip(parts, _FIELDS, strict=True):
            names = _MONTHS if words == "month" else _DAYS if words == "day of week" else []
            for item in text.split(","):
                if not _item_fits(item, low, high, names):
                    raise refuse(f"{shown(item)} is no {words}", f"write {low} to {high}, or *")
        return " ".join(parts)

    def schema(self) -> JsonSchemaValue:
        return {"type": "string", "pattern": r"^\S+(\s+\S+){4}$", "examples": ["0 18 * * 5"]}


def _item_fits(item: str, low: int, high: int, names: list[str]) -> bool:
    match = re.fullmatch(r"(\*|[0-9a-z]{1,3}(?:-[0-9a-z]{1,3})?)(?:/([0-9]{1,3}))?", item.lower())
    if not match or (match[2] is not None and int(match[2]) == 0):
        return False
    if match[1] == "*":
        return True
    offset = 1 if low == 1 else 0
    ends = [names.index(e) + offset if e in names else int(e) if e.isdigit() else -1 for e in match[1].split("-")]
    return all(low <= e <= high for e in ends) and ends == sorted(ends)


@dataclass(frozen=True, slots=True)
class TimeZone(Written):
    """An IANA time zone: ``Europe/Berlin``."""

    def read(self, value: object) -> str:
        try:
            if isinstance(value, str) and ZoneInfo(value):
                return value
        except (ValueError, OSError, LookupError):
            pass
        raise refuse(f"{shown(value)} is no time zone", nearest(str(value), sorted(available_timezones())))

    def schema(self) -> JsonSchemaValue:
        return {"type": "string", "examples": ["UTC", "Europe/Berlin"]}


CRON = Cron()
TIMEZONE = TimeZone()
