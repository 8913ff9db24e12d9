"""Runs something asynchronous on loopback ports in a thread of its own: pages for others to read."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from aiohttp import web

log = logging.getLogger(__name__)

HOST = "127.0.0.1"


class Show(Protocol):
    """What is put on the network."""

    async def open(self) -> None:
        """Begin to listen. Raises ``OSError`` when a port is taken."""
        ...

    async def beat(self) -> bool:
        """Called again and again; False ends the show."""
        ...

    async def close(self) -> None:
        """Stop listening."""
        ...


class Loopback:
    """The thread of a show."""

    def __init__(self, name: str, show: Show, *, beat: float) -> None:
        """``beat`` is the time between two calls of the show's, in real seconds."""
        self._show = show
        self._beat = beat
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        """Listen; returns once it does.

        Raises:
            OSError: a port is taken.
        """
        self._thread.start()
        self._ready.result()

    def stop(self) -> None:
        """End the show and wait until it has ended."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the show's end; False when it still goes on after ``seconds``."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _main(self) -> None:
        try:
            self._loop.run_until_complete(self._run())
        except Exception as error:
            if self._ready.done():
                log.exception("%s ended", self._thread.name)
            else:
                self._ready.set_exception(error)
        finally:
            self._loop.close()

    async def _run(self) -> None:
        try:
            await self._show.open()
            self._ready.set_result(None)
            while not self._stop.is_set() and await self._show.beat():
                await self._pause()
        finally:
            await self._show.close()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), self._beat)
        except TimeoutError:
            return


class Listener:
    """One port that can be closed and opened again, as a server that goes away and comes back."""

    def __init__(self, add_routes: Callable[[web.UrlDispatcher], None], port: int = 0) -> None:
        self.port = port
        """0 takes a free one; the same is taken again after a pause."""
        self._add_routes = add_routes
        self._runner: web.AppRunner | None = None

    @property
    def listens(self) -> bool:
        """Whether it answers."""
        return self._runner is not None

    async def open(self) -> None:
        """Listen. Raises ``OSError`` when the port is taken."""
        app = web.Application()
        self._add_routes(app.router)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self.port, reuse_address=True).start()
        except OSError:
            await runner.cleanup()
            raise
        self.port = int(runner.addresses[0][1])
        self._runner = runner

    async def close(self) -> None:
        """Refuse connections from now on."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
