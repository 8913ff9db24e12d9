"""Values go into the ledger as JSON and come back exactly as they were.

A codec is built once per type from its annotations: frozen dataclasses, enums, tuples, mappings, instants
(ISO 8601), spans (whole microseconds), plain values. ``None`` stays ``None``, an integer stays an integer,
a number that is not finite is refused: unknown is ``None`` and nothing else. Long columns of numbers or
instants are packed (base64 of little-endian machine words), because a fleet has a million of them.

A field that a newer version added is filled from its default when an older record is read.
"""

import base64
import dataclasses
import json
import math
import sys
import types
import typing
import zlib
from array import array
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Generic, TypeVar

from controlplane.errors import StoreError

T = TypeVar("T")
Turn = Callable[[Any], Any] | None
"""How one value is turned; ``None``: it is JSON already."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
PACK_FROM = 8
"""Columns shorter than this are not packed: a person reading the ledger can read them."""


def micros(at: datetime) -> int:
    """An instant as whole microseconds since 1970; how the ledger's own columns hold it."""
    return (at - EPOCH) // MICROSECOND


def instant(stored: int) -> datetime:
    """The instant that :func:`micros` wrote, in UTC."""
    return EPOCH + timedelta(microseconds=stored)


class Codec(Generic[T]):
    """Turns values of one type into text or compressed bytes and back."""

    def __init__(self, kind: type[T]) -> None:
        self._name = kind.__name__
        turns: tuple[Turn, Turn] = _turns(typing.cast("Any", kind))
        self._encode, self._decode = turns

    def text(self, value: T) -> str:
        """JSON text. Raises ``StoreError`` when a number in it is not finite."""
        try:
            plain = self._encode(value) if self._encode else value
            return json.dumps(plain, allow_nan=False, separators=(",", ":"))
        except (ValueError, TypeError) as error:
            raise StoreError(f"cannot store this {self._name}: {error}") from error

    def value(self, text: str) -> T:
        """The value that was written. Raises ``StoreError`` when the text is not one."""
        try:
            plain = json.loads(text)
            return typing.cast("T", self._decode(plain) if self._decode else plain)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(f"cannot read a stored {self._name}: {error}") from error

    def packed(self, value: T) -> bytes:
        """Compressed JSON, for what is big and seldom read."""
        return zlib.compress(self.text(value).encode(), 1)

    def unpacked(self, blob: bytes) -> T:
        """The value that :meth:`packed` wrote."""
        try:
            text = zlib.decompress(blob).decode()
        except (zlib.error, UnicodeDecodeError) as error:
            raise StoreError(f"cannot read a stored {self._name}: {error}") from error
        return self.value(text)


