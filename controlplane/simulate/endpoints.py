"""Puts the simulated fleet on the network: one small server with the pages of every exporter.

``/{role}/{pod}/metrics`` is an engine, ``/dcgm/{node}/metrics`` a node's GPUs, ``/ksm/metrics``
kube-state-metrics. A Prometheus ``file_sd`` file lists them and follows the scaling: like an Endpoints
object it holds ready pods only. A pod that is gone or not up yet drops the connection, as a closed port would.
"""

import asyncio
import json
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path

from aiohttp import web

from controlplane.clock import Clock
from controlplane.simulate.dcgm_page import dcgm_page
from controlplane.simulate.deployment import Phase, Pod
from controlplane.simulate.fleet import Fleet
from controlplane.simulate.gitops import GitOpsFollower
from controlplane.simulate.kube_page import kube_page
from controlplane.simulate.vllm_page import VllmPage

log = logging.getLogger(__name__)

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
BEAT = 0.1
"""Real seconds between two moves of the fleet; a page moves it too, so it is always of the moment it is read."""


class SimulatedFleet:
    """A fleet on a loopback port, moved by a clock, in a thread of its own."""

    def __init__(
        self, fleet: Fleet, clock: Clock, *, targets_file: Path, patches: Path | None = None, port: int = 0
    ) -> None:
        self.fleet = fleet
        self.port = port
        """The port it listens on, once started."""
        self.error: str = ""
        """What stopped it, if anything did."""
        self.follower = GitOpsFollower(patches, fleet) if patches is not None else None
        self._clock = clock
        self._targets_file = targets_file
        self._pages: dict[str, VllmPage] = {}
        self._written = ""
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready: Future[int] = Future()
        self._thread = threading.Thread(target=self._main, name="simulated-fleet", daemon=True)

    def start(self) -> None:
        """Listen and move; returns once the pages can be read and the targets file is written.

        Raises:
            OSError: the port is taken, or the targets file cannot be written.
        """
        self._thread.start()
        self.port = self._ready.result()

    def stop(self) -> None:
        """Stop listening; the fleet stands still."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _main(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            self.error = str(error)
            if not self._ready.done():
                self._ready.set_exception(error)
            else:
                log.exception("the simulated fleet stopped")
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_get("/dcgm/{node}/metrics", self._page(self._dcgm))
        app.router.add_get("/ksm/metrics", self._page(self._kube))
        app.router.add_get("/{role}/{pod}/metrics", self._page(self._engine))
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        try:
            await site.start()
            address = runner.addresses[0]
            self.port = int(address[1])
            self._move()
            self._ready.set_result(self.port)
            while not self._stop.is_set():
                self._move()
                await self._pause()
        finally:
            await runner.cleanup()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), BEAT)
        except TimeoutError:
            return

    def _move(self) -> None:
        if self.follower is not None:
            self.follower.follow()
        self.fleet.advance(self._clock.now())
        self._write_targets()

    def _page(self, text: Callable[[web.Request], str | None]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            self.fleet.advance(self._clock.now())
            body = text(request)
            if body is None:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=503)
            return web.Response(body=body.encode(), headers={"Content-Type": CONTENT_TYPE})

        return answer

    def _engine(self, request: web.Request) -> str | None:
        name, role = request.match_info["pod"], request.match_info["role"]
        deployment = self.fleet.deployments.get(role)
        pods = deployment.pods if deployment is not None else []
        pod = next((p for p in pods if p.name == name), None)
        if pod is None or not pod.serves:
            return None
        page = self._pages.get(name)
        if page is None:
            page = self._pages[name] = VllmPage(pod, self.fleet.start.timestamp())
        return page.text()

    def _dcgm(self, request: web.Request) -> str | None:
        node = next((n for n in self.fleet.nodes if n.shape.name == request.match_info["node"]), None)
        return None if node is None else dcgm_page(self.fleet, node)

    def _kube(self, _request: web.Request) -> str:
        return kube_page(self.fleet)

    def _write_targets(self) -> None:
        text = json.dumps(self._targets(), indent=1)
        if text == self._written:
            return
        temporary = self._targets_file.with_suffix(".new")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, self._targets_file)  # noqa: PTH105 - one atomic step, as readers expect
        self._written = text
        names = {p.name for p in self.fleet.pods}
        self._pages = {name: page for name, page in self._pages.items() if name in names}

    def _targets(self) -> list[dict[str, object]]:
        here = [f"127.0.0.1:{self.port}"]
        groups: list[dict[str, object]] = [
            {"targets": here, "labels": _labels(pod)} for pod in self.fleet.pods if pod.phase is Phase.READY
        ]
        groups += [
            {"targets": here, "labels": {"job": "dcgm", "node": n, "__metrics_path__": f"/dcgm/{n}/metrics"}}
            for n in (node.shape.name for node in self.fleet.nodes)
        ]
        groups.append({"targets": here, "labels": {"job": "kube-state-metrics", "__metrics_path__": "/ksm/metrics"}})
        return groups


def _labels(pod: Pod) -> dict[str, str]:
    assert pod.node is not None
    return {
        "job": "engine",
        "role": pod.role.name,
        "namespace": pod.role.namespace,
        "pod": pod.name,
        "node": pod.node.shape.name,
        "__metrics_path__": f"/{pod.role.name}/{pod.name}/metrics",
    }
