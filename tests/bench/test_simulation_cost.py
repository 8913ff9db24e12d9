"""What the simulated fleet costs: CPU per simulated second, and per page."""

import time
from datetime import timedelta

import pytest

from controlplane.simulate.dcgm_page import dcgm_page
from controlplane.simulate.kube_page import kube_page
from controlplane.simulate.story import DemoStory, reference_cluster
from controlplane.simulate.vllm_page import VllmPage
from tests.simulate.watching import START, a_fleet

pytestmark = pytest.mark.bench


def test_the_demo_fleet_costs_a_small_part_of_a_core():
    fleet = a_fleet(reference_cluster(), DemoStory())
    fleet.advance(START + timedelta(minutes=10))
    began = time.process_time()
    replicas = []
    for minute in range(11, 61):
        fleet.advance(START + timedelta(minutes=minute))
        replicas.append(len(fleet.pods))
    share = (time.process_time() - began) / (50 * 60)
    print(f"\n{sum(replicas) / len(replicas):.1f} replicas: {share:.2%} of a core at 1x, {20 * share:.1%} at 20x")
    pod = fleet.deployments["planner"].pods[0]
    page = VllmPage(pod, fleet.start.timestamp())
    for name, make in (
        ("vllm", page.text),
        ("dcgm", lambda: dcgm_page(fleet, fleet.nodes[0])),
        ("kube-state-metrics", lambda: kube_page(fleet)),
    ):
        began = time.process_time()
        for _ in range(200):
            make()
        print(f"{name} page: {(time.process_time() - began) / 200 * 1000:.2f} ms")
    assert 20 * share < 0.3
