"""What scaler, pods and machines say of themselves becomes ours; what is odd or left out stays unknown."""

from datetime import UTC, datetime
from typing import Any

import pytest

from controlplane.collect.kubernetes_reading import machines, owned, pods, rolling_out, scaler
from controlplane.model.workload import MachineView, PodView

EIGHT = datetime(2026, 11, 24, 8, tzinfo=UTC)


def says(**conditions: str) -> dict[str, Any]:
    """A status with conditions, such as ``Ready="True"``."""
    return {"conditions": [{"type": kind, "status": status} for kind, status in conditions.items()]}


def scaled(*, notes: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "w", "annotations": notes or {}, **metadata}, "status": says(Ready="True")}


def test_conditions_are_read_and_what_is_not_said_is_unknown():
    view = scaler(scaled(), {"status": says(ScalingActive="True", AbleToScale="False")})
    assert view is not None
    assert (view.ready, view.metric_known, view.able) == (True, True, False)
    assert (view.active, view.fallback, view.paused, view.blind) == (None, None, False, False)
    assert scaler(None, None) is None


def test_c10_a_scaler_that_sees_nothing_is_blind_and_says_why():
    why = "unable to get external metric llm/s0-prometheus: no matching metrics found"
    condition = {"type": "ScalingActive", "status": "False", "reason": "FailedGetExternalMetric", "message": why}
    view = scaler(scaled(), {"status": {"conditions": [condition]}})
    assert view is not None and view.blind
    assert view.problem == why


@pytest.mark.parametrize(
    ("notes", "paused"),
    [
        ({}, False),
        ({"autoscaling.keda.sh/paused": "true"}, True),
        ({"autoscaling.keda.sh/paused": "false"}, False),
        ({"autoscaling.keda.sh/paused": "no idea"}, True),
        ({"autoscaling.keda.sh/paused-replicas": "0"}, True),
        ({"autoscaling.keda.sh/paused-replicas": "false"}, True),
        ({"autoscaling.keda.sh/paused-scale-in": "true"}, True),
    ],
)
def test_c13_paused_is_what_keda_takes_for_it(notes: dict[str, str], paused: bool):
    view = scaler(scaled(notes=notes), None)
    assert view is not None
    assert view.paused is paused
    assert not view.blind


def test_who_keeps_the_bounds_is_who_wrote_them_last():
    def entry(manager: str, at: str, *fields: str) -> dict[str, Any]:
        return {"manager": manager, "time": at, "fieldsV1": {"f:spec": {f: {} for f in fields}}}

    fields = [
        entry("kubectl", "2026-11-24T07:00:00Z", "f:minReplicaCount", "f:triggers"),
        entry("llm-controlplane", "2026-11-24T08:00:00Z", "f:maxReplicaCount"),
        entry("helm", "2026-11-24T09:00:00Z", "f:triggers"),
    ]
    view = scaler(scaled(managedFields=fields), None)
    assert view is not None and view.kept_by == "llm-controlplane"


@pytest.mark.parametrize(
    ("metadata", "tool"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "app:keda.sh/ScaledObject:llm/w"}}, "argocd"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "flux"),
        ({"managedFields": [{"manager": "argocd-controller", "operation": "Apply"}]}, "argocd"),
        ({"managedFields": [{"manager": "kubectl"}, "odd"]}, ""),
    ],
)
def test_a_gitops_tool_is_known_by_its_marks(metadata: dict[str, Any], tool: str):
    view = scaler({"metadata": metadata}, None)
    assert view is not None and view.gitops == tool


def a_pod(**changes: Any) -> dict[str, Any]:
    pod = {
        "metadata": {"name": "w-1", "creationTimestamp": "2026-11-24T08:00:00Z"},
        "spec": {"nodeName": "gpu-a"},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-24T08:00:00Z"}],
        },
    }
    return pod | changes


def test_a_pod_says_when_it_was_made_and_since_when_it_is_ready():
    assert pods([a_pod()]) == (PodView(name="w-1", created=EIGHT, ready_since=EIGHT, node="gpu-a"),)
    assert pods(None) is None
    assert pods([a_pod(status={"phase": "Succeeded"}), a_pod(metadata={})]) == ()


def test_c15_a_pod_that_no_machine_takes_says_why():
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    seen = pods([a_pod(spec={}, status={"phase": "Pending", "conditions": [condition]})])
    assert seen is not None
    assert (seen[0].unschedulable, seen[0].node, seen[0].ready_since) == ("0/3 nodes", None, None)


def test_a_container_that_does_not_run_says_why():
    state = {"containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}], "phase": "Running"}
    starting = {"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}], "phase": "Pending"}
    seen = pods([a_pod(status=state), a_pod(status=starting)])
    assert seen is not None
    assert sorted(p.waiting for p in seen) == ["", "CrashLoopBackOff"]


@pytest.mark.parametrize(
    ("workload", "rolls"),
    [
        ({"status": {"replicas": 5, "updatedReplicas": 5}}, False),
        ({"status": {"replicas": 5, "updatedReplicas": 2}}, True),
        ({"status": {"replicas": 5}}, True),
        ({"status": {}}, False),
        ({"status": {"replicas": "many"}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_c14_a_rollout_lasts_as_long_as_older_pods_run(workload: dict[str, Any] | None, rolls: bool | None):
    assert rolling_out(workload) is rolls


def test_pods_of_a_workload_are_those_it_selects():
    mine, other = a_pod(metadata={"labels": {"app": "w", "more": "1"}}), a_pod(metadata={"labels": {"app": "v"}})
    assert owned([mine, other], {"spec": {"selector": {"matchLabels": {"app": "w"}}}}) == (mine,)
    odd = {"matchLabels": {"app": "w"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}
    assert owned([mine, other], {"spec": {"selector": odd}}) is None
    assert owned([mine, other], None) is None


def test_a_machine_says_what_it_can_give_and_whether_it_may():
    node = {
        "metadata": {"name": "mig-a", "labels": {"nvidia.com/gpu.product": "H100", "nvidia.com/mig.config": "all"}},
        "spec": {"unschedulable": True},
        "status": {"allocatable": {"cpu": "8", "nvidia.com/mig-1g.10gb": "7"}, **says(Ready="False")},
    }
    plain = {"metadata": {"name": "cpu"}, "status": {"allocatable": {"cpu": "8"}}}
    odd = {"metadata": {"name": "odd"}, "status": {"allocatable": {"nvidia.com/gpu": "∞"}}}
    gpus = {"nvidia.com/mig-1g.10gb": 7}
    expected = MachineView(name="mig-a", ready=False, schedulable=False, gpus=gpus, product="H100", mig_layout="all")
    assert machines([node, plain, odd]) == (expected,)
    assert machines(None) == ()
