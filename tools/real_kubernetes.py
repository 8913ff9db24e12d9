"""Kubernetes and KEDA for the tests: which programs, which versions, and the files that belong to them.

Measured on 2 cores, cold: etcd 25 s, the three of Kubernetes 288 s, kwok 73 s, the three of KEDA 339 s, and
40 s to download it all: 13 minutes. The next time they lie in the cache.
"""

import shutil
from pathlib import Path

from tools.real_go import GoProgram

KUBERNETES, KEDA, ETCD, KWOK = "1.36.2", "2.20.2", "3.7.1", "0.8.0"
SAYS = "-X k8s.io/component-base/version."
KUBERNETES_SAYS = f"{SAYS}gitVersion=v{KUBERNETES} {SAYS}gitMajor=1 {SAYS}gitMinor=36"

STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)
"""What kwok acts: it has no stages of its own."""


def _take_stages(module: Path, home: Path) -> None:
    texts = [(module / "kustomize" / "stage" / stage).read_text() for stage in STAGES]
    (home / "stages.yaml").write_text("\n---\n".join(texts))


def _take_definitions(module: Path, home: Path) -> None:
    crds = home / "crds"
    crds.mkdir(exist_ok=True)
    for definition in (module / "config" / "crd" / "bases").glob("*.yaml"):
        shutil.copyfile(definition, crds / definition.name)


def _of_kubernetes(name: str) -> GoProgram:
    return GoProgram(name, "k8s.io/kubernetes", KUBERNETES, f"cmd/{name}", "kube", KUBERNETES_SAYS)


def _of_keda(name: str) -> GoProgram:
    module = "github.com/kedacore/keda/v2"
    return GoProgram(f"keda-{name}", module, KEDA, f"cmd/{name}", "keda", along=_take_definitions)


PROGRAMS = (
    GoProgram("etcd", "go.etcd.io/etcd/server/v3", ETCD, "", "etcd"),
    _of_kubernetes("kube-apiserver"),
    _of_kubernetes("kube-controller-manager"),
    _of_kubernetes("kube-scheduler"),
    GoProgram("kwok", "sigs.k8s.io/kwok", KWOK, "cmd/kwok", "kwok", along=_take_stages),
    _of_keda("operator"),
    _of_keda("adapter"),
    _of_keda("webhooks"),
)
"""All of a cluster, in the order it is built."""
