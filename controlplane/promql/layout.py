"""Long PromQL on several lines, so that people can read what is generated and a diff shows what changed.

Only white space changes. An expression that is too long is broken at its loosest operators, else inside its
outermost brackets.
"""

import re
from collections.abc import Iterator

WIDTH = 100
_STEP = "  "
_LOOSE = (
    re.compile(r" (or) "),
    re.compile(r" (and|unless) "),
    re.compile(r" (==|!=|>=|<=|>|<) "),
    re.compile(r" ([+-]) "),
)
_FACTORS = re.compile(r" ([*/]) ")
_COMMA = re.compile(r"(,) ")
_PAIRS = {"(": ")", "{": "}", "[": "]"}


def laid_out(expression: str, indent: str = "") -> str:
    """The expression, broken into lines where it is longer than one."""
    if len(indent) + len(expression) <= WIDTH:
        return indent + expression
    for operator in (*_LOOSE, _FACTORS):
        first, *rest = _split(expression, operator)
        if rest:
            return "\n".join([laid_out(first, indent), *(_continued(part, indent) for part in rest)])
    return _unpacked(expression, indent)


def _continued(part: str, indent: str) -> str:
    """``or something``: the operator (with its matching, which ends before the operand) opens the line."""
    return laid_out(part, indent) if len(indent) + len(part) <= WIDTH else _unpacked(part, indent)


def _unpacked(expression: str, indent: str) -> str:
    """The last bracket that is worth it, its inside one step deeper."""
    spans = [
        (start, end) for start, end in _brackets(expression) if expression[start] == "(" and end - start > WIDTH / 3
    ]
    if not spans:
        return indent + expression
    start, end = max(spans, key=lambda span: span[1] - span[0])
    deeper = indent + _STEP
    first, *rest = _split(expression[start + 1 : end], _COMMA, keep=False)
    lines = [laid_out(first, deeper)]
    for part in rest:
        together = f"{lines[-1]}, {part}"
        if lines[-1].endswith('"') and "\n" not in together and len(together) <= WIDTH:
            lines[-1] = together  # short arguments share a line
        else:
            lines.append(laid_out(part, deeper))
    return f"{indent}{expression[: start + 1]}\n" + ",\n".join(lines) + f"\n{indent}{expression[end:]}"


def _split(expression: str, operator: re.Pattern[str], *, keep: bool = True) -> list[str]:
    """Cut at every ``operator`` outside brackets and strings; the operator stays at the start of what follows it."""
    depths = list(_depths(expression))
    cuts = [m for m in operator.finditer(expression) if depths[m.start()] == 0]
    parts, begin = [], 0
    for cut in cuts:
        parts.append(expression[begin : cut.start()])
        begin = cut.start(1) if keep else cut.end()
    return [*parts, expression[begin:]]


def _brackets(expression: str) -> Iterator[tuple[int, int]]:
    """Start and end of each outermost bracket."""
    start = 0
    previous = 0
    for at, depth in enumerate(_depths(expression)):
        if depth and not previous:
            start = at
        if previous and not depth:
            yield start, at - 1
        previous = depth
    if previous:
        yield start, len(expression) - 1


def _depths(expression: str) -> Iterator[int]:
    """Per character: in how many brackets or strings it is; brackets and quotes count as inside."""
    depth = 0
    quoted = escaped = False
    for char in expression:
        if quoted:
            yield depth + 1
            escaped, quoted = (char == "\\" and not escaped), not (char == '"' and not escaped)
            continue
        if char == '"':
            quoted = True
            yield depth + 1
        elif char in _PAIRS:
            depth += 1
            yield depth
        elif char in _PAIRS.values():
            yield depth
            depth -= 1
        else:
            yield depth
