"""Puts the simulated fleet on the network: one small server with the pages of every exporter.

``/{role}/{pod}/metrics`` is an engine, ``/dcgm/{node}/metrics`` a node's GPUs, ``/ksm/metrics``
kube-state-metrics, ``/keda/metrics`` KEDA's operator, ``/router/metrics`` LiteLLM. A Prometheus ``file_sd`` file
lists what we read ourselves and follows the scaling, as pod discovery does:
starting pods are in it and answer 503, those on their way out are not, and one that is gone drops the connection.
"""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from controlplane.clock import Clock
from controlplane.simulate.dcgm_page import dcgm_page
from controlplane.simulate.deployment import Phase, Pod
from controlplane.simulate.fleet import Fleet
from controlplane.simulate.gitops import GitOpsFollower
from controlplane.simulate.keda_page import keda_page
from controlplane.simulate.kube_page import kube_page
from controlplane.simulate.litellm import Callback
from controlplane.simulate.loopback import HOST, Listener, Loopback
from controlplane.simulate.vllm_page import VllmPage

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
BEAT = 0.1
"""Real seconds between two moves of the fleet; a page moves it too, so it is always of the moment it is read."""

_LISTED = {Phase.STARTING, Phase.READY}


class _NotUpError(Exception):
    """The pod's engine does not listen yet."""


class SimulatedFleet:
    """A fleet on a loopback port, moved by a clock, in a thread of its own."""

    def __init__(
        self, fleet: Fleet, clock: Clock, *, targets_file: Path, patches: Path | None = None, port: int = 0
    ) -> None:
        self.fleet = fleet
        self.follower = GitOpsFollower(patches, fleet) if patches is not None else None
        self._clock = clock
        self._targets_file = targets_file
        self._pages: dict[str, VllmPage] = {}
        self._written = ""
        self._callbacks: list[Callback] = []
        self._listener = Listener(self._routes, port)
        self._loopback = Loopback("simulated-fleet", self, beat=BEAT)

    def start(self) -> None:
        """Listen and move; returns once the pages can be read and the targets file is written.

        Raises:
            OSError: the port is taken, or the targets file cannot be written.
        """
        self._loopback.start()

    def stop(self) -> None:
        """Stop listening; the fleet stands still."""
        self._loopback.stop()

    def tell(self, callback: Callback) -> None:
        """From now on the router tells of every call. A receiver that is absent costs calls, nothing else."""
        self._callbacks.append(callback)
        self.fleet.router.callbacks.append(callback.add)

    @property
    def port(self) -> int:
        """The port it listens on, once started."""
        return self._listener.port

    async def open(self) -> None:
        """Listen, and say where everything is."""
        await self._listener.open()
        self._move()

    async def beat(self) -> bool:
        """Let time pass."""
        self._move()
        for callback in self._callbacks:
            callback.flush(self.fleet.now)
        return True

    async def close(self) -> None:
        """Stop listening."""
        await self._listener.close()
        for callback in self._callbacks:
            await callback.close()

    def _routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/dcgm/{node}/metrics", self._page(self._dcgm))
        router.add_get("/ksm/metrics", self._page(self._kube))
        router.add_get("/keda/metrics", self._page(lambda _: keda_page(self.fleet)))
        router.add_get("/router/metrics", self._page(self._router))
        router.add_get("/{role}/{pod}/metrics", self._page(self._engine))

    def _move(self) -> None:
        if self.follower is not None:
            self.follower.follow()
        self.fleet.advance(self._clock.now())
        self._write_targets()

    def _page(self, text: Callable[[web.Request], str | None]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            self.fleet.advance(self._clock.now())
            try:
                body = text(request)
            except _NotUpError:
                return web.Response(status=503, text="starting")
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
        if pod is None:
            return None
        if not pod.serves:
            raise _NotUpError
        page = self._pages.get(name)
        if page is None:
            page = self._pages[name] = VllmPage(pod, self.fleet.start.timestamp())
        return page.text()

    def _dcgm(self, request: web.Request) -> str | None:
        node = next((n for n in self.fleet.nodes if n.shape.name == request.match_info["node"]), None)
        return None if node is None else dcgm_page(self.fleet, node)

    def _kube(self, _request: web.Request) -> str:
        return kube_page(self.fleet)

    def _router(self, _request: web.Request) -> str:
        here = f"http://{HOST}:{self.port}"
        in_flight = sum(p.engine.load for p in self.fleet.pods if p.engine is not None)
        return self.fleet.router.page(in_flight, {name: f"{here}/{name}" for name in self.fleet.deployments})

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
        here = [f"{HOST}:{self.port}"]
        groups: list[dict[str, object]] = [
            {"targets": here, "labels": _labels(pod)} for pod in self.fleet.pods if pod.phase in _LISTED
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
