"""Recording rules: engines' and exporters' own names in, one vocabulary out.

Pods and GPUs are read raw; roles join them; money is one group, so that its buckets add up at every instant.
"""

from collections.abc import Mapping

from controlplane.generate.request import Request
from controlplane.generate.rules.cost import model_rules, role_rules
from controlplane.generate.rules.fleet import fleet_rules
from controlplane.generate.rules.gpus import gpu_group
from controlplane.generate.rules.nodes import node_rules
from controlplane.generate.rules.pods import pods_of
from controlplane.generate.rules.roles import role_group
from controlplane.generate.rules.rule import Group
from controlplane.generate.rules.tenants import tenant_rules
from controlplane.generate.text import rules_text
from controlplane.settings.schema import Settings

__all__ = ["rule_files"]


def rule_files(request: Request) -> Mapping[str, str]:
    """Path → text of every file of recording rules."""
    return {path: rules_text(request.source, [group.as_yaml()]) for path, group in _groups(request.settings).items()}


def _groups(settings: Settings) -> Mapping[str, Group]:
    """In the order in which one builds on the other."""
    replicas = sum(role.replicas.max for role in settings.roles.values())
    buckets = settings.rules.keeps_pod_buckets(replicas)
    made = {f"rules/llm-pods-{pods.engine}.yaml": pods.group(buckets=buckets) for pods in pods_of(settings)}
    made["rules/llm-gpus.yaml"] = gpu_group()
    made["rules/llm-roles.yaml"] = role_group(settings, pod_buckets=buckets)
    made["rules/llm-cost.yaml"] = _money(settings)
    return made


def _money(settings: Settings) -> Group:
    weights = settings.cost.weights
    rules = (*node_rules(settings), *role_rules(), *model_rules(weights), *fleet_rules(), *tenant_rules(weights))
    return Group(name="llm-cost", rules=rules)
