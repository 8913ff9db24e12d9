"""The pages and cluster objects of one tick, read: who answered, what GPUs are held, what the cluster says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import fsum
from types import MappingProxyType

from controlplane.model.fleet import SourceHealth
from controlplane.model.keys import RoleName
from controlplane.model.page import Fault, Job, Layout, Scrape
from controlplane.model.role import RoleSpec
from controlplane.model.session import RoleSessions
from controlplane.model.sighting import RoleSample, Sighting, WorkloadSighting
from controlplane.observe.dcgm import Device, DevicePlan, devices, plan_devices
from controlplane.observe.gpus import NodeDevices, PodKey
from controlplane.observe.ksm import ClusterPlan, plan_cluster, sight
from controlplane.observe.past import History, PagePast
from controlplane.observe.plan import PagePlan, plan_page
from controlplane.observe.replicas import EnginePast, ReplicaSeen, read_engine


@dataclass(slots=True)
class World:
    """One tick's pages, read."""

    engines: dict[str, EnginePast] = field(default_factory=dict)
    pages: dict[str, PagePast] = field(default_factory=dict)
    replicas: dict[RoleName, list[ReplicaSeen]] = field(default_factory=dict)
    devices: dict[PodKey, list[Device]] = field(default_factory=dict)
    nodes: list[NodeDevices] = field(default_factory=list)
    """Machines that exporters show."""
    worth: dict[str, float] = field(default_factory=dict)
    """Machine → what a slice's share is worth there."""
    pods: dict[str, list[PodKey]] = field(default_factory=dict)
    """Pod name → its keys, for targets whose namespace nobody told us."""
    workloads: dict[RoleName, WorkloadSighting] = field(default_factory=dict)
    samples: dict[RoleName, RoleSample] = field(default_factory=dict)
    sessions: Mapping[RoleName, RoleSessions] = field(default_factory=lambda: MappingProxyType({}))
    health: list[SourceHealth] = field(default_factory=list)
    plans: dict[tuple[int, str], PagePlan] = field(default_factory=dict)
    """Layout (by identity, for this tick) and model → its plan: targets may share a layout."""

    @classmethod
    def read(cls, history: History, sighting: Sighting, roles: Sequence[RoleSpec], now: datetime) -> "World":
        world = cls(sessions=sighting.sessions)
        oldest = now - history.stale_after
        models = {spec.name: spec.model.name for spec in roles}
        for scrape in sighting.scrapes:
            match scrape.target.job:
                case Job.ENGINE:
                    world._engine(history, scrape, models, now)
                case Job.DCGM:
                    world._devices(history, scrape, oldest)
                case Job.KUBE_STATE:
                    world._cluster(history, scrape, roles, oldest)
                case Job.ROUTER:
                    world._healthy(scrape, None, oldest)
        for pod in world.devices:
            world.pods.setdefault(pod[1], []).append(pod)
        for role, workload in sighting.workloads.items():
            if workload.at >= oldest:
                world.workloads[role] = _merged(workload, world.workloads.get(role))
        world.samples = {role: sample for role, sample in sighting.samples.items() if sample.at >= oldest}
        return world

    def _engine(self, history: History, scrape: Scrape, models: Mapping[RoleName, str], now: datetime) -> None:
        role = scrape.target.role
        key = f"{role} {scrape.target.url}"
        past = history.engines.get(key) or EnginePast(now, appeared=bool(history.ticks))
        if role is None or role not in models:
            self._healthy(scrape, past.last_good, now - history.stale_after)
            return
        past, seen = read_engine(
            scrape, past, now, plan=self._plan, model=models[role], stale_after=history.stale_after, gap=history.gap
        )
        self.engines[key] = past
        self.replicas.setdefault(role, []).extend(seen)
        self._healthy(scrape, past.last_good, now - history.stale_after)

    def _plan(self, layout: Layout, model: str) -> PagePlan:
        key = (id(layout), model)
        plan = self.plans.get(key)
        if plan is None:
            plan = self.plans[key] = plan_page(layout, model)
        return plan

    def _page(self, history: History, scrape: Scrape, oldest: datetime) -> PagePast | None:
        key = scrape.target.url
        past = history.pages.get(key)
        page = scrape.page
        if page is not None and scrape.at >= oldest:
            if past is None or past.layout is not page.layout:
                plan = plan_devices if scrape.target.job is Job.DCGM else plan_cluster
                past = PagePast(page.layout, plan(page.layout), scrape.at)
            else:
                past = PagePast(past.layout, past.plan, scrape.at)
            self.pages[key] = past
            self._healthy(scrape, past.last_good, oldest)
            return past
        if past is not None:
            self.pages[key] = past
        self._healthy(scrape, past.last_good if past else None, oldest)
        return None

    def _devices(self, history: History, scrape: Scrape, oldest: datetime) -> None:
        past = self._page(history, scrape, oldest)
        if past is not None and scrape.page is not None and isinstance(past.plan, DevicePlan):
            self.nodes.extend(past.plan.nodes)
            for pod, held in devices(past.plan, scrape.page.values).items():
                self.devices.setdefault(pod, []).extend(held)

    def _cluster(self, history: History, scrape: Scrape, roles: Sequence[RoleSpec], oldest: datetime) -> None:
        past = self._page(history, scrape, oldest)
        if past is not None and scrape.page is not None and isinstance(past.plan, ClusterPlan):
            for spec in roles:
                sighted = sight(past.plan, scrape.page.values, spec, scrape.at)
                if sighted is not None:
                    self.workloads[spec.name] = _merged(sighted, self.workloads.get(spec.name))

    def _healthy(self, scrape: Scrape, last_good: datetime | None, oldest: datetime) -> None:
        target, page = scrape.target, scrape.page
        fault = scrape.fault or (Fault.STALE if page is not None and scrape.at < oldest else None)
        if page is not None and fault is None:
            last_good = scrape.at
        self.health.append(
            SourceHealth(
                name=target.name,
                kind=str(target.job),
                role=target.role,
                last_good=last_good,
                fault=fault,
                detail=scrape.detail,
                took_seconds=scrape.took.total_seconds(),
                series=None if page is None else len(page.values),
            )
        )

    def fair(self, spec: RoleSpec, seen: Sequence[ReplicaSeen]) -> float:
        """What a slice's share is worth to a role, mean over its replicas' machines; 1 for whole GPUs."""
        if spec.gpus.mig is None or not seen:
            return 1.0
        return fsum(self.worth.get(node_of(replica) or "", 1.0) for replica in seen) / len(seen)

    def held_by(self, replica: ReplicaSeen) -> list[Device] | None:
        """GPUs of a replica's pod; a pod name without namespace must be unique to count."""
        labels = dict(replica.scrape.target.labels)
        pod = labels.get("pod")
        if pod is None:
            return None
        namespace = labels.get("namespace")
        if namespace is not None:
            return self.devices.get((namespace, pod)) or self.devices.get(("", pod))
        known = self.pods.get(pod, [])
        return self.devices[known[0]] if len(known) == 1 else None


def node_of(replica: ReplicaSeen) -> str | None:
    """Machine a replica runs on, where discovery says it."""
    return dict(replica.scrape.target.labels).get("node")


def _merged(first: WorkloadSighting, second: WorkloadSighting | None) -> WorkloadSighting:
    """What ``first`` says, filled up by ``second``."""
    if second is None:
        return first
    return WorkloadSighting(
        role=first.role,
        at=first.at,
        desired=second.desired if first.desired is None else first.desired,
        ready=second.ready if first.ready is None else first.ready,
        pending=second.pending if first.pending is None else first.pending,
        bounds=first.bounds or second.bounds,
        scaler=first.scaler or second.scaler,
        pods=second.pods if first.pods is None else first.pods,
        rolling_out=second.rolling_out if first.rolling_out is None else first.rolling_out,
    )
