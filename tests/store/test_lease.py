"""One leads at a time; its number only grows; who was overtaken writes nothing more."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from controlplane.errors import StoreBusyError
from controlplane.loop.desk import Lead
from controlplane.store.lease import Lease, LeaseTimes
from controlplane.store.ledger import Ledger, open_ledger
from tests.builders import a_change, a_receipt, a_recommendation
from tests.store.steps import at, keep, tick

TIMES = LeaseTimes()
LEASE, DEADLINE = TIMES.lease.total_seconds(), TIMES.deadline.total_seconds()


@dataclass
class Seconds:
    """A monotonic clock by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shared(postgres_url: str) -> Iterator[Ledger]:
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
    engine.dispose()
    ledger = open_ledger(postgres_url)
    yield ledger
    ledger.close()


def a_lease(ledger: Ledger, name: str, clock: Seconds) -> Lease:
    return Lease(ledger._database, name, monotonic=clock)


def test_the_only_one_leads_at_once_and_goes_on(ledger: Ledger) -> None:
    clock = Seconds()
    lease = a_lease(ledger, "a", clock)
    assert not lease.leads()
    assert lease.turn() and lease.fence == 1
    clock.now += 5
    assert lease.turn() and lease.fence == 1
    assert lease.why_not() is None


def test_a_file_that_nobody_else_can_open_needs_no_renewing(tmp_path: Path) -> None:
    ledger, clock = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}"), Seconds()
    lease = a_lease(ledger, "a", clock)
    lease.turn()
    clock.now += 1000 * LEASE
    assert lease.leads() and lease.turn() and lease.fence == 1
    assert lease.lead() is None, "where there can be only one nobody asks"
    ledger.close()


@pytest.mark.real
def test_whoever_could_not_renew_stops_before_anybody_takes_over(shared: Ledger) -> None:
    clock = Seconds()
    lease = a_lease(shared, "a", clock)
    lease.turn()
    clock.now += DEADLINE - 0.1
    assert lease.leads()
    clock.now += 0.1
    assert not lease.leads() and lease.why_not() is not None
    assert DEADLINE < LEASE


def test_a_new_process_over_the_same_file_has_a_greater_number(ledger: Ledger) -> None:
    assert ledger.lease.turn()
    if not ledger._database.sqlite:
        ledger.lease.release()
    again = a_lease(ledger, "b", Seconds())
    assert again.turn() and again.fence == 2


@pytest.mark.real
def test_a_follower_takes_over_when_the_row_has_not_moved_for_the_whole_lease(shared: Ledger) -> None:
    mine, theirs = Seconds(), Seconds(5000.0)
    first, second = a_lease(shared, "a", mine), a_lease(shared, "b", theirs)
    assert first.turn() and not second.turn()
    theirs.now += LEASE - 0.1
    assert first.turn(), "it moves the row"
    assert not second.turn()
    theirs.now += LEASE - 0.1
    assert not second.turn()
    theirs.now += 0.1
    assert second.turn() and second.fence == 2
    assert not first.turn() and not first.leads()
    assert first.fence == 1


@pytest.mark.real
def test_what_is_given_back_is_taken_at_once(shared: Ledger) -> None:
    first, second = a_lease(shared, "a", Seconds()), a_lease(shared, "b", Seconds())
    first.turn()
    assert not second.turn()
    first.release()
    assert second.turn() and not first.leads()
    first.release()
    assert second.turn(), "what is not one's own cannot be given back"


@pytest.mark.real
def test_each_process_knows_who_leads(shared: Ledger) -> None:
    mine, theirs = Seconds(), Seconds()
    first, second = a_lease(shared, "pod-a:1:f00", mine), a_lease(shared, "pod-b:1:ba5", theirs)
    assert second.lead() == Lead(here=False, fence=0), "it has not looked yet"
    first.turn()
    second.turn()
    assert first.lead() == Lead(here=True, fence=1)
    assert second.lead() == Lead(here=False, fence=1, holder="pod-a:1")
    mine.now += DEADLINE
    assert first.lead() == Lead(here=False, fence=1), "it could not renew"
    first.release()
    second.turn()
    first.turn()
    assert second.lead() == Lead(here=True, fence=2)
    assert first.lead() == Lead(here=False, fence=2, holder="pod-b:1")
    theirs.now += DEADLINE
    assert second.lead() == Lead(here=False, fence=2), "whom it took over from is nobody to name"


@pytest.mark.real
def test_d7_an_overtaken_leader_can_neither_intend_nor_keep_nor_settle(shared: Ledger, postgres_url: str) -> None:
    old, new = shared, open_ledger(postgres_url, times=LeaseTimes(lease=timedelta(0)))
    assert old.lease.turn()
    change = a_change(a_recommendation(), at=at(0), by=None)
    assert old.intend(change)
    assert new.lease.turn() or new.lease.turn()
    for write in (
        lambda: old.intend(a_change(a_recommendation("worker"), at=at(1), by=None)),
        lambda: keep(old, tick(1)),
        lambda: old.settle(a_receipt(change)),
    ):
        with pytest.raises(StoreBusyError, match="another control plane leads"):
            write()
    assert new.unsettled() == (change,)
    assert [r.change.id for r in new.changes()] == [change.id]
    old.stop("ada", "people may speak to any of them", at(2))
    assert new.stopped() is not None
    assert new.verify_audit() is None
    new.close()


@pytest.mark.real
def test_many_processes_write_one_audit_chain(shared: Ledger, postgres_url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    ledgers = [open_ledger(postgres_url) for _ in range(4)]

    def write(number: int) -> None:
        ledgers[number % 4].stop("ada", f"reason {number}", at(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(40)))
    assert shared.verify_audit() is None
    with shared._database.read() as connection:
        assert connection.scalar(text("select count(*) from audit")) == 40
    for ledger in ledgers:
        ledger.close()
