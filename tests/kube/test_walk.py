"""The whole walk on a real Kubernetes with the real KEDA: found, recommended, approved, written, scaled, verified.

Two roles in one fleet: the planner's changes a person approves over the API; the worker's are made without asking,
and the one that harms is taken back. The service is ours as it is, with the rights and the admission policy that we
generate; its time runs faster than life. Only what engines say is acted.
"""

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controlplane.clock import FastClock
from controlplane.generate.manifests import admission, rights
from controlplane.generate.manifests.things import NAME, NAMESPACE, SERVICE_ACCOUNT
from controlplane.settings.load import load
from controlplane.wiring import build
from tests import kube_objects as objects
from tests.kube.acted_engines import IDLE, Doing, Engines, Pod, serve
from tests.kube_cluster import Cluster
from tests.kube_processes import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

SPEED = 20
SPACE = "whole-walk"
FLEET = """
fleet: walk
sources:
  kubernetes: {{context: {context}}}
  scrape_interval: 10s
  dcgm: ["http://127.0.0.1:{port}/dcgm"]
tick: 10s
prices: {{h100-sxm-80gb: 3.20}}
roles:
  planner: {{mode: propose, {role}}}
  worker: {{mode: apply, {worker}}}
detectors:
  low-utilisation: {{patience: 3m}}
  queue-buildup: {{patience: 1m}}
recommenders:
  release-idle: {{settle: 3m}}
guardrails:
  learning: {{span: 0s}}
  fresh-data: {{tighten_window: 3m}}
  cooldown: {{tighten: 2m, loosen: 1m}}
  blast-radius: {{changes: 10, gpus: 40}}
hands: {{mode: kubernetes, directory: {folder}/patches}}
store: {{url: "sqlite:///{folder}/ledger.db"}}
serve: {{port: 0}}
"""


def a_role(name: str, port: int) -> str:
    return (
        f"model: {{name: acted}}, gpus: {{type: h100-sxm-80gb}}, replicas: {{min: 1, max: 4}}, "
        f"slo: {{ttft_p95: 2.5s}}, scaled_object: {SPACE}/{name}, workload: {SPACE}/{name}, "
        f"pods: {{namespace: {SPACE}, selector: app={name}, port: {port}}}"
    )


def crowd(ready: int) -> Doing:
    """33 callers; a replica serves eight at once."""
    each = 33 / max(1, ready)
    return Doing(running=min(8, each), waiting=max(0, each - 8), ttft=0.2, busy=0.7, finishes=4)


def idle_until_one_is_missing(ready: int) -> Doing:
    """Looks idle, and is not: with one replica the callers wait six seconds."""
    return IDLE if ready >= 2 else Doing(running=8, waiting=9, ttft=6, busy=0.9, finishes=4)


