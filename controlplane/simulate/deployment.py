"""The pods of one role: started when wished for, replaced one by one when flags change, drained when not needed."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import exp, log
from random import Random

from controlplane.simulate.nodes import Node, Seat
from controlplane.simulate.replica import Replica, Request
from controlplane.simulate.shape import RoleShape

GRACE = 120.0
"""Seconds a pod may take to finish its calls once it is asked to go."""

_POD_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class Phase(StrEnum):
    """Where a pod is in its life."""

    UNSCHEDULABLE = "unschedulable"
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    GONE = "gone"


@dataclass(slots=True, kw_only=True, eq=False)
class Pod:
    """One pod."""

    name: str
    uid: str
    role: RoleShape
    """With the flags it was started with."""
    revision: int
    created: float
    number: int
    """Counts all pods of the cluster: makes its address."""
    phase: Phase = Phase.UNSCHEDULABLE
    node: Node | None = None
    seats: tuple[Seat, ...] = ()
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds each part of its start takes."""
    ready_at: float = 0.0
    drain_until: float = 0.0
    engine: Replica | None = None

    @property
    def serves(self) -> bool:
        """Whether its engine answers."""
        return self.engine is not None and self.phase is not Phase.GONE

    @property
    def process_start(self) -> float:
        """When the engine's process began: after the image was there."""
        return self.created + self.phases.get("image", 0.0)

    @property
    def address(self) -> str:
        """Its IP address."""
        return f"10.42.{self.number // 250}.{self.number % 250 + 2}"


class Deployment:
    """A Deployment with ``maxSurge: 1`` and ``maxUnavailable: 0``."""

    def __init__(self, role: RoleShape, nodes: tuple[Node, ...], rng: Random) -> None:
        self.role = role
        self.wished = role.min
        self.pods: list[Pod] = []
        self.lost: list[Request] = []
        """Calls that were cut off by a pod's end since somebody last took them away."""
        self.revision = 1
        self._nodes = nodes
        self._rng = rng
        self._hash = self._letters(9)

    @property
    def active(self) -> list[Pod]:
        """Pods that are not on their way out."""
        return [p for p in self.pods if p.phase is not Phase.DRAINING]

    @property
    def ready(self) -> list[Pod]:
        """Pods that take calls."""
        return [p for p in self.pods if p.phase is Phase.READY]

    @property
    def replica_set(self) -> str:
        """Name of the current ReplicaSet."""
        return f"{self.role.name}-{self._hash}"

    def restart_with(self, role: RoleShape) -> None:
        """The pod template changed: every pod is replaced, a new one first."""
        self.role = role
        self.revision += 1
        self._hash = self._letters(9)

    def reconcile(self, now: float, number: int, slow: float) -> int:
        """Move pods towards what is wished; returns how many were created, counted from ``number``."""
        for pod in self.pods:
            self._move(pod, now, slow)
        self.pods = [p for p in self.pods if p.phase is not Phase.GONE]
        current = [p for p in self.active if p.revision == self.revision]
        old = [p for p in self.active if p.revision != self.revision]
        created = 0
        while len(current) < self.wished and len(current) + len(old) < self.wished + (1 if old else 0):
            pod = self._create(now, number + created)
            self._move(pod, now, slow)
            current.append(pod)
            created += 1
        for pod in old:
            if pod.phase is not Phase.READY or len(self.ready) > self.wished:
                self._drain(pod, now)
        surplus = len(current) - self.wished
        for pod in sorted(current, key=lambda p: (p.phase is Phase.READY, -p.created))[: max(0, surplus)]:
            self._drain(pod, now)
        return created

    def begin_ready(self, now: float, number: int) -> int:
        """Start with every wished pod serving: the fleet has run for a while."""
        created = self.reconcile(now, number, 1.0)
        for pod in self.pods:
            if pod.phase is Phase.STARTING:
                pod.created = now - sum(pod.phases.values()) - self._rng.uniform(3600, 86400)
                self._serve(pod, now)
        return created

    def _create(self, now: float, number: int) -> Pod:
        pod = Pod(
            name=f"{self.replica_set}-{self._letters(5)}",
            uid=f"{self._rng.getrandbits(32):08x}-0000-4000-8000-{self._rng.getrandbits(48):012x}",
            role=self.role,
            revision=self.revision,
            created=now,
            number=number,
        )
        self.pods.append(pod)
        return pod

    def _move(self, pod: Pod, now: float, slow: float) -> None:
        if pod.phase is Phase.UNSCHEDULABLE:
            for node in self._nodes:
                seats = node.seat(pod.role)
                if seats is not None:
                    pod.node, pod.seats, pod.phase = node, seats, Phase.STARTING
                    pod.phases = self._draw(pod.role, slow)
                    pod.ready_at = now + sum(pod.phases.values())
                    return
        if pod.phase is Phase.STARTING and now >= pod.ready_at:
            self._serve(pod, pod.ready_at)
        if pod.phase is Phase.DRAINING and pod.engine is not None:
            if pod.engine.load and now >= pod.drain_until:
                self.lost += pod.engine.give_back()
            if not pod.engine.load:
                self._remove(pod)

    def _serve(self, pod: Pod, at: float) -> None:
        role = pod.role
        cost = role.cost.with_fp8_kv() if role.kv_cache_dtype.startswith("fp8") else role.cost
        pod.engine = Replica(cost, longest=role.longest, at=at, budget=role.budget, most_sequences=role.most_sequences)
        pod.phase = Phase.READY

    def _drain(self, pod: Pod, now: float) -> None:
        if pod.engine is None:
            self._remove(pod)
            return
        pod.phase = Phase.DRAINING
        pod.drain_until = now + GRACE

    def _remove(self, pod: Pod) -> None:
        if pod.node is not None:
            pod.node.leave(pod.seats)
        pod.phase = Phase.GONE
        self.pods.remove(pod)

    def _draw(self, role: RoleShape, slow: float) -> dict[str, float]:
        start = role.cold_start
        medians = {
            "image": start.image,
            "weights": start.weights * slow,
            "engine": start.engine,
            "warm_up": start.warm_up,
        }
        return {name: exp(self._rng.gauss(log(median), start.spread)) for name, median in medians.items()}

    def _letters(self, number: int) -> str:
        return "".join(self._rng.choice(_POD_LETTERS) for _ in range(number))


def with_kv_cache_dtype(role: RoleShape, dtype: str) -> RoleShape:
    """The role with another ``--kv-cache-dtype``."""
    return replace(role, kv_cache_dtype=dtype)
