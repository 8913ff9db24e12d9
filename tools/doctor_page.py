"""``docs/doctor.md``, written from the code: what ``controlplane doctor`` looks for, why it bites, what cures it."""

import re

from controlplane.doctor.check import Check
from controlplane.doctor.checks import CHECKS

HEAD = """# What the doctor looks for

Generated from `controlplane/doctor/`; do not edit. To write it anew: `make artifacts`

`controlplane doctor` reads what is deployed and says what is wrong, why, and what cures it. It changes nothing.

```
controlplane doctor fleet.yaml                           # its Prometheus, its cluster
controlplane doctor fleet.yaml --prometheus URL          # another Prometheus
controlplane doctor manifests/ more.yaml                 # Kubernetes objects in files and folders
kubectl get scaledobjects -A -o yaml | controlplane doctor -
```

It ends with status 1 from severity *warning* on (`--fail-on critical`, `info` or `never` move that), with 2 when
nothing could be looked at. `-o json` prints everything, with the evidence of each row. What could not be looked at is
said, and is no success.

**Whose rights.** What the account may do is asked of the API server itself, for the account the doctor connects with:
let it use the context that fleet.yaml names, or run it in the pod. Where fleet.yaml says `in_cluster: true` and it is
run from outside (`--context`, `--kubeconfig`), it asks about the service account of the generated manifests, which
takes the right to create `subjectaccessreviews`. Reading takes `list` and `watch`; `hands: {mode: kubernetes}` takes
`get` and `patch` on each ScaledObject of the roles in `propose` and `apply`, and `get` on its namespace.

**The `release` trap.** The Prometheus operator loads a PrometheusRule, PodMonitor or ServiceMonitor only when a
selector of the Prometheus object picks its labels and its namespace, and says nothing about the others. The chart
kube-prometheus-stack selects `release: NAME`, where NAME is what it was installed under. Objects written by
`controlplane generate` carry `generate.monitoring.labels`, by default `release: kube-prometheus-stack`; where the
cluster may be read, `operator-label` names the label that does not match and the one that is asked for.
"""


def markdown() -> str:
    """The whole page."""
    parts = [HEAD]
    for about, checks in CHECKS.items():
        parts += [
            f"\n## {about}\n",
            "| check | severity | what is looked for | why | what cures it |",
            "|---|---|---|---|---|",
        ]
        parts += [_line(check) for check in sorted(checks, key=lambda check: check.id)]
    return "\n".join(parts) + "\n"


def _line(check: Check) -> str:
    words = (_cell(text) for text in (check.title, check.why, check.fix))
    return f"| `{check.id}` | {check.severity} | {' | '.join(words)} |"


def _cell(text: str) -> str:
    """Prose in a table: on one line, with its bars escaped."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
