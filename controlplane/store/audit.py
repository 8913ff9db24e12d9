"""What was done, by whom, written in the same transaction as the deed, each line hashed with the one before.

Whoever changes, removes or swaps a line breaks the chain from there on, and :func:`verify` says where.
Cutting off the newest lines cannot be seen from inside: keep a copy of the last hash elsewhere.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from controlplane.store.codec import micros
from controlplane.store.tables import audit

FIRST = "0" * 64
"""Hash before the first line."""

RESUME = "resume"
"""What is noted when a person releases the kill switch."""


class Audit:
    """Collects the lines of one transaction and writes them at its end."""

    def __init__(self, at: datetime) -> None:
        self._at = micros(at)
        self._lines: list[tuple[str, str, str, str]] = []

    def note(self, who: str, what: str, subject: str, **detail: str | float | None) -> None:
        """One line; ``detail`` must hold no secrets."""
        self._lines.append((who, what, subject, json.dumps(detail, sort_keys=True, separators=(",", ":"))))

    def write(self, connection: Connection) -> None:
        """Append what was noted to the chain."""
        if not self._lines:
            return
        last = connection.execute(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
        seq, before = (last.seq, last.hash) if last else (0, FIRST)
        rows = []
        for who, what, subject, detail in self._lines:
            seq += 1
            before = line_hash(before, seq, self._at, who, what, subject, detail)
            rows.append(
                {
                    "seq": seq,
                    "at": self._at,
                    "who": who,
                    "what": what,
                    "subject": subject,
                    "detail": detail,
                    "hash": before,
                }
            )
        connection.execute(insert(audit), rows)
        self._lines.clear()


def line_hash(before: str, *fields: str | int) -> str:
    """Hash of one line and everything before it."""
    return hashlib.sha256(json.dumps([before, *fields]).encode()).hexdigest()


def verify(connection: Connection) -> int | None:
    """Number of the first line that is not what was written; ``None`` when the whole chain holds."""
    before, expected = FIRST, 1
    for row in _lines(connection):
        if row[0] != expected or row[-1] != line_hash(before, *row[:-1]):
            return expected
        before, expected = row[-1], expected + 1
    return None


def _lines(connection: Connection) -> Iterator[Sequence[Any]]:
    """All lines in order, a thousand at a time."""
    c, last = audit.c, None
    while True:
        chosen = select(c.seq, c.at, c.who, c.what, c.subject, c.detail, c.hash).order_by(c.seq).limit(1000)
        lines = connection.execute(chosen if last is None else chosen.where(c.seq > last)).all()
        yield from lines
        if not lines:
            return
        last = lines[-1].seq
