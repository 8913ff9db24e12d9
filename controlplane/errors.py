"""Everything this package raises on purpose.

::

    ControlPlaneError
    ├── SettingsError        fleet.yaml cannot be used; carries every Problem found
    ├── ExpositionError      a metrics page breaks its grammar or a limit; carries line and Fault
    ├── SourceError          a place we read from did not answer usefully; carries a Fault
    ├── StoreError           the ledger could not be read or written
    │   ├── StoreBusyError       another process holds it
    │   └── StoreTooNewError     it was written by a newer version of this program
    ├── ActError             a change could not be written or looked up
    ├── NotifyError          a message was not accepted; says whether to try again
    ├── NotFoundError        what was asked for by id is not in the ledger
    └── RefusedError         a person asked for something that must not be done (with the reason)

Decisions never raise: a detector returns ``None``, a guardrail returns a failed check. Exceptions
belong to the edges, and each edge translates its library's exceptions into one of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.model.page import Fault


class ControlPlaneError(Exception):
    """Base of all errors a caller of this package may want to catch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a settings file, in one clear line."""

    file: str
    line: int | None
    key: str
    """Dotted path: ``roles.planner.slo.ttft_p95``; empty for the whole file."""
    what: str
    """What is wrong: "2 has no unit"."""
    fix: str
    """What to write instead: "write 2s or 2000ms"."""

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        key = f" {self.key}:" if self.key else ""
        return f"{where}:{key} {self.what}; {self.fix}"


class SettingsError(ControlPlaneError):
    """The settings cannot be used. Every problem that could be found is in ``problems``."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = tuple(problems)


class ExpositionError(ControlPlaneError):
    """A metrics page breaks its grammar or a limit; nothing of it may be used.

    Args:
        fault: what kind of wrong.
        detail: in words, without more than 120 characters of the page, escaped.
        line: 1-based line on the page; ``None`` where it is about the page as a whole.
    """

    def __init__(self, fault: Fault, detail: str, line: int | None = None) -> None:
        super().__init__(f"{fault}: {detail}" + ("" if line is None else f" (line {line})"))
        self.fault = fault
        self.detail = detail
        self.line = line


class SourceError(ControlPlaneError):
    """A place we read from did not answer usefully."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault}: {detail}" if detail else str(fault))
        self.fault = fault
        self.detail = detail


class StoreError(ControlPlaneError):
    """The ledger could not be read or written."""


class StoreBusyError(StoreError):
    """Another process holds the ledger."""


class StoreTooNewError(StoreError):
    """The ledger was written by a newer version of this program."""


class ActError(ControlPlaneError):
    """A change could not be written, or what was written could not be looked up."""


class NotFoundError(ControlPlaneError):
    """What was asked for by id is not in the ledger."""


class RefusedError(ControlPlaneError):
    """A person asked for something that must not be done; the message says why."""


class NotifyError(ControlPlaneError):
    """A message was not accepted.

    Args:
        message: what the receiver said, without secrets.
        retry_after: seconds to wait before the next attempt; ``None`` when trying again is useless.
        in_doubt: it may have been accepted all the same: the answer was lost, not the message.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, in_doubt: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.in_doubt = in_doubt
