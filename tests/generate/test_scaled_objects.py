"""Generated ScaledObjects: what is missing is never zero, and what KEDA would refuse is refused in fleet.yaml."""

from typing import Any

import pytest
import yaml

from controlplane.errors import SettingsError
from controlplane.generate.manifests.scaled_objects import scaled_object_files
from tests.generate.fleets import NIGHT, WORKER, a_request


def only(scaling: str = "{signal: planner}", roles: str = WORKER, **changed: str) -> dict[str, Any]:
    (text,) = scaled_object_files(a_request(scaling, roles, **changed)).values()
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def names(document: dict[str, Any]) -> list[str]:
    return [trigger["name"] for trigger in document["spec"]["triggers"]]


def formula(document: dict[str, Any]) -> str:
    said: str = document["spec"]["advanced"]["scalingModifiers"]["formula"]
    return said


def test_nothing_is_generated_unless_it_is_asked_for():
    assert scaled_object_files(a_request("{signal: none}")) == {}
    quiet = WORKER.replace("scaling: {pods: app=worker}", "scaling: none")
    assert scaled_object_files(a_request("{signal: planner}", quiet)) == {}


def test_the_wish_first_then_the_law_behind_it_then_as_many_as_there_are():
    made = only()
    assert names(made) == ["planner", "reactive", "current"]
    assert formula(made) == (
        "planner ?? ((reactive ?? -1) >= 1 ? max(current, reactive) : (reactive ?? -1) > 0 ? reactive * current : "
        "(reactive ?? -1) == 0 ? current : max(current, 2))"
    )
    spec = made["spec"]
    assert spec["fallback"] == {"failureThreshold": 3, "replicas": 2, "behavior": "scalingModifiers"}
    assert spec["advanced"]["scalingModifiers"] | {"formula": ""} == {
        "formula": "",
        "target": "1",
        "metricType": "AverageValue",
    }
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 40)
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}


def test_a_role_may_follow_the_law_alone():
    made = only("{signal: reactive}")
    assert names(made) == ["reactive", "current"]
    assert "planner" not in formula(made)


@pytest.mark.parametrize("scaling", ["{signal: planner}", "{signal: planner, keda: 2.18.1}", "{signal: reactive}"])
@pytest.mark.parametrize("roles", [WORKER, NIGHT])
def test_no_answer_is_a_failure_and_every_value_is_a_string(scaling: str, roles: str):
    for trigger in only(scaling, roles)["spec"]["triggers"]:
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        if trigger["type"] == "prometheus":
            assert trigger["metadata"]["ignoreNullValues"] == "false"
            assert trigger["metadata"]["threshold"] == "1"
            assert trigger["metricType"] == "AverageValue"


def test_older_kedas_get_one_query_that_carries_both_laws():
    made = only("{signal: planner, keda: v2.20.0}")
    (trigger,) = made["spec"]["triggers"]
    query = " ".join(trigger["metadata"]["query"].split())
    assert query.startswith("max(")
    assert 'llm_fleet_desired_replicas{namespace="llm",role="worker"} or' in query
    assert " or max(llm_role:replicas:count" in query
    assert made["spec"]["fallback"]["behavior"] == "currentReplicasIfHigher"
    assert "scalingModifiers" not in made["spec"]["advanced"]


