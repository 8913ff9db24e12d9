"""The scraper against real servers, good and bad, on its own clock."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from controlplane.clock import FastClock, SystemClock
from controlplane.collect.limits import Limits
from controlplane.collect.scraper import Scraper
from controlplane.model.page import Fault, Job, Target
from tests.collect.pages import real
from tests.collect.wire import whole, wire

PAGE = whole(real("litellm-1.109.1-idle"), "Content-Type: text/plain; version=0.0.4; charset=utf-8")
FAST = FastClock(50)
"""An interval of 10 s passes in 0.2 s."""
INTERVAL = timedelta(seconds=10)


def target(url: str) -> Target:
    return Target(url, Job.ENGINE)


async def until(holds: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - the scraper tells nobody; a test may ask
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(scraper: Scraper) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(scraper.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_one_scrape_gives_a_page_with_its_time_and_size():
    async with wire(PAGE) as server:
        scraper = Scraper(list, interval=INTERVAL, clock=SystemClock())
        scrape = await scraper.scrape_once(target(server.url))
    assert scrape.up and scrape.page is not None
    assert abs(scrape.at - SystemClock().now()) < timedelta(seconds=5)
    assert scrape.body_bytes == len(real("litellm-1.109.1-idle"))
    assert scraper.latest() == (scrape,)


@pytest.mark.parametrize(
    ("say", "fault"),
    [
        (b"", Fault.TRUNCATED),
        (whole(b"", status="401 No"), Fault.UNAUTHORISED),
        (whole(b"<html>\n"), Fault.MALFORMED),
        (whole(b"a 1\na 1\n"), Fault.DUPLICATE),
        (whole(b""), Fault.EMPTY),
        (whole(b"a 1\n", "Content-Type: text/plain; charset=utf-16"), Fault.ENCODING),
        (whole(b"a 1\nb 2\n"), Fault.TOO_MANY),
    ],
)
async def test_a_bad_target_is_a_fault_with_words_and_never_an_exception(say: bytes, fault: Fault):
    async with wire(say) as server:
        scraper = Scraper(list, interval=INTERVAL, clock=SystemClock(), limits=Limits(samples=1))
        scrape = await scraper.scrape_once(target(server.url))
    assert (scrape.up, scrape.page, scrape.fault) == (False, None, fault)


async def test_our_own_mistakes_stay_with_the_target(caplog: pytest.LogCaptureFixture):
    def bearer(_target: Target) -> str:
        raise KeyError("token file")

    scraper = Scraper(list, interval=INTERVAL, clock=SystemClock(), bearer=bearer)
    scrape = await scraper.scrape_once(target("http://127.0.0.1:1/metrics"))
    assert (scrape.fault, scrape.detail) == (Fault.INTERNAL, "KeyError")
    assert "by our own fault" in caplog.text


async def test_every_target_is_scraped_for_ever_and_the_newest_result_kept():
    async with wire(PAGE) as good, wire(whole(b"no\n")) as bad:
        targets = [target(good.url), target(bad.url)]
        scraper = Scraper(lambda: targets, interval=INTERVAL, clock=FAST)
        async with running(scraper):
            await until(lambda: all(r.scrapes >= 4 for r in scraper.readings()) and len(scraper.readings()) == 2)
            first, second = scraper.readings()
            latest = scraper.latest()
    assert (first.up, first.series, first.failures, first.fault) == (True, first.series, {}, None)
    assert first.last_good == latest[0].at
    assert (second.up, second.last_good, second.series, second.body_bytes) == (False, None, None, None)
    assert second.failures == {Fault.MALFORMED: second.scrapes}
    assert [h.ok for h in scraper.health()] == [True, False]


async def test_a_target_that_hangs_delays_nobody():
    async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with wire(PAGE) as good, wire(hang) as bad:
        targets = [target(good.url), *(target(f"{bad.url}?{i}") for i in range(50))]
        scraper = Scraper(lambda: targets, interval=INTERVAL, clock=FAST, limits=Limits(deadline=timedelta(seconds=1)))
        async with running(scraper):
            await until(lambda: bool(scraper.readings()) and scraper.readings()[0].scrapes >= 10)
            good_one, bad_one = scraper.readings()[:2]
            assert good_one.missed == 0
            await until(lambda: scraper.readings()[1].missed > 0)
            assert scraper.readings()[1].failures == {Fault.TIMEOUT: scraper.readings()[1].scrapes}
    assert bad_one.up in (None, False)


async def test_targets_come_and_go():
    async with wire(PAGE) as one, wire(PAGE) as two:
        targets = [target(one.url)]
        scraper = Scraper(lambda: targets, interval=INTERVAL, clock=FAST)
        async with running(scraper):
            await until(lambda: len(scraper.latest()) == 1)
            targets.append(target(two.url))
            await until(lambda: len(scraper.latest()) == 2)
            del targets[0]
            await until(lambda: [s.target.url for s in scraper.latest()] == [two.url])
            asked = len(one.requests)
            await until(lambda: scraper.readings()[0].scrapes > 4)
            assert len(one.requests) <= asked + 1


async def test_a_list_of_targets_that_fails_stays_as_it_was(caplog: pytest.LogCaptureFixture):
    async with wire(PAGE) as server:
        asked = 0

        def targets() -> list[Target]:
            nonlocal asked
            asked += 1
            if asked > 1:
                raise RuntimeError("away")
            return [target(server.url)]

        scraper = Scraper(targets, interval=INTERVAL, clock=FAST)
        async with running(scraper):
            await until(lambda: asked > 3 and scraper.readings()[0].scrapes > 2)
            assert len(scraper.latest()) == 1


async def test_a_target_that_is_lost_and_found_is_logged_once_each(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "controlplane.collect.scraper")
    async with wire(PAGE) as server:
        scraper = Scraper(list, interval=INTERVAL, clock=SystemClock())
        one = Target(server.url, Job.ENGINE, labels=(("pod", "evil\nname"),))
        for say in (PAGE, PAGE, b"", b"", PAGE, PAGE):
            server.say = say
            await scraper.scrape_once(one)
    messages = [r.getMessage() for r in caplog.records if r.name == "controlplane.collect.scraper"]
    assert messages == [
        r"evil\nname: cut short the connection was closed before an answer",
        r"evil\nname: answers again",
    ]


async def test_moments_are_spread_over_the_interval():
    moments: list[float] = []
    loop = asyncio.get_running_loop()

    async def say(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        moments.append(loop.time() % 1.0)
        writer.write(whole(b"a 1\n"))

    async with wire(say) as server:
        targets = [target(f"{server.url}?{i}") for i in range(60)]
        scraper = Scraper(lambda: targets, interval=timedelta(seconds=1), clock=SystemClock())
        async with running(scraper):
            await until(lambda: len(scraper.readings()) == 60 and all(r.scrapes >= 3 for r in scraper.readings()))
    regular = sorted(moments[-60:])
    fullest = max(sum(1 for m in regular if start <= m < start + 0.1) for start in (i / 10 for i in range(10)))
    assert fullest < 30, "a quarter of the targets belongs to each of four moments"


async def test_pages_of_replicas_share_their_layout():
    async with wire(PAGE) as one, wire(PAGE) as two:
        scraper = Scraper(list, interval=INTERVAL, clock=SystemClock())
        first = await scraper.scrape_once(target(one.url))
        second = await scraper.scrape_once(target(two.url))
    assert first.page is not None and second.page is not None
    assert first.page.layout is second.page.layout
