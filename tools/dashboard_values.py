"""A number as Grafana would write it in a panel's unit, near enough to be read beside it."""

import math

_TIMES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"), (0.000001, "µs"))
_THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_BYTES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))
_SUFFIX = {"reqps": "req/s", "ops": "/s", "watt": "W", "celsius": "°C", "m": "min"}


def said(value: float, unit: str) -> str:
    """The number with its unit."""
    if math.isnan(value):
        return "No traffic"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "currencyUSD":
        return f"${_short(value)}"
    if unit == "s":
        return _scaled(value, _TIMES, "s")
    if unit == "bytes":
        return _scaled(value, _BYTES, "B")
    kind, _, own = unit.partition(":")
    suffix = own if kind in ("suffix", "count") else _SUFFIX.get(unit, "")
    return f"{_short(value)} {suffix}".strip()


def _short(value: float) -> str:
    for size, letter in _THOUSANDS:
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def _scaled(value: float, sizes: tuple[tuple[float, str], ...], smallest: str) -> str:
    for size, name in sizes:
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.3g} {smallest}"
