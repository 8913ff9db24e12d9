"""Reading the fake API server: the whole contract, and what only a fake can be made to do."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from controlplane.clock import SystemClock
from controlplane.collect.kubernetes_api import Client, KubernetesApi
from controlplane.collect.kubernetes_follow import Pace
from controlplane.collect.kubernetes_following import Following
from controlplane.collect.kubernetes_kinds import DEPLOYMENT, HPA, NODE, Listing
from controlplane.collect.kubernetes_stream import GoneError
from controlplane.model.page import Fault
from tests.collect.fake_http import Reply
from tests.collect.fake_kubernetes import FakeCluster, fake_cluster
from tests.collect.reading_contract import *  # noqa: F403  the contract, run here against the fake
from tests.collect.reading_contract import QUICK, following, known
from tests.kube_processes import until

ROOM = "room"


@dataclass
class Somebody:
    """Writes into the fake."""

    cluster: FakeCluster

    def put(self, name: str, **labels: str) -> None:
        self.cluster.put("deployments", {"metadata": {"namespace": ROOM, "name": name, "labels": labels}})

    def remove(self, name: str) -> None:
        self.cluster.remove("deployments", ROOM, name)


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with fake_cluster() as cluster:
        cluster.forget()
        yield cluster


@pytest.fixture
def room() -> str:
    return ROOM


@pytest.fixture
def writer(cluster: FakeCluster) -> Somebody:
    return Somebody(cluster)


@pytest.fixture
def api(cluster: FakeCluster) -> Iterator[KubernetesApi]:
    api = KubernetesApi(cluster.connect, monotonic=time.perf_counter)
    yield api
    api.close()


@pytest.fixture
def stranger(cluster: FakeCluster, api: KubernetesApi) -> KubernetesApi:
    cluster.forbidden = {"deployments"}
    return api


@pytest.fixture
def only_lists(cluster: FakeCluster, api: KubernetesApi) -> KubernetesApi:
    cluster.unwatched = {"deployments"}
    return api


@pytest.fixture
def expired_once(cluster: FakeCluster) -> Iterator[KubernetesApi]:
    tokens = iter(["old", "good"])

    def connect() -> Client:
        cluster.token = next(tokens)
        client = cluster.connect()
        cluster.token = "good"
        return client

    api = KubernetesApi(connect, monotonic=time.perf_counter)
    yield api
    api.close()


def test_c6_a_watch_from_before_what_the_server_remembers_is_gone(cluster: FakeCluster, api: KubernetesApi) -> None:
    with pytest.raises(GoneError):
        list(api.watch(Listing(DEPLOYMENT, ROOM), "1", 2, 1).events())


def test_c6_a_version_forgotten_between_two_watches_costs_one_list(
    cluster: FakeCluster, api: KubernetesApi, writer: Somebody
) -> None:
    with following(api, Listing(DEPLOYMENT, ROOM)) as follower:
        cluster.bookmarks = False
        cluster.forget()
        cluster.forget()
        cluster.objects["deployments"] = [{"metadata": {"namespace": ROOM, "name": "unwatched"}}]
        until(lambda: known(follower) == {"unwatched"}, within=6)
        assert follower.trouble is None


def test_c6_a_connection_that_died_without_a_word_is_hung_up_and_listed_anew(
    cluster: FakeCluster, api: KubernetesApi
) -> None:
    cluster.silent = True
    with following(api, Listing(DEPLOYMENT, ROOM)) as follower:
        cluster.objects["deployments"] = [{"metadata": {"namespace": ROOM, "name": "missed"}}]
        until(lambda: known(follower) == {"missed"}, within=8)


@pytest.mark.parametrize(
    ("trouble", "fault"),
    [
        pytest.param(Reply(pieces=[b"<html>\n"]), Fault.MALFORMED, id="no event"),
        pytest.param(Reply(pieces=[b'{"type": "ADDED", "object": {"metadata": {}}}\n']), Fault.MALFORMED, id="no name"),
        pytest.param(Reply(pieces=[b'{"type": "ADD']), Fault.TRUNCATED, id="cut within an event"),
        pytest.param(Reply(pieces=[b"x" * 2**20] * 5), Fault.TOO_LARGE, id="an event without an end"),
        pytest.param(Reply(b"busy", 429), Fault.STATUS, id="429"),
        pytest.param(Reply(b"oops", 500), Fault.STATUS, id="500"),
    ],
)
def test_a_watch_that_is_odd_is_a_trouble_and_what_was_listed_stays(
    cluster: FakeCluster, api: KubernetesApi, writer: Somebody, trouble: Reply, fault: Fault
) -> None:
    writer.put("kept")
    with following(api, Listing(DEPLOYMENT, ROOM)) as follower:
        cluster.watches = trouble
        said = until(lambda: follower.trouble, within=6)
        assert said.fault is fault
        assert known(follower) == {"kept"}


def test_the_whole_list_is_read_again_although_the_watch_works(cluster: FakeCluster, api: KubernetesApi) -> None:
    often = Pace(watch=timedelta(seconds=1), grace=timedelta(seconds=1), relist=timedelta(seconds=1.5))
    with following(api, Listing(DEPLOYMENT, ROOM), often) as follower:
        cluster.objects["deployments"] = [{"metadata": {"namespace": ROOM, "name": "no event told"}}]
        until(lambda: known(follower) == {"no event told"}, within=6)


def test_a_look_never_waits_for_a_server_that_hangs_but_for_the_first(cluster: FakeCluster, api: KubernetesApi) -> None:
    cluster.trouble = {"horizontalpodautoscalers": Reply(hang=True)}
    reader = Following(api, SystemClock(), pace=QUICK, first=0.5)
    wanted = [Listing(DEPLOYMENT, ROOM), Listing(HPA, ROOM)]
    assert set(reader.read(wanted)) == {Listing(DEPLOYMENT, ROOM)}
    begun = time.perf_counter()
    assert set(reader.read(wanted)) == {Listing(DEPLOYMENT, ROOM)}
    assert time.perf_counter() - begun < 0.1
    (trouble,) = reader.troubles()
    assert (trouble.listing, trouble.fault) == (Listing(HPA, ROOM), Fault.TIMEOUT)
    begun = time.perf_counter()
    reader.close()
    assert time.perf_counter() - begun < 3


def test_machines_that_we_may_not_see_are_no_trouble(cluster: FakeCluster, api: KubernetesApi) -> None:
    cluster.forbidden = {"nodes"}
    with following(api, Listing(NODE, optional=True)) as follower:
        assert (follower.known, follower.trouble) == (None, None)