@cache
def _turns(kind: Any) -> tuple[Turn, Turn]:
    """Encoder and decoder of one annotation."""
    if isinstance(kind, typing.NewType):
        return _turns(kind.__supertype__)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _of_union(args)
    if origin is tuple:
        return _of_tuple(args)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return _of_mapping(*args)
    if kind is datetime:
        return datetime.isoformat, datetime.fromisoformat
    if kind is timedelta:
        return (lambda span: span // MICROSECOND), (lambda stored: timedelta(microseconds=stored))
    if kind in (str, int, float, bool, type(None)):
        return None, None
    if isinstance(kind, type) and issubclass(kind, Enum):
        return None, kind
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _of_dataclass(kind)
    raise TypeError(f"the ledger has no way to store {kind!r}")


def _of_union(args: tuple[Any, ...]) -> tuple[Turn, Turn]:
    kinds = [a for a in args if a is not type(None)]
    if len(kinds) > 1:
        if any(_turns(k) != (None, None) for k in kinds):
            raise TypeError(f"the ledger cannot tell {kinds!r} apart")
        return None, None
    encode, decode = _turns(kinds[0])
    return (
        encode and (lambda value: None if value is None else encode(value)),
        decode and (lambda stored: None if stored is None else decode(stored)),
    )


def _of_tuple(args: tuple[Any, ...]) -> tuple[Turn, Turn]:
    if len(args) == 2 and args[1] is Ellipsis:
        if args[0] == float | None:
            return _pack_numbers, _unpack_numbers
        if args[0] is datetime:
            return _pack_instants, _unpack_instants
        encode, decode = _turns(args[0])
        return (
            (lambda value: [encode(v) for v in value]) if encode else list,
            (lambda stored: tuple([decode(s) for s in stored])) if decode else tuple,
        )
    turns = [_turns(a) for a in args]
    return (
        lambda value: [v if e is None else e(v) for (e, _), v in zip(turns, value, strict=True)],
        lambda stored: tuple(s if d is None else d(s) for (_, d), s in zip(turns, stored, strict=True)),
    )


def _of_mapping(key: Any, item: Any) -> tuple[Turn, Turn]:
    encode, decode = _turns(item)
    encode_key, decode_key = _turns(key)
    if encode_key is None:  # a string, or an enum of strings: a JSON object
        return (
            (lambda value: {k: encode(v) for k, v in value.items()}) if encode else dict,
            lambda stored: types.MappingProxyType(
                {(decode_key(k) if decode_key else k): (decode(v) if decode else v) for k, v in stored.items()}
            ),
        )
    return (
        lambda value: [[encode_key(k), encode(v) if encode else v] for k, v in value.items()],
        lambda stored: types.MappingProxyType(
            {(decode_key(k) if decode_key else k): (decode(v) if decode else v) for k, v in stored}
        ),
    )


def _of_dataclass(kind: type[Any]) -> tuple[Turn, Turn]:
    hints = typing.get_type_hints(kind)
    parts = [(f.name, *_turns(hints[f.name])) for f in dataclasses.fields(kind) if f.init]
    writers = [(name, encode) for name, encode, _ in parts]
    readers = {name: decode for name, _, decode in parts}

    def encode(value: Any) -> dict[str, Any]:
        return {name: getattr(value, name) if turn is None else turn(getattr(value, name)) for name, turn in writers}

    def decode(stored: dict[str, Any]) -> Any:
        return kind(
            **{
                name: plain if (turn := readers[name]) is None else turn(plain)
                for name, plain in stored.items()
                if name in readers
            }
        )

    return encode, decode


def _pack_numbers(column: tuple[float | None, ...]) -> Any:
    if len(column) < PACK_FROM or not set(map(type, column)) <= {float, type(None)}:
        return list(column)
    if not all(map(math.isfinite, filter(None, column))):
        raise ValueError("a number in a column is not finite")
    nan = math.nan
    return _base64(array("d", [nan if v is None else v for v in column]))


def _unpack_numbers(stored: Any) -> tuple[float | None, ...]:
    if isinstance(stored, list):
        return tuple(stored)
    return tuple([None if v != v else v for v in _words("d", stored)])  # noqa: PLR0124  NaN is "unknown" here


def _pack_instants(column: tuple[datetime, ...]) -> Any:
    if len(column) < PACK_FROM or any(at.tzinfo is not UTC for at in column):
        return [at.isoformat() for at in column]
    return _base64(array("q", [(at - EPOCH) // MICROSECOND for at in column]))


def _unpack_instants(stored: Any) -> tuple[datetime, ...]:
    if isinstance(stored, list):
        return tuple([datetime.fromisoformat(at) for at in stored])
    return tuple([EPOCH + timedelta(microseconds=v) for v in _words("q", stored)])


def _base64(words: "array[Any]") -> str:
    if sys.byteorder == "big":
        words.byteswap()
    return base64.b64encode(words.tobytes()).decode()


def _words(code: str, stored: str) -> "array[Any]":
    words = array(code, base64.b64decode(stored))
    if sys.byteorder == "big":
        words.byteswap()
    return words
