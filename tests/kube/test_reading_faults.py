"""C3, C4, C5, C6: what goes wrong between us and a real API server is told, costs nothing else, and ends by itself.

A small cluster of its own: etcd, which forgets after 5 s, and an API server without a watch cache, which therefore
sends no bookmarks, and takes two requests at a time.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.clock import SystemClock
from controlplane.collect.kubernetes import ClusterView, KubernetesSource
from controlplane.collect.kubernetes_api import BusyError, KubernetesApi, Listed
from controlplane.collect.kubernetes_follow import Pace
from controlplane.collect.kubernetes_following import Following
from controlplane.collect.kubernetes_kinds import DEPLOYMENT, HPA, Listing
from controlplane.collect.kubernetes_stream import GoneError
from controlplane.model.keys import ObjectRef, RoleName
from controlplane.model.page import Fault
from controlplane.model.role import Bounds, Engine, GpuSpec, ModelSpec, RoleSpec
from tests import kube_objects as objects
from tests.collect.reading_contract import following, known
from tests.kube.reading import reading
from tests.kube_api import RefusedError
from tests.kube_cluster import Cluster, cluster
from tests.kube_commands import PROGRAMS
from tests.kube_processes import until

pytestmark = pytest.mark.real

ROOM = "reading"
READER = "reader"
QUICK = Pace(watch=timedelta(seconds=1), grace=timedelta(seconds=1), absent=timedelta(seconds=1))
ROLE = RoleSpec(
    name=RoleName("worker"),
    model=ModelSpec(name="m"),
    engine=Engine.VLLM,
    gpus=GpuSpec(type="h100"),
    replicas=Bounds(min=1, max=4),
    workload=ObjectRef("Deployment", ROOM, "worker"),
    scaled_object=ObjectRef("ScaledObject", ROOM, "worker"),
)
FLAGS = (
    "--etcd-compaction-interval=5s",
    "--watch-cache=false",
    "--enable-priority-and-fairness=false",
    "--max-requests-inflight=2",
)


@pytest.fixture(scope="module")
def small(kube_programs: None) -> Iterator[Cluster]:
    rest = [name for name in PROGRAMS if name not in ("etcd", "kube-apiserver")]
    with cluster(without=rest, flags={"kube-apiserver": FLAGS}) as made:
        made.namespace(ROOM)
        made.apply(objects.deployment(ROOM, "worker", replicas=3))
        yield made


@pytest.fixture
def granted(small: Cluster) -> Iterator[None]:
    """The reader may list and watch, for this test."""
    small.allow(ROOM, READER, ["list", "watch"], "apps", ["deployments"])
    small.allow(ROOM, READER, ["list", "watch"], "autoscaling", ["horizontalpodautoscalers"])
    small.allow(ROOM, READER, ["list", "watch"], "", ["pods"])
    small.allow(ROOM, READER, ["list", "watch"], "keda.sh", ["scaledobjects"])
    yield
    for kind in ("rolebindings", "roles"):
        small.admin.delete(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{ROOM}/{kind}")


@pytest.fixture
def api(small: Cluster, granted: None) -> Iterator[KubernetesApi]:
    api = reading(small, READER)
    yield api
    api.close()


@dataclass
class Look:
    """A source that looks as the walk does."""

    source: KubernetesSource
    begun: datetime = field(default_factory=lambda: datetime(2026, 11, 24, tzinfo=UTC))
    real: float = field(default_factory=time.monotonic)  # noqa: TID251

    def __call__(self) -> ClusterView:
        begun = time.monotonic()  # noqa: TID251
        view = self.source.look(self.begun + timedelta(seconds=begun - self.real))
        assert time.monotonic() - begun < 0.5, "a look does not wait"  # noqa: TID251
        return view


@pytest.fixture
def look(api: KubernetesApi) -> Iterator[Look]:
    fresh = timedelta(seconds=5)
    source = KubernetesSource(
        Following(api, SystemClock(), pace=QUICK), [ROLE], pods={}, clock=SystemClock(), fresh=fresh
    )
    source.look(datetime(2026, 11, 24, tzinfo=UTC))
    yield Look(source)
    source.close()


@dataclass
class Counting:
    """Counts lists."""

    api: KubernetesApi
    lists: int = 0
    gone: int = 0

    def listed(self, listing: Listing) -> Listed:
        self.lists += 1
        return self.api.listed(listing)

    def watch(self, *arguments: Any) -> Any:
        try:
            return self.api.watch(*arguments)
        except GoneError:
            self.gone += 1
            raise


def test_c6_a_quiet_list_outlives_what_etcd_forgets(small: Cluster, api: KubernetesApi) -> None:
    listing = Listing(DEPLOYMENT, ROOM, "quiet=yes")
    version = api.listed(listing).version
    counting = Counting(api)
    with following(counting, listing, QUICK) as follower:  # type: ignore[arg-type]
        for number in range(3):
            small.apply(objects.namespace(f"noise-{number}"))
        until(lambda: _gone(api, listing, version), within=20, why=lambda: "etcd never forgot")
        until(lambda: counting.lists >= 2, within=10)
        assert follower.trouble is None
        loud = objects.deployment(ROOM, "loud", replicas=0)
        loud["metadata"]["labels"] = {"quiet": "yes"}
        small.apply(loud)
        until(lambda: known(follower) == {"loud"}, within=3)


def _gone(api: KubernetesApi, listing: Listing, version: str) -> bool:
    try:
        stream = api.watch(listing, version, 1, 1)
        next(stream.events(), None)
        stream.end()
    except GoneError:
        return True
    return False


def test_c4_c6_an_api_server_that_hangs_is_told_as_old_news_and_caught_up_with(small: Cluster, look: Look) -> None:
    until(lambda: look().health.ok, within=20, why=lambda: look().health)
    assert look().workloads[ROLE.name].desired == 3
    with small.paused("kube-apiserver"):
        until(lambda: look().health.fault is Fault.TIMEOUT, within=6, why=lambda: look().health)
        view = look()
        last = view.workloads[ROLE.name].at
        assert view.health.last_good == last
        until(lambda: ROLE.name not in look().workloads, within=8, why=lambda: "old news is never unknown")
    small.apply(objects.deployment(ROOM, "worker", replicas=4))
    until(lambda: (w := look().workloads.get(ROLE.name)) and w.desired == 4, within=20, why=lambda: look().health)
    until(lambda: look().health.ok, within=20, why=lambda: look().health)
    small.apply(objects.deployment(ROOM, "worker", replicas=3))


def test_c4_an_api_server_that_crashes_is_found_again(small: Cluster, look: Look) -> None:
    small.kill("kube-apiserver")
    until(lambda: look().health.fault in (Fault.REFUSED, Fault.UNREACHABLE, Fault.TRUNCATED), within=5)
    small.start("kube-apiserver")
    until(lambda: look().health.ok, within=40, why=lambda: look().health)
    assert look().workloads[ROLE.name].desired == 3


def test_c5_a_right_that_is_taken_away_costs_its_part_and_comes_back(small: Cluster, look: Look) -> None:
    until(lambda: look().health.ok, within=20)
    binding = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{ROOM}/rolebindings/{READER}-horizontalpodautoscalers"
    small.admin.delete(binding)
    until(lambda: look().health.fault is Fault.UNAUTHORISED, within=5)
    view = look()
    assert f"horizontalpodautoscalers in {ROOM}" in view.health.detail and "more" not in view.health.detail
    assert view.workloads[ROLE.name].desired == 3
    small.allow(ROOM, READER, ["list", "watch"], "autoscaling", ["horizontalpodautoscalers"])
    until(lambda: look().health.ok, within=5, why=lambda: look().health)


def test_c12_without_keda_all_is_well_and_it_is_found_when_it_comes(small: Cluster, look: Look) -> None:
    view = until(lambda: (v := look()).health.ok and v, within=20)
    assert view.workloads[ROLE.name].bounds is None
    small.apply(*objects.definitions())
    wanted = objects.scaled_object(ROOM, "worker", "vector(1)", prometheus="http://127.0.0.1:1")
    until(lambda: _applied(small, wanted), within=10)
    until(lambda: look().workloads[ROLE.name].bounds == Bounds(min=1, max=50), within=10, why=lambda: look().health)


def _applied(small: Cluster, wanted: dict[str, Any]) -> bool:
    try:
        small.apply(wanted)
    except (KeyError, RefusedError):  # the new kind is not served yet
        return False
    return True


def test_c3_an_overloaded_server_says_when_to_come_back(api: KubernetesApi) -> None:
    waits, over = [], threading.Event()

    def ask(_: int) -> None:
        while not over.is_set():
            try:
                api.listed(Listing(HPA, ROOM))
            except BusyError as busy:
                waits.append(busy.wait)
                over.set()

    with ThreadPoolExecutor(12) as pool:
        done = pool.map(ask, range(12))
        over.wait(20)
        over.set()
        list(done)
    assert waits and waits[0] >= 1
    until(lambda: _answers(api), within=5)


def _answers(api: KubernetesApi) -> bool:
    try:
        return api.listed(Listing(HPA, ROOM)).items == ()
    except BusyError:
        return False
