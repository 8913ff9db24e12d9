"""Serves recorded pages as live targets, each series on a port of its own and at its recorded pace.

Where the recording failed nobody listens: a reader sees what the recorder saw. After the last page the
port stays closed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import yaml
from aiohttp import web

from controlplane.clock import Clock
from controlplane.simulate.loopback import HOST, Listener, Loopback
from controlplane.simulate.recording import Series

BEAT = 0.05
"""Real seconds between two looks at whether a port should be open."""


@dataclass(slots=True, eq=False)
class _Stage:
    series: Series
    listener: Listener = field(init=False)


class Replay:
    """Recorded series on loopback ports, in a thread of its own."""

    def __init__(self, series: Sequence[Series], clock: Clock, *, port: int = 0) -> None:
        """The first series gets ``port``, each further one the next; with 0 each takes a free one."""
        self._clock = clock
        self._stages = []
        for i, one in enumerate(series):
            stage = _Stage(one)
            stage.listener = Listener(self._routes(stage), port + i if port else 0)
            self._stages.append(stage)
        self._began = clock.now()
        self._loopback = Loopback("replay", self, beat=BEAT)

    @property
    def seconds(self) -> float:
        """How far the recording has been played."""
        return (self._clock.now() - self._began).total_seconds()

    @property
    def urls(self) -> dict[str, str]:
        """Page address by series."""
        return {s.series.name: f"http://{HOST}:{s.listener.port}/metrics" for s in self._stages}

    def start(self) -> None:
        """Play from the beginning. Raises ``OSError`` when a port is taken."""
        self._loopback.start()

    def stop(self) -> None:
        """Close all ports."""
        self._loopback.stop()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end of the recording; False when it still plays after ``seconds``."""
        return self._loopback.wait(seconds)

    async def open(self) -> None:
        """Take the ports and begin."""
        for stage in self._stages:
            await stage.listener.open()
        self._began = self._clock.now()

    async def beat(self) -> bool:
        """Open and close ports as the recording says."""
        seconds = self.seconds
        for stage in self._stages:
            shot = stage.series.at(seconds)
            answers = shot is not None and shot.body is not None
            if answers and not stage.listener.listens:
                await stage.listener.open()
            elif not answers and stage.listener.listens:
                await stage.listener.close()
        return any(seconds < stage.series.end for stage in self._stages)

    async def close(self) -> None:
        """Close all ports."""
        for stage in self._stages:
            await stage.listener.close()

    def _routes(self, stage: _Stage) -> Callable[[web.UrlDispatcher], None]:
        async def answer(request: web.Request) -> web.Response:
            shot = stage.series.at(self.seconds)
            if shot is None or shot.body is None:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=503)
            return web.Response(body=shot.body, status=shot.status, headers={"Content-Type": shot.content_type})

        def add(router: web.UrlDispatcher) -> None:
            router.add_get("/metrics", answer)

        return add


def fleet_yaml_for(series: Sequence[Series], urls: dict[str, str]) -> str:
    """A fleet.yaml that watches the replay: one role per series."""
    roles = {
        one.name: {
            "model": {"name": one.model or one.name},
            "targets": [urls[one.name]],
            "mode": "observe",
        }
        for one in series
    }
    step = max(1, round(min(one.step for one in series)))
    document = {
        "fleet": "replay",
        "sources": {"scrape_interval": f"{step}s"},
        "tick": f"{step}s",
        "roles": roles,
    }
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=120)
