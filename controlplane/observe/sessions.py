"""Calls become sessions: who used what, how wide it fanned out, and since when it is over its allowance."""

from dataclasses import dataclass

from controlplane.model.session import Counted, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Sessions as they are after new calls, or after their end, and what the counters grow by."""

    sessions: tuple[Session, ...]
    counted: tuple[Counted, ...]
