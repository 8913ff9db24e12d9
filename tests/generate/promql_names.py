"""What a PromQL expression asks for, by a parser that is not ours."""

from typing import Any

import promql_parser


def metric_names(expression: str) -> set[str]:
    """Names of all series an expression selects. Raises ``ValueError`` when it is not PromQL."""
    return set(_names(promql_parser.parse(expression.replace("$__rate_interval", "5m"))))


def _names(node: Any) -> list[str]:
    if isinstance(node, promql_parser.VectorSelector):
        return [node.name]
    found: list[str] = []
    for attribute in ("expr", "lhs", "rhs", "vector_selector", "args", "param"):
        held = getattr(node, attribute, None)
        children = held if isinstance(held, list) else [held]
        for child in children:
            if child is not None and type(child).__module__.startswith("promql_parser"):
                found += _names(child)
    return found
