"""Alerts broken on purpose, one place at a time: what a slip of the hand makes of a rule."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from controlplane.generate.alerts.alert import NOTHING, Alert

_FLIPPED = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!="}
_COMPARES = re.compile(r" (>=|<=|==|>|<) ")
_WINDOW = re.compile(r"\[(\w+)\]")
_OTHER_WINDOW = {"5m": "1h", "10m": "1h", "15m": "1h", "30m": "5m", "1h": "5m", "6h": "5m", "1d": "1h", "3d": "1h"}
_LIMIT = re.compile(r"(?<= [<>] )(\d[\d.e]*)(?! \*)|(?<= >= )(\d[\d.e]*)")
_FACTOR = re.compile(r"(?<= )(\d[\d.]*) \*(?= )")
_RATIO = re.compile(r"llm_slo:error:ratio(\w+)")
_MATCHER = re.compile(r'\{((?:reason|phase|side|result|role|job)=~?"[^"]+")\}|(?<=[{,])(role=~?"[^"]+")')


def mutants(alert: Alert) -> Iterator[tuple[str, Alert]]:
    """(what was broken, the broken alert)."""
    if alert.hold:
        yield "for dropped", replace(alert, hold=NOTHING)
        yield "for doubled", replace(alert, hold=2 * alert.hold + timedelta(minutes=5))
    if alert.keep:
        yield "keep_firing_for dropped", replace(alert, keep=NOTHING)
    for what, expr in _expressions(alert.expr):
        yield what, replace(alert, expr=expr)


def _expressions(expr: str) -> Iterator[tuple[str, str]]:
    def each(pattern: re.Pattern[str], what: str, new: object) -> Iterator[tuple[str, str]]:
        for found in pattern.finditer(expr):
            text = new(found)  # type: ignore[operator]
            if text is not None and text != found[0]:
                yield (
                    f"{what}: {found[0].strip()} → {text.strip()} at {found.start()}",
                    (expr[: found.start()] + text + expr[found.end() :]),
                )

    yield from each(_COMPARES, "comparison flipped", lambda m: f" {_FLIPPED[m[1]]} ")
    yield from each(_LIMIT, "limit dropped", lambda m: _without_limit(expr, m))
    yield from each(
        _FACTOR, "factor dropped", lambda m: "1000000 *" if " < " in expr[max(0, m.start() - 60) : m.start()] else "0 *"
    )
    yield from each(re.compile(r"\band(?= )"), "and made or", lambda _: "or")
    yield from each(re.compile(r"\bunless(?= )"), "unless made or", lambda _: "or")
    yield from each(re.compile(r"\bor(?= (?:on |group by )?\()"), "or made unless", lambda _: "unless")
    yield from each(_WINDOW, "window swapped", lambda m: f"[{_OTHER_WINDOW.get(m[1], m[1])}]")
    yield from each(re.compile(r" offset \w+"), "offset dropped", lambda _: "")
    yield from each(_MATCHER, "matcher dropped", lambda _: "")
    ratios = _RATIO.findall(expr)
    if len(ratios) == 2:
        yield "long window made short", expr.replace(f"ratio{ratios[0]}", f"ratio{ratios[1]}", 1)
        yield "short window made long", expr.replace(f"ratio{ratios[1]}", f"ratio{ratios[0]}", 1)


def _without_limit(expr: str, found: re.Match[str]) -> str | None:
    """A limit nobody can miss, or a number close enough to nothing; ``> 0`` is mutated by its comparison."""
    if float(found[0]) == 0:
        return None
    return "1e12" if expr[: found.start()].endswith("< ") else "-1e12"
