"""Reads what others wrote – JSON of a server, YAML of a cluster – without trusting any of it to be there."""

import re
from collections.abc import Mapping
from typing import Any

_SPAN = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}


def items(held: object, key: str) -> list[Mapping[str, Any]]:
    """The mappings in a list; empty where there is none."""
    found = held.get(key) if isinstance(held, Mapping) else None
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def part(held: object, *path: str) -> Mapping[str, Any]:
    """A mapping inside mappings; empty where there is none."""
    for key in path:
        held = held.get(key) if isinstance(held, Mapping) else None
    return held if isinstance(held, Mapping) else {}


def text(held: object, key: str) -> str:
    """A text; empty where there is none."""
    value = held.get(key) if isinstance(held, Mapping) else None
    return value if isinstance(value, str) else ""


def number(held: object, key: str) -> float:
    """A number; 0 where there is none."""
    value = held.get(key) if isinstance(held, Mapping) else None
    return float(value) if isinstance(value, int | float) else 0.0


def seconds(written: object) -> float:
    """A span as Prometheus writes it (``1m30s``); 0 where there is none."""
    return sum(int(count) * _SECONDS[unit] for count, unit in _SPAN.findall(str(written)))


def labels(held: object, key: str = "labels") -> dict[str, str]:
    """Labels; empty where there are none."""
    return {str(name): str(value) for name, value in part(held, key).items()}