def test_any_ceiling_is_reached_within_a_surge_and_no_change_is_too_small():
    behavior = only()["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    up, down = behavior["scaleUp"], behavior["scaleDown"]
    assert up["stabilizationWindowSeconds"] == 0
    assert down["stabilizationWindowSeconds"] == 300
    assert up["tolerance"] == down["tolerance"] == "0"
    assert {(p["type"], p["value"], p["periodSeconds"]) for p in up["policies"]} == {
        ("Percent", 100, 15),
        ("Pods", 4, 15),
    }


def test_a_cluster_that_drops_the_tolerance_is_not_given_one():
    behavior = only("{signal: planner, kubernetes: 1.32.4, down_window: 10m}")["spec"]["advanced"][
        "horizontalPodAutoscalerConfig"
    ]["behavior"]
    assert "tolerance" not in behavior["scaleUp"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 600


def test_a_role_that_may_rest_is_woken_by_the_router_and_by_nothing_that_rests_with_it():
    made = only(roles=NIGHT)
    assert names(made) == ["planner", "reactive", "current", "wake"]
    assert formula(made).endswith("max(current, 1)), (wake ?? 1) > 0 ? 1 : 0)")
    assert made["spec"]["minReplicaCount"] == 0
    assert made["spec"]["fallback"]["replicas"] == 1
    assert made["spec"]["triggers"][1]["metadata"]["query"].endswith("vector(0)")
    assert 'requested_model=~"night|openai/whisper-large-v3"' in made["spec"]["triggers"][3]["metadata"]["query"]
    assert made["spec"]["scaleTargetRef"]["kind"] == "StatefulSet"


def test_knobs_that_do_nothing_are_left_out():
    assert not {"pollingInterval", "cooldownPeriod", "idleReplicaCount"} & set(only()["spec"])


def test_a_prometheus_with_a_token_is_asked_with_it():
    made = only("{signal: planner, authentication: prometheus, prometheus: 'https://thanos:9090'}")
    for trigger in made["spec"]["triggers"][:2]:
        assert trigger["authenticationRef"] == {"name": "prometheus"}
        assert trigger["metadata"]["authModes"] == "bearer"
        assert trigger["metadata"]["serverAddress"] == "https://thanos:9090"


def test_the_same_file_gives_the_same_bytes():
    assert scaled_object_files(a_request(roles=WORKER + NIGHT)) == scaled_object_files(a_request(roles=WORKER + NIGHT))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"scaling: {pods: app=worker}": "engine: vllm"},
            (
                "roles.worker.scaling.pods: to hold its replicas KEDA must be able to count the role's pods; "
                "add scaling: {pods: app=worker} to the role"
            ),
        ),
        (
            {"    workload: llm/worker\n": ""},
            "roles.worker: the ScaledObject needs to know what it scales; add workload: llm/NAME-OF-THE-DEPLOYMENT",
        ),
        (
            {"workload: llm/worker": "workload: other/worker"},
            (
                "roles.worker.scaled_object: a ScaledObject of llm cannot scale a workload of other; "
                "write scaled_object: other/worker"
            ),
        ),
        (
            {"workload: llm/worker": "workload: RayService llm/worker"},
            "roles.worker.workload: KEDA cannot scale a RayService; write scaling: none for this role",
        ),
        (
            {"scaled_object: llm/worker": f"scaled_object: llm/{'w' * 60}"},
            (
                f"roles.worker.scaled_object: {'w' * 60} has 60 characters; KEDA takes 54; "
                "give the ScaledObject a shorter name"
            ),
        ),
        (
            {"signal: planner": "signal: planner, keda: 2.16.1"},
            (
                "scaling.keda: KEDA 2.16.1 cannot hold the replicas that are there when its Prometheus is gone; "
                "update KEDA to 2.17 or newer, better 2.20.2"
            ),
        ),
        (
            {"min: 2, max: 40": "min: 41, max: 40"},
            "roles.worker.replicas: min 41 is more than max 40; write max: 41 or more",
        ),
        (
            {"sources: {prometheus: http://prometheus.monitoring:9090}": "sources: {targets_file: targets.json}"},
            (
                "scaling.prometheus: KEDA needs a Prometheus to ask; "
                "add scaling: {prometheus: http://…} with the address KEDA reaches it at"
            ),
        ),
        (
            {"    scaled_object: llm/worker\n": "", "{pods: app=worker}": "planner"},
            "roles.worker.scaling: no ScaledObject has a name to be generated by; add scaled_object: NAMESPACE/worker",
        ),
    ],
)
def test_what_keda_would_refuse_is_refused_here(changed: dict[str, str], said: str):
    with pytest.raises(SettingsError) as caught:
        a_request(**changed)
    assert said in [str(problem).split(": ", 1)[1] for problem in caught.value.problems]
