"""Our scraper as a program of its own, to be measured from outside: ``scrape_many.py CPU URL TARGETS INTERVAL``.

Scrapes ``URL/t/N/metrics`` for ever; each line on its standard input is answered with its readings as JSON.
"""

import asyncio
import json
import os
import sys
from datetime import timedelta

from controlplane.clock import SystemClock
from controlplane.collect.scraper import Scraper
from controlplane.collect.targets import static
from controlplane.model.page import Job
from controlplane.promql.catalogue import WANTED


async def main(cpu: int, url: str, count: int, interval: float) -> None:
    """Scrape until standard input ends."""
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    targets = static([f"{url}/t/{n}/metrics" for n in range(count)], Job.ENGINE)
    scraper = Scraper(targets, interval=timedelta(seconds=interval), clock=SystemClock(), wanted=WANTED)
    work = asyncio.get_running_loop().create_task(scraper.run())
    while await asyncio.to_thread(sys.stdin.readline):
        readings = scraper.readings()
        lags = sorted(r.lag_seconds for r in readings)
        layouts = {id(s.page.layout) for s in scraper.latest() if s.page}
        said = {
            "targets": len(readings),
            "scrapes": sum(r.scrapes for r in readings),
            "failures": sum(sum(r.failures.values()) for r in readings),
            "missed": sum(r.missed for r in readings),
            "lag_p99": lags[int(0.99 * len(lags))] if lags else None,
            "series": max((r.series or 0 for r in readings), default=0),
            "layouts": len(layouts),
        }
        print(json.dumps(said), flush=True)
    work.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
