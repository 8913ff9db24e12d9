"""The whole simulated fleet: traffic goes to the replicas, the autoscaler moves them, time is told to it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from controlplane.simulate.autoscaler import SYNC, ScaledObject
from controlplane.simulate.bystanders import seat
from controlplane.simulate.deployment import Deployment, Phase, Pod, with_kv_cache_dtype
from controlplane.simulate.flows import Call
from controlplane.simulate.mood import Story
from controlplane.simulate.nodes import Node
from controlplane.simulate.relay import Relay
from controlplane.simulate.replica import Replica, Request
from controlplane.simulate.router import Router
from controlplane.simulate.shape import GPUS, ClusterShape
from controlplane.simulate.traffic import NETWORK, Traffic

CONTROL = 1.0
"""Seconds between two looks of the Deployment controllers."""
DCGM_INTERVAL = 30.0
"""Seconds over which the exporters measure: their default."""
SLACK = 4
"""Calls a replica may have more than the least loaded one before its own sessions are sent elsewhere."""


class Fleet:
    """Seeded: the same seed, story and instants give the same fleet. Not safe for several threads."""

    def __init__(self, cluster: ClusterShape, story: Story, rng: Random, start: datetime) -> None:
        self.start = start
        self.at = 0.0
        """Seconds since the start."""
        self.nodes = tuple(Node(shape=n) for n in cluster.nodes)
        self.bystanders = seat(cluster.bystanders, self.nodes)
        self.deployments = {r.name: Deployment(r, self.nodes, rng) for r in cluster.roles}
        self.scaled_objects = {
            r.name: ScaledObject(r.min, r.max, queue_target=r.queue_target, in_flight_target=r.in_flight_target)
            for r in cluster.roles
        }
        self.traffic = Traffic(story, rng)
        self.activity: dict[Pod, tuple[float, float, float]] = {}
        """Per pod the shares of the exporters' last interval: busy, memory bus busy, tensor cores busy."""
        self._measured: dict[Pod, tuple[float, float, float]] = {}
        self.router = Router()
        self._story = story
        self._relay = Relay(cluster.split)
        self._homes: dict[tuple[str, str], Pod] = {}
        """Role and session → the pod that has its prefix."""
        self._backlog: list[tuple[str, Request]] = []
        self._pods_made = 0
        self._next_control = 0.0
        self._next_sync = SYNC
        self._next_dcgm = DCGM_INTERVAL
        for deployment in self.deployments.values():
            self._pods_made += deployment.begin_ready(0.0, self._pods_made)

    @property
    def now(self) -> datetime:
        """The instant it has been advanced to."""
        return self.start + timedelta(seconds=self.at)

    @property
    def pods(self) -> list[Pod]:
        """All pods, whatever their phase."""
        return [p for d in self.deployments.values() for p in d.pods]

    def advance(self, to: datetime) -> None:
        """Let the time until ``to`` pass; an instant in the past changes nothing."""
        end = (to - self.start).total_seconds()
        while self.at < end:
            until = min(end, self.at + NETWORK, self._next_control, self._next_sync, self._next_dcgm)
            self._run(max(until, self.at))
            self._control()

    def restart_with_kv_cache_dtype(self, role: str, dtype: str) -> None:
        """Change an engine flag: a rolling restart, each new pod with its cold start."""
        deployment = self.deployments[role]
        if deployment.role.kv_cache_dtype != dtype:
            deployment.restart_with(with_kv_cache_dtype(deployment.role, dtype))

    def _run(self, until: float) -> None:
        """Serve until ``until``, which is so near that no answer can cause a call before it."""
        for at, call in self.traffic.calls(until):
            self._route(at, call)
        following: list[Call] = []
        for pod in self.pods:
            if pod.engine is not None:
                pod.engine.advance(until)
                following += self._collect(pod.role.name, pod.engine)
        for call in following:
            self._send(until, call)
        self.at = until

    def _collect(self, role: str, engine: Replica) -> Iterator[Call]:
        """Answers go to their callers; yields what another pool must go on with."""
        for request in engine.done:
            call = self._relay.then(request)
            if call is None:
                self.traffic.answered(request)
                self.router.answered(request, self._relay.asked(role))
            else:
                yield call
        engine.done.clear()

    def _route(self, at: float, call: Call) -> None:
        self._send(at, self._relay.first(call))

    def _send(self, at: float, call: Call) -> None:
        ready = self.deployments[call.role].ready
        if not ready:
            self._backlog.append((call.role, call.request))
            return
        for pod in ready:
            assert pod.engine is not None
            pod.engine.advance(at)
        best = min(ready, key=_load)
        whose = (call.role, call.request.session)
        home = self._homes.get(whose)
        if home is not None and home.phase is Phase.READY and _load(home) <= _load(best) + SLACK:
            best = home
        if call.request.output:
            self._homes[whose] = best
        assert best.engine is not None
        best.engine.enqueue(call.request, at)

    def _control(self) -> None:
        if self.at >= self._next_control:
            self._next_control = self.at + CONTROL
            self._reconcile()
        if self.at >= self._next_sync:
            self._next_sync = self.at + SYNC
            self._scale()
        if self.at >= self._next_dcgm:
            self._next_dcgm = self.at + DCGM_INTERVAL
            self._measure()

    def _reconcile(self) -> None:
        mood = self._story.mood(self.at)
        for name, deployment in self.deployments.items():
            self._pods_made += deployment.reconcile(self.at, self._pods_made, mood.slow_start.get(name, 1.0))
            self._backlog += [(name, _again(r)) for r in deployment.lost]
            deployment.lost.clear()
        waiting, self._backlog = self._backlog, []
        for name, request in waiting:
            self._send(self.at, Call(name, request))
        if len(self._homes) > 20_000:
            self._homes.clear()

    def _scale(self) -> None:
        for name, deployment in self.deployments.items():
            engines = [p.engine for p in deployment.ready if p.engine is not None]
            waiting = sum(len(e.waiting) for e in engines)
            running = sum(len(e.running) for e in engines)
            scaled = self.scaled_objects[name]
            deployment.wished = scaled.sync(self.at, deployment.wished, waiting, waiting + running)

    def _measure(self) -> None:
        """What the DCGM exporters see: shares of the last interval, and energy."""
        before, self._measured = self._measured, {}
        self.activity = {}
        for pod in self.pods:
            if pod.engine is None:
                continue
            t = pod.engine.tally
            self._measured[pod] = (t.busy, t.reading, t.computing)
            was = before.get(pod, self._measured[pod])
            busy, reading, computing = (
                min(1.0, (new - old) / DCGM_INTERVAL) for new, old in zip(self._measured[pod], was, strict=True)
            )
            self.activity[pod] = (busy, reading, computing)
        for node in self.nodes:
            model = GPUS[node.shape.gpu]
            for gpu in range(node.shape.count):
                watts = model.watts_idle + (model.watts_busy - model.watts_idle) * self.gpu_activity(node, gpu)[0]
                node.energy_mj[gpu] = node.energy_mj.get(gpu, 0.0) + watts * DCGM_INTERVAL * 1000

    def gpu_activity(self, node: Node, gpu: int, slice_id: int | None = None) -> tuple[float, float, float]:
        """Busy, memory bus and tensor shares of a GPU, or of one slice; pods that share it add up."""
        busy = reading = computing = 0.0
        held = [(s, self.activity[p]) for p in self.pods if p.node is node and p in self.activity for s in p.seats]
        held += [(s, (b.pod.busy,) * 3) for b in self.bystanders if b.node is node for s in b.seats]
        for place, shares in held:
            if place.gpu == gpu and slice_id in (None, place.slice_id):
                profile = node.profile(place.slice_id)
                part = int(profile[0]) / 7 if profile is not None and slice_id is None else 1.0
                busy += shares[0] * part
                reading += shares[1] * part
                computing += shares[2] * part
        return min(1.0, busy), min(1.0, reading), min(1.0, computing)


def _load(pod: Pod) -> int:
    return pod.engine.load if pod.engine is not None else 0


def _again(request: Request) -> Request:
    """A call that was cut off is made again from the start; its caller has waited all the while."""
    request.admitted = request.first_token = None
    request.generated = request.preempted = request.blocks = request.todo = request.context = 0
    request.joined = -1
    return request
