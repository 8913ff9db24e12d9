"""2,000 targets every 15 s on one core."""

import os
import threading

import pytest

from tests.bench.processes import cpu_seconds, engines, program, resident_mb

pytestmark = pytest.mark.bench

TARGETS = 2000
INTERVAL = 15.0
WARM_UP = 32.0
MEASURED = 45.0


def test_two_thousand_targets_fit_on_one_core():
    first, *others = sorted(os.sched_getaffinity(0))
    with (
        engines(cpu=others[0] if others else first, roles=200) as url,
        program("scrape_many.py", first, url, TARGETS, INTERVAL) as ours,
    ):
        wait = threading.Event().wait
        wait(WARM_UP)
        early, cpu = ours.ask(), cpu_seconds(ours.pid)
        wait(MEASURED)
        late, used = ours.ask(), cpu_seconds(ours.pid) - cpu
        memory, most = resident_mb(ours.pid), resident_mb(ours.pid, "VmHWM")
    scrapes = late["scrapes"] - early["scrapes"]
    print(
        f"\n{TARGETS} targets every {INTERVAL:g} s for {MEASURED:g} s on one core:"
        f"\n  CPU     {used / MEASURED:6.1%} of the core, {used / scrapes * 1000:.3f} ms a page, {scrapes} pages"
        f"\n  memory  {memory:6.0f} MB, at most {most:.0f} MB; {late['series']} series kept a page,"
        f" {late['layouts']} layouts"
        f"\n  missed  {late['missed']:6d}; failed {late['failures']}; p99 of lateness {late['lag_p99'] * 1000:.0f} ms"
    )
    assert (late["missed"], late["failures"], late["targets"]) == (0, 0, TARGETS)
    assert scrapes >= 0.97 * TARGETS * MEASURED / INTERVAL
    assert most < 300
