"""What a reader of a cluster relies on: the same tests for the fake and the real API server.

A test is given ``api`` (how we read), ``writer`` (somebody else who writes) and ``room`` (a namespace).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol

import pytest

from controlplane.collect.kubernetes_api import AbsentError, KubernetesApi
from controlplane.collect.kubernetes_follow import Follower, Pace
from controlplane.collect.kubernetes_kinds import DEPLOYMENT, Kind, Listing
from controlplane.collect.kubernetes_stream import Happened
from controlplane.errors import SourceError
from controlplane.model.page import Fault
from tests.kube_processes import until

QUICK = Pace(watch=timedelta(seconds=1), grace=timedelta(seconds=1), poll=timedelta(seconds=1))


class Writer(Protocol):
    """Somebody else at the cluster."""

    def put(self, name: str, **labels: str) -> None:
        """Create or change a Deployment (of no replicas)."""
        ...

    def remove(self, name: str) -> None:
        """Delete it."""
        ...


def names(things: Any) -> set[str]:
    return {thing["metadata"]["name"] for thing in things}


@contextmanager
def following(api: KubernetesApi, listing: Listing, pace: Pace = QUICK) -> Iterator[Follower]:
    """Follow in a thread until the block ends."""
    follower, over = Follower(api, listing, monotonic=time.monotonic, pace=pace), threading.Event()  # noqa: TID251

    def run() -> None:
        while not over.is_set():
            over.wait(follower.step())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        assert follower.first.wait(10)
        yield follower
    finally:
        over.set()
        follower.end()
        thread.join(5)
        assert not thread.is_alive(), "hanging up ends the wait for news"


def known(follower: Follower) -> set[str]:
    return set() if follower.known is None else names(follower.known.items)


def test_a_list_has_what_is_there_and_the_version_to_watch_from(api: KubernetesApi, writer: Writer, room: str) -> None:
    writer.put("list-a", tier="gold")
    writer.put("list-b", tier="tin")
    listed = api.listed(Listing(DEPLOYMENT, room))
    assert names(listed.items) >= {"list-a", "list-b"}
    assert int(listed.version) > 0
    assert names(api.list(DEPLOYMENT, room, "tier=gold")) == {"list-a"}


def test_a_watch_tells_what_happens_and_then_that_nothing_does(api: KubernetesApi, writer: Writer, room: str) -> None:
    listing = Listing(DEPLOYMENT, room, "watch=this")
    version = api.listed(listing).version
    stream = api.watch(listing, version, 4, 1)
    writer.put("watch-a", watch="this")
    writer.put("watch-b", watch="other")
    writer.put("watch-a", watch="this", more="yes")
    writer.remove("watch-a")
    events = list(stream.events())  # the real server sends a bookmark 2 s before the end, none in a shorter watch
    stream.end()
    told = [(e.happened, e.name) for e in events if e.happened is not Happened.BOOKMARK]
    assert told[0] == (Happened.ADDED, "watch-a")
    assert told[-1] == (Happened.DELETED, "watch-a")
    assert (Happened.MODIFIED, "watch-a") in told
    assert {name for _, name in told} == {"watch-a"}
    assert events[-1].happened is Happened.BOOKMARK
    versions = [int(e.version) for e in events]
    assert versions == sorted(versions) and versions[0] > int(version)


def test_c12_a_kind_that_is_not_installed_is_absent(api: KubernetesApi, room: str) -> None:
    listing = Listing(Kind("Nothing", "nowhere.example.com", "v1", "nothings"), room)
    with pytest.raises(AbsentError, match="the cluster has no nothings"):
        api.listed(listing)
    with pytest.raises(AbsentError):
        api.watch(listing, "5", 2, 1)
    with following(api, listing) as follower:
        assert (known(follower), follower.trouble) == (set(), None), "known to be none, and nothing is wrong"


def test_c5_without_a_role_a_list_is_forbidden_and_says_which(stranger: KubernetesApi, room: str) -> None:
    with pytest.raises(SourceError, match=f"403: list deployments in {room}") as refused:
        stranger.listed(Listing(DEPLOYMENT, room))
    assert refused.value.fault is Fault.UNAUTHORISED


def test_c5_without_the_right_to_watch_the_list_is_read_again_and_again(
    only_lists: KubernetesApi, writer: Writer, room: str
) -> None:
    with following(only_lists, Listing(DEPLOYMENT, room)) as follower:
        writer.put("polled-a")
        until(lambda: "polled-a" in known(follower), within=5)
        assert follower.trouble is None


def test_c5_a_token_that_has_run_out_is_read_anew(expired_once: KubernetesApi, room: str) -> None:
    with pytest.raises(SourceError, match="401") as refused:
        expired_once.listed(Listing(DEPLOYMENT, room))
    assert refused.value.fault is Fault.UNAUTHORISED
    assert expired_once.listed(Listing(DEPLOYMENT, room)).version


def test_a_followed_list_is_what_is_there_without_being_asked_for(
    api: KubernetesApi, writer: Writer, room: str
) -> None:
    writer.put("follow-a")
    with following(api, Listing(DEPLOYMENT, room)) as follower:
        assert "follow-a" in known(follower)
        writer.put("follow-b")
        until(lambda: "follow-b" in known(follower), within=2)
        writer.remove("follow-a")
        until(lambda: "follow-a" not in known(follower), within=2)


def test_c6_while_nothing_happens_it_is_still_heard_that_nothing_happens(
    api: KubernetesApi, writer: Writer, room: str
) -> None:
    with following(api, Listing(DEPLOYMENT, room, "quiet=yes")) as follower:
        first = follower.known
        assert first is not None and first.items == ()
        news = until(lambda: (k := follower.known) and k.seen > first.seen + 1.5 and k, within=6)
        assert (news.items, follower.trouble) == ((), None)