@dataclass
class Play:
    """The running service and the cluster it looks after."""

    kube: Cluster
    url: str
    engines: Engines

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}api/v1/{path}", timeout=10) as reply:
            return json.load(reply)

    def post(self, path: str, body: object) -> Any:
        headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
        request = urllib.request.Request(f"{self.url}api/v1/{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def scaled_object(self, name: str) -> Any:
        return self.kube.admin.get(f"/apis/keda.sh/v1alpha1/namespaces/{SPACE}/scaledobjects/{name}")

    def replicas(self, name: str) -> int:
        return int(self.kube.admin.get(f"/apis/apps/v1/namespaces/{SPACE}/deployments/{name}")["spec"]["replicas"])

    def open(self, role: str) -> Any:
        asked = [r for r in self.get(f"recommendations?role={role}") if r["state"] == "open"]
        return asked[0] if asked else None

    def changes(self, role: str) -> list[Any]:
        """Oldest first."""
        return list(reversed(self.get(f"changes?role={role}")))

    def judged(self, role: str, number: int) -> Any:
        changes = self.changes(role)
        return changes[number]["outcome"] if len(changes) > number else None

    def until(self, look: Callable[[], Any], within: float = 30) -> Any:
        return until(look, within=within, why=self.story)

    def story(self) -> str:
        """What the service has seen and done, for the message of a test that waits in vain."""
        parts = ("fleet", "findings", "recommendations", "decisions", "changes")
        return "\n".join(f"{part}: {json.dumps(self.get(part))[:3000]}" for part in parts)


@pytest.fixture(scope="module")
def play(kube: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    folder = tmp_path_factory.mktemp("walk")
    kube.namespace(SPACE)
    kube.namespace(NAMESPACE)
    clock = FastClock(SPEED)
    engines = Engines(clock, SPACE, _Pods(kube).ready, {"planner": crowd, "worker": idle_until_one_is_missing})
    with ExitStack() as stack:
        port = stack.enter_context(serve(engines))
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("KUBECONFIG", str(kube.kubeconfig(SERVICE_ACCOUNT)))
        context = _context(kube.kubeconfig(SERVICE_ACCOUNT))
        text = FLEET.format(
            context=context, port=port, folder=folder, role=a_role("planner", port), worker=a_role("worker", port)
        )
        file = Path(folder / "fleet.yaml")
        file.write_text(text)
        settings = load(file)
        kube.apply(rights.account(), *rights.reading(settings), *rights.changing(settings))
        kube.apply(*admission.admission(settings))
        for name, least, most, wished in (("planner", 2, 2, 5), ("worker", 2, 4, 1)):
            _scaled(kube, name, least, most)
            kube.metrics.set("wished", wished, namespace=SPACE, role=name)
        until(lambda: {name: _ready(kube, name) for name in ("planner", "worker")} == {"planner": 2, "worker": 2})
        service = build(settings, clock=clock)
        told: list[str] = []
        ready = threading.Event()

        def say(url: str) -> None:
            told.append(url)
            ready.set()

        thread = threading.Thread(target=service.serve, kwargs={"ready": say}, name="service")
        thread.start()
        stack.callback(thread.join, 30)
        stack.callback(service.stop)
        assert ready.wait(60)
        yield Play(kube, told[0], engines)
    kube.admin.delete(f"/api/v1/namespaces/{SPACE}")
    for kind in ("validatingadmissionpolicies", "validatingadmissionpolicybindings"):
        kube.admin.delete(f"/apis/admissionregistration.k8s.io/v1/{kind}/{NAME}")


class _Pods:
    """Ready pods of the namespace, read at most five times a second."""

    def __init__(self, kube: Cluster) -> None:
        self._kube = kube
        self._clock = FastClock(1)
        self._at = -1.0
        self._known: list[Pod] = []
        self._lock = threading.Lock()

    def ready(self) -> list[Pod]:
        with self._lock:
            now = self._clock.monotonic()
            if now - self._at > 0.2:
                found = self._kube.admin.get(f"/api/v1/namespaces/{SPACE}/pods")["items"]
                self._known = [
                    Pod(p["metadata"]["name"], p["metadata"]["labels"]["app"], p["status"]["podIP"])
                    for p in found
                    if any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"].get("conditions", []))
                    and "deletionTimestamp" not in p["metadata"]
                ]
                self._at = now
            return self._known


def _ready(kube: Cluster, name: str) -> int:
    status = kube.admin.get(f"/apis/apps/v1/namespaces/{SPACE}/deployments/{name}")["status"]
    return int(status.get("readyReplicas", 0))


def _context(kubeconfig: Path) -> str:
    import yaml

    return str(yaml.safe_load(kubeconfig.read_text())["current-context"])


def _scaled(kube: Cluster, name: str, least: int, most: int) -> None:
    """A ScaledObject of a team that leaves the bounds to us."""
    query = f'wished{{namespace="{SPACE}",role="{name}"}}'
    document = objects.scaled_object(SPACE, name, query, prometheus=kube.prometheus_url)
    bounds = {"minReplicaCount": least, "maxReplicaCount": most}
    head = {key: document[key] for key in ("apiVersion", "kind", "metadata")}
    rest = {key: value for key, value in document["spec"].items() if key not in bounds}
    kube.apply(objects.deployment(SPACE, name))
    kube.admin.apply(document | {"spec": rest | bounds}, manager="first")
    kube.admin.apply(head | {"spec": bounds}, manager="llm-controlplane")
    kube.admin.apply(document | {"spec": rest}, manager="first")


def test_load_rises_a_person_approves_keda_scales_and_the_outcome_is_met(play: Play):
    asked = play.until(lambda: play.open("planner"))
    assert any("queue-buildup" in finding["id"] for finding in play.get("findings?role=planner"))
    play.until(lambda: play.replicas("planner") == 2)
    play.post(f"recommendations/{asked['id']}/approve", {"version": asked["version"]})
    play.until(lambda: play.scaled_object("planner")["spec"]["maxReplicaCount"] == 3)
    play.until(lambda: play.replicas("planner") == 3)
    outcome = play.until(lambda: play.judged("planner", 0), within=150)
    assert outcome["state"] == "met", f"{outcome} {play.story()}"


def test_what_harms_is_taken_back_by_itself_and_the_spec_is_exactly_what_it_was(play: Play):
    before = {**play.scaled_object("worker")["spec"], "minReplicaCount": 2}
    outcome = play.until(lambda: play.judged("worker", 0), within=150)
    assert outcome["state"] == "worse", f"{outcome} {play.story()}"
    play.until(lambda: len(play.changes("worker")) >= 2)
    play.until(lambda: play.scaled_object("worker")["spec"] == before)
    play.until(lambda: play.replicas("worker") == 2)
    released, taken_back = play.changes("worker")[:2]
    assert (released["kind"], taken_back["kind"]) == ("release-replicas", "undo")


def test_when_nobody_asks_any_more_a_person_lets_it_shrink(play: Play):
    play.engines.behaves["planner"] = lambda ready: IDLE
    play.kube.metrics.set("wished", 1, namespace=SPACE, role="planner")
    play.until(lambda: play.replicas("planner") == 2)
    asked = play.until(lambda: play.open("planner"), within=120)
    play.post(f"recommendations/{asked['id']}/approve", {"version": asked["version"]})
    play.until(lambda: play.scaled_object("planner")["spec"]["minReplicaCount"] == 1)
    play.until(lambda: play.replicas("planner") == 1)
    outcome = play.until(lambda: play.judged("planner", 1), within=150)
    assert outcome["state"] == "met", f"{outcome} {play.story()}"
