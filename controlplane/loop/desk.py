"""What the API and the pages are given: the ledger, the few things a person may do, and how the service is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.loop.ports import Approvals, Archive
from controlplane.loop.sessions import SessionBook
from controlplane.model.change import ChangeState
from controlplane.model.cycle import Cycle
from controlplane.model.keys import RoleName
from controlplane.model.limit import Limit
from controlplane.model.person import Person
from controlplane.model.recommendation import Kind
from controlplane.model.role import RoleSpec

ROLLED_BACK = "rolled_back"
"""What is counted when a change was taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Who walks, where several control planes share a ledger."""

    here: bool
    """Whether it is this process."""
    fence: int
    """Number of the lead: each is greater than the one before. 0 before the first is known."""
    holder: str = ""
    """Host and process of another that leads; empty where none is known to."""
    since: datetime | None = None
    """When this process began to; ``None`` where another leads, and before its first tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How our own loops are doing, by name of the loop (tick, scrape, deliver, retention)."""

    last_success: Mapping[str, datetime]
    errors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The last error of a loop that has not succeeded since."""
    dropped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Runs of a loop that did not happen because the one before was still busy."""
    actions: Mapping[tuple[str, str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    """Changes sent by this process: (kind, result, namespace) → how many."""
    started: datetime | None = None
    """When this process began to serve."""
    lead: Lead | None = None
    """``None`` where there can be only one process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything a page may ask for. ``now`` is the service's clock (it may run fast in a demo)."""

    fleet: str
    roles: tuple[RoleSpec, ...]
    """As declared, in the order of fleet.yaml."""
    tick: timedelta
    archive: Archive
    approvals: Approvals
    latest: Callable[[], Cycle | None]
    """The newest cycle of this process with full columns, else the newest stored one."""
    now: Callable[[], datetime]
    nudge: Callable[[], None]
    """Ask for a tick soon: somebody approved something."""
    health: Callable[[], Health]
    limits: Mapping[RoleName, tuple[Limit, ...]]
    """Threshold lines per role, from the detectors' own settings."""
    budget_dollars_per_hour: float | None = None
    sessions: SessionBook | None = None
    """The book of sessions; ``None`` where nobody tells of calls."""
    people: tuple[Person, ...] = ()
    """Who has a token of their own, as fleet.yaml names them."""
    people_needed: int = 1
    """How many different people must approve a recommendation."""
    note: str = ""
    """A line for the top of every page, such as what a demo is about to do."""


def sent(cycle: Cycle) -> Iterator[tuple[str, str, str]]:
    """Kind, result and namespace of each change of a tick. The result is the receipt's state; an undo rolls back."""
    changes = {d.change_id: d.recommendation for d in cycle.decisions}
    for receipt in cycle.receipts:
        change = changes.get(receipt.change)
        if change is None:
            continue
        undone = change.kind is Kind.UNDO and receipt.state is ChangeState.APPLIED
        yield change.kind.value, ROLLED_BACK if undone else receipt.state.value, change.patch.target.namespace
