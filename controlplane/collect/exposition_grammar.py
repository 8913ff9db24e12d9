"""What one line of a metrics page may look like, to the letter.

Stricter than the common client libraries, because a number misread is worse than a page refused: no hex, no
underscores, no digits of other scripts, no overflow; an exemplar is never taken for a timestamp.
"""

import math
import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from sys import intern

from controlplane.collect.limits import Limits
from controlplane.errors import ExpositionError
from controlplane.model.page import Fault, Labels

SNIPPET = 80
"""Bytes of a page that may appear in an error."""

_PLAIN_DIGITS = b"0123456789+-.eE,"
_NUMBER = re.compile(
    rb"[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+|(?P<words>[+-]?+(?i:inf(?:inity)?+|nan))"
)

_NAME = rb"[A-Za-z_:][A-Za-z0-9_:]*+"
_LABEL = rb"[A-Za-z_][A-Za-z0-9_]*+"
_QUOTED = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SERIES = re.compile(rb"(?P<name>%s)?+(?:[ \t]*+\{(?P<labels>(?:[^\"}]++|%s)*+)\})?+" % (_NAME, _QUOTED))
_PAIR = re.compile(rb"[ \t]*+(?:(%s)|(%s))[ \t]*+(?:=[ \t]*+(%s)[ \t]*+)?+(,|\Z)" % (_LABEL, _QUOTED, _QUOTED))
_AFTER = re.compile(rb"(?:(?<=\})[ \t]*+|[ \t]++)(?P<value>[^ \t]++)(?:[ \t]++(?P<time>[^ \t#]++))?+[ \t]*+")
_EXEMPLAR = re.compile(rb"#[ \t]++\{(?P<labels>(?:[^\"}]++|%s)*+)\}[ \t]++(?P<after>.++)" % _QUOTED)
_MILLISECONDS = re.compile(rb"[+-]?+[0-9]{1,18}+")
_META = re.compile(rb"#[ \t]++(HELP|TYPE|UNIT)[ \t]++(%s|%s)(?:[ \t]++(.*+))?+" % (_NAME, _QUOTED))
_META_MARK = re.compile(rb"#[ \t]++(HELP|TYPE|UNIT)(?:[ \t]|\Z)")
_ESCAPE = re.compile(r"\\([\\n\"])")


def snippet(line: bytes) -> str:
    """The beginning of a line, safe to print anywhere."""
    return ascii(line[:SNIPPET].decode(errors="replace"))[1:-1][:120]


def number(token: bytes) -> float:
    """Read one number; ``ValueError`` unless it is written exactly as the format says. NaN and Inf are numbers."""
    match = _NUMBER.fullmatch(token)
    if match is None:
        raise ValueError(f"not a number: {snippet(token)}")
    value = float(token)
    if math.isinf(value) and match["words"] is None:
        raise ValueError(f"out of range: {snippet(token)}")
    return value


def numbers(tokens: list[bytes]) -> list[float]:
    """Read many numbers at once; ``ValueError`` when one of them is wrong.

    After the characters are known to be harmless ``float`` is exactly as strict as the format, so that the regular
    expression (2 µs a number) is needed only where a NaN, an Inf or a mistake is among them.
    """
    if not b",".join(tokens).translate(None, _PLAIN_DIGITS):
        values = list(map(float, tokens))
        if math.isfinite(sum(values)):
            return values
    return [number(token) for token in tokens]


