"""Which series an expression asks for. Reads what we write ourselves; tests hold it to a real parser of PromQL."""

import re

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_MATCHERS = re.compile(r"\{[^}]*\}")
_RANGE = re.compile(r"\[[^\]]*\]|\boffset\s+\S+")
_LABELS = re.compile(r"\b(?:by|on|ignoring|group_left|group_right|without)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w:.$])[a-zA-Z_:][a-zA-Z0-9_:]*\b(?!\s*\()")
_WORDS = {"or", "and", "unless", "bool"}


def metric_names(expr: str) -> tuple[str, ...]:
    """Names of the series, in the expression's order."""
    left = expr
    for pattern in (_STRING, _MATCHERS, _RANGE, _LABELS):
        left = pattern.sub(" ", left)
    return tuple(dict.fromkeys(name for name in _NAME.findall(left) if name not in _WORDS))
