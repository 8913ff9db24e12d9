"""Rule files as ``PrometheusRule`` objects, for the Prometheus operator.

The trap: the operator's Prometheus loads only objects that its ``ruleSelector`` picks, and says nothing of the
others. So the labels are a setting, every file says so, and ``controlplane doctor`` compares the two.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from controlplane.generate.request import Request
from controlplane.generate.text import yaml_text


def prometheus_rules(request: Request, made: Mapping[str, str]) -> Mapping[str, str]:
    """One object per rule file; its groups are the file's, to the letter."""
    files = {}
    for path, text in made.items():
        if not path.startswith("rules/"):
            continue
        name = PurePosixPath(path).stem
        groups: Any = yaml.load(text, yaml.CSafeLoader)["groups"]
        rule = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": operator_metadata(request, name),
            "spec": {"groups": groups},
        }
        files[f"manifests/monitoring/rules-{name}.yaml"] = yaml_text(request.source, rule, note=trap("rule"))
    return files


def operator_metadata(request: Request, name: str) -> Mapping[str, object]:
    """Metadata of an object for the Prometheus operator: it must carry the labels its selectors ask for."""
    monitoring = request.settings.generate.monitoring
    labels = {"app.kubernetes.io/part-of": "llm-controlplane", **monitoring.labels}
    return {"name": name, "namespace": monitoring.namespace, "labels": dict(sorted(labels.items()))}


def trap(kind: str) -> str:
    """What stands in every file for the operator: why it may be ignored, and how to see."""
    picks = f"{kind[0].lower()}{kind[1:]}"
    columns = f'{{range .items[*]}}{{.metadata.name}}: {{.spec.{picks}Selector}}{{"\\n"}}{{end}}'
    return f"""\
Loaded only by a Prometheus whose {picks}Selector picks these labels, and whose {picks}NamespaceSelector
picks this namespace. kube-prometheus-stack asks for `release: <the name it was installed under>` and ignores
everything else without a word. See what yours asks for:
  kubectl get prometheus -A -o jsonpath='{columns}'
The labels come from generate.monitoring.labels; `controlplane doctor` names one that does not match."""
