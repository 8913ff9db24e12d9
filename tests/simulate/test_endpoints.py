"""The fleet over real HTTP: pages, the targets file, a thread that ends."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from http.client import RemoteDisconnected
from pathlib import Path

import pytest

from controlplane.collect.exposition import parse
from controlplane.collect.targets import TargetsFile
from controlplane.model.page import Job
from controlplane.simulate.deployment import Phase
from controlplane.simulate.endpoints import SimulatedFleet
from controlplane.simulate.litellm import Callback
from controlplane.simulate.story import reference_cluster
from tests.e2e.loopback_pages import serving
from tests.simulate.hand_clock import HandClock, until
from tests.simulate.watching import a_fleet


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def simulated(clock: HandClock, tmp_path: Path) -> Iterator[SimulatedFleet]:
    fleet = a_fleet(reference_cluster(), sessions_per_minute=8.0)
    simulated = SimulatedFleet(fleet, clock, targets_file=tmp_path / "targets.json", patches=tmp_path)
    simulated.start()
    yield simulated
    simulated.stop()


def get(simulated: SimulatedFleet, path: str) -> tuple[bytes, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{simulated.port}{path}", timeout=10) as answer:
        return answer.read(), answer.headers["Content-Type"]


def test_every_target_of_the_file_answers_with_a_page_of_its_kind(simulated: SimulatedFleet, tmp_path: Path):
    targets = TargetsFile(tmp_path / "targets.json")()
    jobs = [t.job for t in targets]
    assert {job: jobs.count(job) for job in Job} == {Job.ENGINE: 6, Job.DCGM: 5, Job.KUBE_STATE: 1, Job.ROUTER: 0}
    for target in targets:
        body, content_type = get(simulated, target.url.split(str(simulated.port), 1)[1])
        assert parse(body).values
        assert content_type == "text/plain; version=1.0.0; charset=utf-8"


def test_targets_say_role_pod_namespace_and_node(simulated: SimulatedFleet, tmp_path: Path):
    target = next(t for t in TargetsFile(tmp_path / "targets.json")() if t.role == "planner")
    assert dict(target.labels)["namespace"] == "llm"
    assert dict(target.labels)["node"] == "gpu-h100-0"
    assert target.name.startswith("planner-")


def test_a_page_is_of_the_moment_it_is_read(simulated: SimulatedFleet, clock: HandClock):
    name = simulated.fleet.deployments["worker"].pods[0].name
    before = get(simulated, f"/worker/{name}/metrics")[0]
    clock.at += timedelta(minutes=5)
    after = get(simulated, f"/worker/{name}/metrics")[0]
    assert simulated.fleet.now == clock.at
    assert before != after


def test_a_starting_pod_is_listed_and_answers_503_until_it_is_ready(
    simulated: SimulatedFleet, clock: HandClock, tmp_path: Path
):
    simulated.fleet.scaled_objects["worker"].bound(3, 4)
    clock.at += timedelta(seconds=30)
    until(lambda: (tmp_path / "targets.json").read_text().count('"worker"') == 3)
    pod = next(p for p in simulated.fleet.deployments["worker"].pods if p.phase is Phase.STARTING)
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(simulated, f"/worker/{pod.name}/metrics")
    refused.value.close()
    assert refused.value.code == 503
    clock.at += timedelta(minutes=5)
    assert get(simulated, f"/worker/{pod.name}/metrics")[0]


@pytest.mark.parametrize("path", ["/worker/gone/metrics", "/nobody/x/metrics", "/dcgm/nowhere/metrics"])
def test_what_is_not_there_drops_the_connection(simulated: SimulatedFleet, path: str):
    with pytest.raises((RemoteDisconnected, ConnectionResetError, urllib.error.URLError)):
        get(simulated, path)


def test_a_patch_in_the_folder_reaches_the_fleet(simulated: SimulatedFleet, tmp_path: Path):
    (tmp_path / "llm").mkdir()
    part = tmp_path / "part"
    part.write_text(
        json.dumps({"kind": "ScaledObject", "metadata": {"name": "planner"}, "spec": {"maxReplicaCount": 3}})
    )
    part.rename(tmp_path / "llm" / "scaledobject-planner.yaml")
    until(lambda: simulated.fleet.scaled_objects["planner"].max == 3)


def test_a_taken_port_is_told_at_the_start(simulated: SimulatedFleet, clock: HandClock, tmp_path: Path):
    second = SimulatedFleet(
        a_fleet(reference_cluster()), clock, targets_file=tmp_path / "other.json", port=simulated.port
    )
    with pytest.raises(OSError, match="in use"):
        second.start()


def test_after_stop_nobody_listens(clock: HandClock, tmp_path: Path):
    simulated = SimulatedFleet(a_fleet(reference_cluster()), clock, targets_file=tmp_path / "t.json")
    simulated.start()
    simulated.stop()
    with pytest.raises(urllib.error.URLError):
        get(simulated, "/ksm/metrics")


def test_whoever_wants_to_know_is_told_of_every_call(simulated: SimulatedFleet, clock: HandClock):
    with serving() as receiver:
        simulated.fleet.advance(clock.at + timedelta(minutes=1))
        before = len(receiver.received)
        callback = Callback(f"{receiver.url}/ingest/litellm", simulated.fleet.start)
        simulated.tell(callback)
        clock.at += timedelta(minutes=4)
        until(lambda: callback.delivered > 50)
        told = [call for batch in receiver.at("/ingest/litellm") for call in batch]
    assert before == 0, "what happened before is nobody's business"
    assert len(told) == callback.delivered
    assert len({call["litellm_call_id"] for call in told}) == len(told)
    assert all(call["endTime"] >= clock.at.timestamp() - 180 for call in told)


def test_a_receiver_that_is_gone_stops_nothing(simulated: SimulatedFleet, clock: HandClock):
    with serving() as receiver:
        url = receiver.url
    callback = Callback(url, simulated.fleet.start)
    simulated.tell(callback)
    clock.at += timedelta(minutes=4)
    until(lambda: callback.lost > 0)
    until(lambda: simulated.fleet.now == clock.at)
    assert get(simulated, "/ksm/metrics")[0]
