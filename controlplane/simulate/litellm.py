"""LiteLLM's ``generic_api`` callback: tells a receiver of every call, in batches, a few seconds late.

Told as the real one tells: a JSON array of at most 512 calls, or what there is after five seconds; one delivery at a
time. A delivery that fails is lost, unless ``retries`` is set; only a server error and a broken connection are tried
again, anything else that is refused is not.
"""

import asyncio
import json
import logging
from collections import deque
from datetime import datetime, timedelta
from io import BytesIO

import aiohttp

from controlplane.simulate.answer import Answer
from controlplane.simulate.litellm_payload import payload

log = logging.getLogger(__name__)

BATCH = 512
INTERVAL = timedelta(seconds=5)
PATIENCE = aiohttp.ClientTimeout(total=10)
MOST_KEPT = 50_000
"""Calls kept while a delivery is under way; older ones are lost."""
SERVER_ERROR = 500
HEADERS = {"Content-Type": "application/json", "User-Agent": "litellm/1.109.1"}


class Callback:
    """Calls on their way to one receiver. Used from one event loop; its counts may be read from anywhere."""

    def __init__(self, url: str, start: datetime, *, retries: int = 0, first_delay: float = 1.0) -> None:
        """Tell ``url`` of calls.

        Args:
            url: where to POST them.
            start: of the simulation.
            retries: LiteLLM's ``max_retries``.
            first_delay: its ``retry_delay``: real seconds before the first retry; each further one waits twice as long.
        """
        self.url = url
        self.delivered = 0
        """Calls the receiver has acknowledged."""
        self.lost = 0
        """Calls it will never hear of."""
        self.attempts = 0
        self._start = start
        self._retries = retries
        self._first_delay = first_delay
        self._queue: deque[Answer] = deque()
        self._flushed = start
        self._sending: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def settled(self) -> int | None:
        """How many calls the receiver has heard of; ``None`` while a delivery is under way: one or the other."""
        return self.delivered if self._sending is None or self._sending.done() else None

    def add(self, answer: Answer) -> None:
        """A call has its answer."""
        self._queue.append(answer)
        while len(self._queue) > MOST_KEPT:
            self._queue.popleft()
            self.lost += 1

    def flush(self, now: datetime) -> None:
        """Begin a delivery when one is due; returns at once."""
        if self._sending is not None and not self._sending.done():
            return
        if self._queue and (len(self._queue) >= BATCH or now - self._flushed >= INTERVAL):
            self._flushed = now
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            self._sending = asyncio.create_task(self._deliver(batch))

    async def sent(self) -> None:
        """Wait until the delivery under way has ended."""
        if self._sending is not None:
            await self._sending

    async def close(self) -> None:
        """Give up what is under way."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _deliver(self, batch: list[Answer]) -> None:
        body = json.dumps([payload(answer, self._start) for answer in batch]).encode()
        for attempt in range(self._retries + 1):
            if attempt:
                await asyncio.sleep(self._first_delay * 2 ** (attempt - 1))
            status = await self._post(body)
            if status is not None and status < SERVER_ERROR:
                break
        if status is not None and status < 300:
            self.delivered += len(batch)
        else:
            self.lost += len(batch)
            log.info("%d calls were not delivered: %s", len(batch), status or "no connection")

    async def _post(self, body: bytes) -> int | None:
        """The answer's status; ``None`` when there was none."""
        self.attempts += 1
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=PATIENCE)
        try:
            async with self._session.post(self.url, data=BytesIO(body), headers=HEADERS) as reply:
                await reply.read()
                return reply.status
        except (aiohttp.ClientError, TimeoutError):
            return None
