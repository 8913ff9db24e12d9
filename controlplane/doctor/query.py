"""PromQL by its tokens: whether two texts are the same query, and which series a query asks for.

Prometheus shows a loaded rule as it prints it, not as it was written: other spaces, ``1e+06`` for ``1e6``, ``5m`` for
``300s``, matchers by name. Two texts are the same query when their tokens mean the same, one by one.
"""

import re
from collections.abc import Iterable, Iterator

from controlplane.doctor.plain import seconds

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
    |(?P<duration>(?:\d+(?:ms|[smhdwy]))+(?![\w.]))
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    |(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    |(?P<symbol>=~|!~|!=|==|>=|<=|.)""",
    re.VERBOSE | re.DOTALL,
)
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
"""What stands before a list of labels in parentheses."""
_WORDS = {*_GROUPING, "and", "or", "unless", "bool", "offset", "inf", "nan", "atan2", "start", "end"}
"""Names that are part of the language; functions and aggregations are known by the parenthesis behind them."""


def tokens(query: str) -> tuple[str, ...]:
    """What a query is made of, each token in one spelling, matchers in braces in one order."""
    found: list[str] = []
    begun: int | None = None
    for _, text in _tokens(query):
        if text == "}" and begun is not None:
            found[begun:] = _ordered(found[begun:])
            begun = None
        found.append(text)
        if text == "{":
            begun = len(found)
    return tuple(found)


def _ordered(matchers: list[str]) -> list[str]:
    """Matchers sorted; a comma after the last is the same as none."""
    groups: list[list[str]] = [[]]
    for text in matchers:
        if text == ",":
            groups.append([])
        else:
            groups[-1].append(text)
    parts = sorted(group for group in groups if group)
    return [text for i, group in enumerate(parts) for text in ([","] if i else []) + group]


def metric_names(query: str) -> frozenset[str]:
    """Names of the series a query selects. A selector without a name (``{__name__=~…}``) is not followed."""
    parts = list(_without_labels(_tokens(query)))
    afters = [*(text for _, text in parts[1:]), ""]
    return frozenset(
        text
        for (kind, text), after in zip(parts, afters, strict=False)  # nothing at all has one thing behind it
        if kind == "name" and after != "(" and text.lower() not in _WORDS and after.lower() not in {"by", "without"}
    )


def _without_labels(parts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The tokens without matchers in braces and without the lists of labels behind ``by``, ``on`` and their like."""
    until, before = "", ""
    for kind, text in parts:
        if until:
            until = "" if text == until else until
        elif text == "{":
            until = "}"
        elif text == "(" and before in _GROUPING:
            until = ")"
        else:
            yield kind, text
        before = text.lower()


def _tokens(query: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(query):
        kind, text = match.lastgroup, match.group()
        if kind == "string":
            yield kind, _string(text)
        elif kind == "duration":
            yield kind, f"{seconds(text):g}s"
        elif kind == "number":
            yield kind, repr(float(text))
        elif kind is not None:
            yield kind, text


def _string(text: str) -> str:
    """The text of a string, in double quotes with as few escapes as can be."""
    inner = text[1:-1]
    if text[0] != "`":
        inner = re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), inner)
    return '"' + inner.replace("\\", "\\\\").replace('"', '\\"') + '"'
