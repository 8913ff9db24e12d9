"""Cron schedules and time zones as they are written in fleet.yaml."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo, available_timezones

from pydantic.json_schema import JsonSchemaValue

from controlplane.decide.guardrails.cron import parse_schedule
from controlplane.settings.values import Written, nearest, refuse, shown


@dataclass(frozen=True, slots=True)
class Cron(Written):
    """A cron schedule of five fields: minute, hour, day of month, month, day of week."""

    def read(self, value: object) -> str:
        try:
            text = value if isinstance(value, str) else ""
            parse_schedule(text)
        except ValueError as error:
            fix = 'write minute, hour, day, month, weekday: "0 18 * * 5" is Fridays at 18:00'
            raise refuse(f"{shown(value)} is no schedule: {error}", fix) from None
        return " ".join(text.split())

    def schema(self) -> JsonSchemaValue:
        return {"type": "string", "pattern": r"^\S+(\s+\S+){4}$", "examples": ["0 18 * * 5"]}


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
