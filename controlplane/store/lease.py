"""Who leads: one row that the leader keeps alive, and a number that grows with every new leader.

Nobody's wall clock decides anything. A follower watches the row with its own monotonic clock and takes over
when it has not moved for ``lease``; a leader that could not renew for ``deadline``, which is shorter, stops by
itself. Should it not notice (it was suspended), its number is out of date: every write of the walk checks it
in the same transaction, and the API server sees it in the object's annotation.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, select, update

from controlplane.errors import StoreBusyError, StoreError
from controlplane.loop.desk import Lead
from controlplane.store.database import Database
from controlplane.store.tables import lease

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """Spans of real time; the same as of Kubernetes' own controllers."""

    lease: timedelta = timedelta(seconds=15)
    """How long a leader that is not heard of is waited for."""

    deadline: timedelta = timedelta(seconds=10)
    """How long a leader goes on without having been able to renew. Less than ``lease``, or two would act."""

    retry: timedelta = timedelta(seconds=2)
    """How often the leader renews, and the others look."""


class Lease:
    """One process's view of the lead.

    Args:
        database: the ledger's.
        holder: a name nobody else has, such as host and process.
        monotonic: seconds of real time.
        times: how long things take.
    """

    def __init__(
        self, database: Database, holder: str, *, monotonic: Callable[[], float], times: LeaseTimes | None = None
    ) -> None:
        self._database = database
        self._holder = holder
        self._monotonic = monotonic
        self._times = times or LeaseTimes()
        self._turn = threading.Lock()
        self._renewed: float | None = None
        self._fence = 0
        self._seen: tuple[int, int] | None = None
        self._seen_at = 0.0
        self._other: Lead | None = None

    @property
    def fence(self) -> int:
        """Number of the lead we have, or had last; 0 when we never led."""
        return self._fence

    def leads(self) -> bool:
        """Whether we may act now."""
        renewed = self._renewed
        if renewed is None or self._database.sqlite:  # there the lock file keeps everybody else out
            return renewed is not None
        return self._monotonic() - renewed < self._times.deadline.total_seconds()

    def lead(self) -> Lead | None:
        """Who leads, as of our last look; ``None`` where there can be only one process."""
        if self._database.sqlite:
            return None
        if self.leads():
            return Lead(here=True, fence=self._fence)
        return self._other or Lead(here=False, fence=self._fence)

    def why_not(self) -> str | None:
        """Why nothing may be sent: we do not lead. ``None`` when we do."""
        return None if self.leads() else "another control plane may lead by now"

    def turn(self) -> bool:
        """Renew the lead, or take it when nobody has it. Call it every ``retry``; it never raises."""
        with self._turn:
            if self._database.sqlite and self._renewed is not None:
                return True
            begun = self._monotonic()
            try:
                with self._database.write() as connection:
                    holds = self._renew(connection) or self._take(connection, begun)
            except StoreError as problem:
                log.warning("the lease cannot be renewed now: %s", problem)
                return self.leads()
            self._renewed = begun if holds else None
            return self.leads()

    def release(self) -> None:
        """Let the next one take over at once."""
        with self._turn:
            self._renewed = None
            try:
                with self._database.write() as connection:
                    mine = (lease.c.holder == self._holder, lease.c.fence == self._fence)
                    connection.execute(update(lease).where(*mine).values(holder=""))
            except StoreError as problem:
                log.warning("the lease could not be given back: %s", problem)

    def check(self, connection: Connection) -> None:
        """For a transaction of the walk: it fails unless the lead is still ours. Raises ``StoreBusyError``."""
        if self._fence and connection.scalar(select(lease.c.fence)) != self._fence:
            raise StoreBusyError("another control plane leads by now; nothing of this one is written any more")

    def _renew(self, connection: Connection) -> bool:
        mine = (lease.c.holder == self._holder, lease.c.fence == self._fence)
        return connection.execute(update(lease).where(*mine).values(beat=lease.c.beat + 1)).rowcount == 1

    def _take(self, connection: Connection, now: float) -> bool:
        row = connection.execute(select(lease)).one()
        if self._seen != (row.fence, row.beat):
            self._seen, self._seen_at = (row.fence, row.beat), now
        name = row.holder.rpartition(":")[0]  # without what only makes it unique
        self._other = Lead(here=False, fence=row.fence, holder=name)
        waited = now - self._seen_at >= self._times.lease.total_seconds()
        # with SQLite the lock file says that whoever held it is gone
        if row.holder and not waited and not self._database.sqlite:
            return False
        unchanged = (lease.c.fence == row.fence, lease.c.beat == row.beat)
        taken = connection.execute(
            update(lease).where(*unchanged).values(holder=self._holder, fence=row.fence + 1, beat=row.beat + 1)
        )
        if taken.rowcount != 1:
            return False
        self._fence, self._other = row.fence + 1, None
        log.info("%s leads now, number %d", self._holder, self._fence)
        return True
