"""How long the ledger needs for one tick of a large fleet. Prints; asserts nothing about time."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from controlplane.model.cycle import Cycle
from controlplane.model.reading import Reading
from controlplane.store.ledger import Ledger, open_ledger
from tests.builders import (
    STEP,
    a_calm_role,
    a_cycle,
    a_decision,
    a_finding,
    a_fleet,
    a_recommendation,
    a_replica,
    a_spec,
)
from tests.store.notes import one_note_each

ROLES, REPLICAS = 200, 20
POLICY = "{}"
SHOWN = (Reading.RUNNING, Reading.WAITING, Reading.KV_USAGE, Reading.OUTPUT_TOKENS)


def big_cycle(number: int, *, trouble: int = 0) -> Cycle:
    """200 roles of 20 replicas with 45 minutes of every reading, at tick ``number``."""
    roles = []
    for i in range(ROLES):
        name = f"role-{i:03}"
        values = dict.fromkeys(SHOWN, 0.1234567 + i)
        replicas = tuple(a_replica(name, n, values=values) for n in range(REPLICAS))
        view = a_calm_role(a_spec(name), replicas=replicas)
        roles.append(replace(view, at=view.at + number * STEP, ticks=tuple(t + number * STEP for t in view.ticks)))
    names = [r.name for r in roles[:trouble]]
    return a_cycle(
        a_fleet(*roles),
        findings=tuple(a_finding(role=n) for n in names),
        decisions=tuple(a_decision(a_recommendation(n), at=roles[0].at) for n in names),
    )


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of CPU and by the clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    action()
    return (time.process_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000


def middle(spans: Sequence[tuple[float, float]]) -> str:
    cpu, wall = (statistics.median(column) for column in zip(*spans, strict=True))
    return f"{cpu:.0f} ms CPU ({wall:.0f} by the clock)"


@pytest.mark.bench
@pytest.mark.parametrize("trouble", [0, 20, 200])
def test_keeping_a_tick_of_two_hundred_roles(tmp_path: Path, trouble: int, capsys: pytest.CaptureFixture[str]) -> None:
    ledger: Ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", compose=one_note_each)
    cycles = [big_cycle(number, trouble=trouble) for number in range(8)]
    kept, recalled = [], []
    for cycle in cycles:
        past = ledger.recall(cycle.at)
        recalled.append(timed(lambda now=cycle.at: ledger.recall(now)))  # type: ignore[misc]
        kept.append(timed(lambda c=cycle, p=past: ledger.keep(c, p, POLICY)))  # type: ignore[misc]
    ledger.close()
    size = (tmp_path / "ledger.db").stat().st_size
    with capsys.disabled():
        print(
            f"\n{ROLES} roles × {REPLICAS} replicas, {trouble} in trouble: keep {middle(kept[1:])}, "
            f"the first with all inputs {middle(kept[:1])}, recall {middle(recalled)}, "
            f"file {size / 1e6:.1f} MB after {len(cycles)} ticks"
        )
    assert len(kept) == len(cycles)
