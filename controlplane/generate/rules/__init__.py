"""Recording rules: engines' and exporters' own names in, one vocabulary out."""

from collections.abc import Mapping

from controlplane.generate.request import Request
from controlplane.generate.rules.cost import cost_group
from controlplane.generate.rules.pods import pod_group
from controlplane.generate.rules.roles import role_group
from controlplane.generate.text import rules_text

__all__ = ["rule_files"]


def rule_files(request: Request) -> Mapping[str, str]:
    """Path → text of every file of recording rules."""
    settings, source = request.settings, request.source
    engines = sorted({role.engine for role in settings.roles.values()})
    made = {f"rules/llm-pods-{engine}.yaml": rules_text(source, [pod_group(engine).as_yaml()]) for engine in engines}
    groups = [role_group(settings).as_yaml(), cost_group(settings).as_yaml()]
    return {**made, "rules/llm-roles.yaml": rules_text(source, groups)}