def is_number(text: str) -> bool:
    """Whether a label's value (``le``) is a number."""
    return text.isascii() and _NUMBER.fullmatch(text.encode()) is not None


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample line, taken apart."""

    series: bytes
    """The raw text of name and labels."""
    name: str
    labels: Labels
    value: float
    timestamp: float | None
    """Seconds since 1970; ``None`` where the line has none."""
    plain: bool
    """The line is nothing but series, one blank and value."""


def sample(
    line: bytes, at: int, limits: Limits, *, openmetrics: bool, known: MutableMapping[bytes, Labels] | None = None
) -> Sample:
    """Take a sample line apart.

    Args:
        line: the line without its end.
        at: its number, for the error.
        limits: bounds for names, values and the number of labels.
        openmetrics: whether an exemplar may follow, and how a timestamp is written.
        known: raw text between the braces and the labels it means; grows by what is found here.

    Raises:
        ExpositionError: MALFORMED, or TOO_LARGE where a name, a value or the number of labels is over its limit.
    """
    start = len(line) - len(line.lstrip(b" \t"))
    head = _SERIES.match(line, start)
    if head is None or head.end() == start:
        raise _malformed("a line must begin with a metric's name", line, at)
    rest = _AFTER.match(line, head.end())
    if rest is None:
        raise _malformed("no value after the series", line[head.end() :] or line, at)
    try:
        value = number(rest["value"])
        timestamp = None if rest["time"] is None else _timestamp(rest["time"], openmetrics=openmetrics)
    except ValueError as error:
        raise ExpositionError(Fault.MALFORMED, str(error), at) from None
    if rest.end() != len(line):
        _exemplar(line[rest.end() :], at, limits, openmetrics=openmetrics)
    labels = None if known is None or head["name"] is None else known.get(head["labels"])
    if labels is None:
        name, labels = _name_and_labels(head["name"], head["labels"], line, at, limits)
        if known is not None and head["name"] is not None and head["labels"] is not None:
            known[head["labels"]] = labels
    else:
        name = _name(head["name"].decode(), line, at, limits)
    plain = start == 0 and len(head[0]) + 1 + len(rest["value"]) == len(line)
    return Sample(head[0], name, labels, value, timestamp, plain)


def _timestamp(token: bytes, *, openmetrics: bool) -> float:
    if openmetrics:
        value = number(token)
        if not math.isfinite(value):
            raise ValueError(f"not a timestamp: {snippet(token)}")
        return value
    if _MILLISECONDS.fullmatch(token) is None:
        raise ValueError(f"not a timestamp: {snippet(token)}")
    return int(token) / 1000


def _exemplar(text: bytes, at: int, limits: Limits, *, openmetrics: bool) -> None:
    """Check and drop an exemplar. Classic text has none: what looks like one is an error, not a timestamp."""
    match = _EXEMPLAR.fullmatch(text) if openmetrics else None
    if match is None:
        raise _malformed("something follows the value", text, at)
    value, *times = match["after"].split() or [b""]
    try:
        good = [number(value), *(_timestamp(time, openmetrics=True) for time in times)]
    except ValueError:
        good = []
    if not 1 <= len(good) <= 2:
        raise _malformed("not an exemplar", text, at)
    _name_and_labels(b"exemplar", match["labels"], text, at, limits)


def _name_and_labels(
    bare: bytes | None, inside: bytes | None, line: bytes, at: int, limits: Limits
) -> tuple[str, Labels]:
    name = None if bare is None else bare.decode()
    labels: dict[str, str] = {}
    rest = inside or b""
    position, count = 0, 0
    while rest[position:].strip(b" \t"):
        pair = _PAIR.match(rest, position)
        if pair is None:
            raise _malformed('labels are not name="value" pairs', line, at)
        position = pair.end()
        label, quoted, value = pair[1], pair[2], pair[3]
        if value is None:
            if quoted is None or name is not None or count:
                raise _malformed("a label has no value", line, at)
            name = _unquoted(quoted)
            continue
        count += 1
        if count > limits.labels:
            raise ExpositionError(Fault.TOO_LARGE, f"more than {limits.labels} labels: {snippet(line)}", at)
        key = label.decode() if quoted is None else _unquoted(quoted)
        text = _unquoted(value)
        if len(key) > limits.name or len(text) > limits.value:
            raise ExpositionError(Fault.TOO_LARGE, f"a label is longer than allowed: {snippet(line)}", at)
        if not key or key == "__name__" or key in labels:
            raise _malformed(f"label {snippet(key.encode())} is there twice or not allowed", line, at)
        labels[key] = text
    # A label with an empty value is the same as no such label.
    return _name(name, line, at, limits), tuple(sorted((intern(k), intern(v)) for k, v in labels.items() if v))


def _name(name: str | None, line: bytes, at: int, limits: Limits) -> str:
    if not name:
        raise _malformed("a series has no name", line, at)
    if len(name) > limits.name:
        raise ExpositionError(Fault.TOO_LARGE, f"a name is longer than {limits.name}: {snippet(line)}", at)
    return intern(name)


def _unquoted(quoted: bytes) -> str:
    text = quoted[1:-1].decode()
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], text)


def meta(line: bytes, at: int) -> tuple[str, str, str] | None:
    """Take a HELP, TYPE or UNIT line apart into word, family and text; ``None`` for any other comment."""
    match = _META.fullmatch(line)
    if match is not None:
        family = match[2].decode() if match[2][:1] != b'"' else _unquoted(match[2])
        return match[1].decode(), family, (match[3] or b"").decode()
    if _META_MARK.match(line):
        raise _malformed("HELP, TYPE and UNIT need a metric's name", line, at)
    return None


def _malformed(what: str, line: bytes, at: int) -> ExpositionError:
    return ExpositionError(Fault.MALFORMED, f"{what}: {snippet(line)}", at)
