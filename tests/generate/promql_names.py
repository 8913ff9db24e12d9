"""What a PromQL expression asks for, by a parser that is not ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser

WINDOWS = {"$__rate_interval": "5m", "$__range": "6h"}
"""Grafana's own variables, as it fills them in."""


@dataclass(frozen=True, slots=True)
class Selector:
    """One selector of an expression."""

    name: str
    """Empty where only matchers say what is meant."""
    matchers: tuple[tuple[str, str], ...]
    """Label and value, whatever the operator."""


def selectors(expression: str) -> tuple[Selector, ...]:
    """All selectors of an expression. Raises ``ValueError`` when it is not PromQL."""
    for variable, value in WINDOWS.items():
        expression = expression.replace(variable, value)
    return tuple(_selectors(promql_parser.parse(expression)))


def metric_names(expression: str) -> set[str]:
    """Names of all series an expression selects. Raises ``ValueError`` when it is not PromQL."""
    return {selector.name for selector in selectors(expression)}


def _selectors(node: Any) -> Iterator[Selector]:
    if isinstance(node, promql_parser.VectorSelector):
        yield Selector(node.name or "", tuple((m.name, m.value) for m in node.matchers.matchers))
        return
    for attribute in ("expr", "lhs", "rhs", "vector_selector", "args", "param"):
        held = getattr(node, attribute, None)
        for child in held if isinstance(held, list) else [held]:
            if child is not None and type(child).__module__.startswith("promql_parser"):
                yield from _selectors(child)
