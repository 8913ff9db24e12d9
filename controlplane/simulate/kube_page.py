"""The page of kube-state-metrics for the simulated cluster: Deployments, HPAs, pods and nodes."""

from collections import Counter

from controlplane.simulate.deployment import Deployment
from controlplane.simulate.exposition import Page, labels_text
from controlplane.simulate.fleet import Fleet
from controlplane.simulate.kube_pods import KubePod, kube_pods, resource_name

PHASES = ("Pending", "Succeeded", "Failed", "Unknown", "Running")


class _Writer:
    def __init__(self) -> None:
        self.page = Page()
        self.values: list[float] = []

    def family(self, name: str, help_: str, rows: list[tuple[dict[str, str], float]]) -> None:
        self.page.family(name, "gauge", help_)
        for labels, value in rows:
            self.page.sample(name, labels_text(labels.items(), order=False))
            self.values.append(value)


def kube_page(fleet: Fleet) -> str:
    """The page as it is now."""
    writer = _Writer()
    _deployments(writer, fleet)
    _autoscalers(writer, fleet)
    _pods(writer, fleet)
    _nodes(writer, fleet)
    return writer.page.fill(writer.values)


def _deployments(writer: _Writer, fleet: Fleet) -> None:
    def each(value: object) -> list[tuple[dict[str, str], float]]:
        assert callable(value)
        return [
            ({"namespace": d.role.namespace, "deployment": d.role.name}, float(value(d)))
            for d in fleet.deployments.values()
        ]

    def current(d: Deployment) -> int:
        return sum(p.revision == d.revision for p in d.active)

    writer.family(
        "kube_deployment_spec_replicas", "[STABLE] Number of desired pods for a deployment.", each(lambda d: d.wished)
    )
    writer.family(
        "kube_deployment_status_replicas",
        "[STABLE] The number of replicas per deployment.",
        each(lambda d: len(d.active)),
    )
    writer.family(
        "kube_deployment_status_replicas_ready",
        "[STABLE] The number of ready replicas per deployment.",
        each(lambda d: len(d.ready)),
    )
    writer.family(
        "kube_deployment_status_replicas_available",
        "[STABLE] The number of available replicas per deployment.",
        each(lambda d: len(d.ready)),
    )
    writer.family(
        "kube_deployment_status_replicas_unavailable",
        "[STABLE] The number of unavailable replicas per deployment.",
        each(lambda d: max(0, len(d.active) - len(d.ready))),
    )
    writer.family(
        "kube_deployment_status_replicas_updated",
        "[STABLE] The number of updated replicas per deployment.",
        each(current),
    )


def _autoscalers(writer: _Writer, fleet: Fleet) -> None:
    rows = [
        (
            {"namespace": fleet.deployments[name].role.namespace, "horizontalpodautoscaler": f"keda-hpa-{name}"},
            scaled,
            fleet.deployments[name],
        )
        for name, scaled in fleet.scaled_objects.items()
    ]
    prefix = "kube_horizontalpodautoscaler"
    writer.family(
        f"{prefix}_info",
        "Information about this autoscaler.",
        [
            (
                {
                    **labels,
                    "scaletargetref_api_version": "apps/v1",
                    "scaletargetref_kind": "Deployment",
                    "scaletargetref_name": deployment.role.name,
                },
                1,
            )
            for labels, _, deployment in rows
        ],
    )
    writer.family(
        f"{prefix}_spec_max_replicas",
        "[STABLE] Upper limit for the number of pods that can be set by the autoscaler; cannot be smaller than "
        "MinReplicas.",
        [(labels, scaled.max) for labels, scaled, _ in rows],
    )
    writer.family(
        f"{prefix}_spec_min_replicas",
        "[STABLE] Lower limit for the number of pods that can be set by the autoscaler, default 1.",
        [(labels, max(1, scaled.min)) for labels, scaled, _ in rows],
    )
    writer.family(
        f"{prefix}_spec_target_metric",
        "The metric specifications used by this autoscaler when calculating the desired replica count.",
        [
            ({**labels, "metric_name": f"s{index}-prometheus", "metric_target_type": "average"}, target)
            for labels, scaled, _ in rows
            for index, target in enumerate(scaled.targets)
        ],
    )
    writer.family(
        f"{prefix}_status_current_replicas",
        "[STABLE] Current number of replicas of pods managed by this autoscaler.",
        [(labels, len(deployment.active)) for labels, _, deployment in rows],
    )
    writer.family(
        f"{prefix}_status_desired_replicas",
        "[STABLE] Desired number of replicas of pods managed by this autoscaler.",
        [(labels, scaled.wished) for labels, scaled, _ in rows],
    )
    conditions: list[tuple[dict[str, str], float]] = []
    for labels, scaled, _ in rows:
        limited = scaled.wished >= scaled.max
        for condition, holds in (("AbleToScale", True), ("ScalingActive", True), ("ScalingLimited", limited)):
            for status in ("true", "false", "unknown"):
                value = float(status == ("true" if holds else "false"))
                conditions.append(({**labels, "condition": condition, "status": status}, value))
    writer.family(f"{prefix}_status_condition", "[STABLE] The condition of this autoscaler.", conditions)


def _pods(writer: _Writer, fleet: Fleet) -> None:
    pods = list(kube_pods(fleet))
    addresses = {node.shape.name: f"10.0.0.{i + 10}" for i, node in enumerate(fleet.nodes)}
    writer.family("kube_pod_info", "[STABLE] Information about pod.", [(_info(p, addresses), 1) for p in pods])
    writer.family(
        "kube_pod_status_phase",
        "[STABLE] The pods current phase.",
        [({**p.labels, "phase": phase}, float(p.phase == phase)) for p in pods for phase in PHASES],
    )
    writer.family(
        "kube_pod_status_ready",
        "[STABLE] Describes whether the pod is ready to serve requests.",
        [
            ({**p.labels, "condition": condition}, float(condition == str(p.ready).lower()))
            for p in pods
            for condition in ("true", "false", "unknown")
        ],
    )
    writer.family(
        "kube_pod_container_resource_requests",
        "The number of requested request resource by a container. It is recommended to use the "
        "kube_pod_resource_requests metric exposed by kube-scheduler instead, as it is more precise.",
        [
            (
                {**p.labels, "container": p.container, "node": p.node, "resource": p.resource, "unit": "integer"},
                p.requests,
            )
            for p in pods
        ],
    )


def _info(pod: KubePod, addresses: dict[str, str]) -> dict[str, str]:
    return {
        **pod.labels,
        "host_ip": addresses.get(pod.node, ""),
        "pod_ip": pod.address,
        "node": pod.node,
        "created_by_kind": pod.owner[0],
        "created_by_name": pod.owner[1],
        "priority_class": "",
        "host_network": "false",
    }


def _nodes(writer: _Writer, fleet: Fleet) -> None:
    rows: list[tuple[dict[str, str], float]] = []
    for node in fleet.nodes:
        resources = Counter(resource_name(node.profile(slice_id)) for _, slice_id in node.places)
        rows += [
            ({"node": node.shape.name, "resource": resource, "unit": "integer"}, float(number))
            for resource, number in sorted(resources.items())
        ]
    writer.family("kube_node_status_allocatable", "[STABLE] The allocatable for different resources of a node.", rows)
