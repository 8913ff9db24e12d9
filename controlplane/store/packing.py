"""The readings of one role at one tick as a few dozen bytes: a number for each reading's name, then the values.

Names are numbered in the ledger itself (``reading_codes``), so a reading added or renamed by a later version
never changes what an older row says.
"""

import math
import sys
from array import array
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, insert, select

from controlplane.errors import StoreError
from controlplane.model.reading import Reading
from controlplane.store.tables import reading_codes

Means = Mapping[Reading, tuple[float, int]]
"""Mean of the known values of each reading, and how many there were."""


class Packing:
    """The numbering of readings in one ledger, and the format of a row."""

    def __init__(self, codes: Mapping[str, int]) -> None:
        self._codes = codes
        known = {r.value: r for r in Reading}
        self._readings = {code: known[name] for name, code in codes.items() if name in known}

    @classmethod
    def load(cls, connection: Connection) -> "Packing":
        """The numbering as it is."""
        return cls(_codes(connection))

    @classmethod
    def extend(cls, connection: Connection) -> "Packing":
        """The numbering, after numbering readings the ledger has not met yet."""
        known = _codes(connection)
        last = max(known.values(), default=-1)
        new = [r.value for r in Reading if r.value not in known]
        if last + len(new) > 255:
            raise StoreError("the ledger has met more than 256 kinds of readings")
        if new:
            rows = [{"reading": name, "code": last + i} for i, name in enumerate(new, start=1)]
            connection.execute(insert(reading_codes), rows)
        return cls.load(connection)

    def pack(self, values: Mapping[Reading, float]) -> bytes:
        """One point. Raises ``StoreError`` for a value that is not finite: unknown is absent, not NaN."""
        if not all(map(math.isfinite, values.values())):
            bad = next(r for r, v in values.items() if not math.isfinite(v))
            raise StoreError(f"reading {bad} is not a finite number")
        codes = bytes([self._codes[r.value] for r in values])
        return bytes([len(codes)]) + codes + _bytes(array("d", values.values()))

    def unpack(self, blob: bytes) -> dict[Reading, float]:
        """The point that was packed, without readings this version does not know."""
        count = blob[0]
        numbers = _array("d", blob[1 + count :])
        return {self._readings[c]: v for c, v in zip(blob[1 : 1 + count], numbers, strict=True) if c in self._readings}

    def pack_means(self, means: Means) -> bytes:
        """One rollup: codes, means, counts."""
        codes = bytes([self._codes[r.value] for r in means])
        return (
            bytes([len(codes)])
            + codes
            + _bytes(array("d", [mean for mean, _ in means.values()]))
            + _bytes(array("I", [count for _, count in means.values()]))
        )

    def unpack_means(self, blob: bytes) -> dict[Reading, tuple[float, int]]:
        """The rollup that was packed."""
        count = blob[0]
        cut = 1 + 9 * count
        rows = zip(blob[1 : 1 + count], _array("d", blob[1 + count : cut]), _array("I", blob[cut:]), strict=True)
        return {self._readings[c]: (mean, round(n)) for c, mean, n in rows if c in self._readings}


def mean_of(parts: Iterable[Means]) -> dict[Reading, tuple[float, int]]:
    """Means of means, each weighted by the number of values behind it."""
    sums: dict[Reading, tuple[float, int]] = {}
    for part in parts:
        for reading, (mean, count) in part.items():
            total, known = sums.get(reading, (0.0, 0))
            sums[reading] = (total + mean * count, known + count)
    return {reading: (total / count, count) for reading, (total, count) in sums.items() if count}


def _codes(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(reading_codes.c.reading, reading_codes.c.code))
    return {row.reading: row.code for row in rows}


def _bytes(words: "array[float] | array[int]") -> bytes:
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()


def _array(code: str, blob: bytes) -> "array[float]":
    words: array[float] = array(code, blob)
    if sys.byteorder == "big":
        words.byteswap()
    return words
