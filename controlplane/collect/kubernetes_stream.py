"""The stream of a watch: one JSON event a line, read under our own bounds, whatever the server sends."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import urllib3

from controlplane.collect.answers import PIECE, shortened, source_error
from controlplane.errors import SourceError
from controlplane.model.page import Fault

LONGEST_EVENT = 4 * 2**20
"""Bytes of one event. The API server refuses objects of more than 1.5 MiB; JSON may be larger than what it stores."""


class Happened(StrEnum):
    """What an event says."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"
    """Nothing happened up to this version."""


class GoneError(SourceError):
    """410: what we hold is older than what the server still remembers; only a new list helps."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one object."""

    happened: Happened
    object: dict[str, Any]

    @property
    def version(self) -> str:
        """The version of the cluster after it."""
        return str(self.object["metadata"]["resourceVersion"])

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.object["metadata"]["name"])


class Stream:
    """A watch that has begun.

    Args:
        raw: the answer, nothing of its body read yet.
    """

    def __init__(self, raw: urllib3.HTTPResponse) -> None:
        self._raw = raw

    def events(self) -> Iterator[Event]:
        """Events until the server ends the watch.

        Raises:
            GoneError: the server has forgotten what came in between.
            SourceError: the connection broke or died, or what came is no event.
        """
        rest = b""
        try:
            while piece := self._raw.read1(PIECE):
                *lines, rest = (rest + piece).split(b"\n")
                if len(rest) > LONGEST_EVENT:
                    raise SourceError(Fault.TOO_LARGE, f"an event of more than {LONGEST_EVENT / 2**20:g} MiB")
                for line in lines:
                    if line.strip():
                        yield _event(line)
        except (urllib3.exceptions.HTTPError, OSError) as problem:
            raise source_error(problem) from problem
        if rest.strip():
            raise SourceError(Fault.TRUNCATED, "the watch ends within an event")

    def wake(self) -> None:
        """Let a thread that waits for the next event see the end of the stream. For any other thread."""
        with contextlib.suppress(ValueError, OSError, RuntimeError):  # it may have ended by itself
            self._raw.shutdown()

    def end(self) -> None:
        """Give the connection back; an unfinished one is closed, as it cannot be used again."""
        self._raw.close()
        self._raw.release_conn()


def _event(line: bytes) -> Event:
    try:
        said = json.loads(line)
        happened, thing = said["type"], said["object"]
        if happened == "ERROR":
            raise _failure(thing)
        event = Event(Happened(happened), thing)
        known = bool(event.version and (event.happened is Happened.BOOKMARK or event.name))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise SourceError(Fault.MALFORMED, shortened(f"not an event: {line[:60]!r}")) from problem
    if not known:
        raise SourceError(Fault.MALFORMED, "an event without a version or a name")
    return event


def _failure(status: dict[str, Any]) -> SourceError:
    code = status.get("code")
    said = shortened(f"status {code} within a watch: {status.get('message', '')}")
    return GoneError(Fault.STATUS, said) if code == 410 else SourceError(Fault.STATUS, said)
