"""Hands where only a real server is proof: a server that hangs, rights that are missing, KEDA's webhook, deaths."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from controlplane.act.cluster import Applied, Cluster, Object
from controlplane.act.gitops import GitOps
from controlplane.act.kubernetes import KubernetesHands
from controlplane.act.scaled_object import LAST_ACTION
from controlplane.clock import SystemClock
from controlplane.model.change import ChangeState
from controlplane.model.keys import MANAGER, ObjectRef
from tests import kube_cluster
from tests.act.contract import LEAST, MOST, carry_out, handed_over, wish
from tests.act.people import People, manifest
from tests.kube.test_hands_contract import connect_to
from tests.kube_api import MERGE, RefusedError
from tests.kube_processes import until

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def people(kube: kube_cluster.Cluster, space: str) -> Iterator[People]:
    everybody = People(connect_to(kube), space)
    yield everybody
    everybody.close()


def hands_over(cluster: Cluster, home: Path) -> KubernetesHands:
    clock = SystemClock()
    return KubernetesHands(cluster, GitOps(home, clock), clock=clock, stopped=lambda: None, fence=lambda: 1)


class Hanging(Cluster):
    """A program of the cluster hangs from the moment a change is sent."""

    def __init__(self, kube: kube_cluster.Cluster, program: str) -> None:
        super().__init__(connect_to(kube), timeout=(1.0, 1.5))
        self.program = kube.processes[program]

    def apply(self, ref: ObjectRef, body: Object, *, rehearse: bool = False) -> Applied:
        if not rehearse:
            self.program.hold()
        return super().apply(ref, body, rehearse=rehearse)


@pytest.mark.parametrize("program", ["kube-apiserver", "etcd"])
def test_c4_a_server_that_hangs_in_the_middle_of_a_write_leaves_it_unknown_and_the_sweep_finds_out(
    kube: kube_cluster.Cluster, people: People, tmp_path: Path, program: str
) -> None:
    handed_over(people, "hangs")
    before = people.read("hangs")["metadata"]["generation"]
    hanging, calm = Hanging(kube, program), Cluster(connect_to(kube))
    try:
        receipt, change = carry_out(hands_over(hanging, tmp_path), wish(people, "hangs", (MOST, 4, 6)))
    finally:
        kube.processes[program].go_on()
    assert receipt.state is ChangeState.UNKNOWN, receipt

    until(lambda: kube.admin.get("/readyz") == "ok", within=30)
    hands = hands_over(calm, tmp_path)
    found = hands.look_up(change) or hands.apply(change)
    assert found.state is ChangeState.APPLIED, found
    there = people.read("hangs")
    assert (there["spec"]["maxReplicaCount"], there["metadata"]["generation"]) == (6, before + 1)
    assert there["metadata"]["annotations"][LAST_ACTION] == change.id
    for cluster in (hanging, calm):
        cluster.close()


@contextlib.contextmanager
def turned_away(kube: kube_cluster.Cluster, space: str, account: str) -> Iterator[None]:
    """The API server has one seat for an account, and it is taken: 429 with Retry-After for everything else.

    Its own priority and fairness; who sits there is a rehearsal that waits for KEDA's webhook, which hangs.
    """
    api = {"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "metadata": {"name": space}}
    one = {"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0}
    level = {"type": "Limited", "limited": {**one, "limitResponse": {"type": "Reject"}}}
    anything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}
    who = {"kind": "ServiceAccount", "serviceAccount": {"name": account.rsplit(":", 1)[1], "namespace": space}}
    flow = {
        "priorityLevelConfiguration": {"name": space},
        "matchingPrecedence": 10,
        "rules": [{"subjects": [who], "resourceRules": [anything]}],
    }
    user, path = kube.user(account), f"/apis/keda.sh/v1alpha1/namespaces/{space}/scaledobjects/busy"
    kube.apply(
        {**api, "kind": "PriorityLevelConfiguration", "spec": level},
        {**api, "kind": "FlowSchema", "spec": flow},
    )

    def seated() -> bool:
        try:
            user.ask("PATCH", f"{path}?dryRun=All", {"spec": {"pollingInterval": 7}}, MERGE, timeout=60)
        except RefusedError as refused:
            return refused.status != 429  # the look beside us had the seat
        return True

    def away() -> bool:
        try:
            return not user.get(path)
        except RefusedError as refused:
            return refused.status == 429

    with kube.paused("keda-webhooks"), ThreadPoolExecutor(1) as chair:
        sitting = chair.submit(until, seated)
        until(lambda: away() or sitting.done(), within=9)
        assert not sitting.done(), "the webhook answered"
        yield
        assert not sitting.done(), "the webhook gave up"
        kube.processes["keda-webhooks"].go_on()
    for kind in ("flowschemas", "prioritylevelconfigurations"):
        kube.admin.delete(f"/apis/flowcontrol.apiserver.k8s.io/v1/{kind}/{space}")


def test_c3_a_server_that_turns_us_away_is_left_alone_for_as_long_as_it_asks(
    kube: kube_cluster.Cluster, people: People, space: str, tmp_path: Path
) -> None:
    account = f"system:serviceaccount:{space}:controlplane"
    kube.allow(space, account, ["get"], "", ["namespaces"])
    kube.allow(space, account, ["get", "patch"], "keda.sh", ["scaledobjects"])
    handed_over(people, "busy")
    hands = hands_over(cluster := Cluster(connect_to(kube, account)), tmp_path)
    with turned_away(kube, space, account):
        receipt, _ = carry_out(hands, wish(people, "busy", (MOST, 4, 6)))
        assert receipt.state is ChangeState.REFUSED and "busy: Too Many Requests" in receipt.said, receipt
        receipt, _ = carry_out(hands, wish(people, "busy", (MOST, 4, 6)))
        assert receipt.state is ChangeState.REFUSED and "asked us to wait for another" in receipt.said, receipt
        assert people.spec("busy")["maxReplicaCount"] == 4
    until(lambda: carry_out(hands, wish(people, "busy", (MOST, 4, 6)))[0].state is ChangeState.APPLIED)
    assert people.spec("busy")["maxReplicaCount"] == 6
    cluster.close()


def test_c5_without_the_right_to_patch_nothing_is_sent_and_with_it_no_other_right_is_needed(
    kube: kube_cluster.Cluster, people: People, space: str, tmp_path: Path
) -> None:
    account = f"system:serviceaccount:{space}:controlplane"
    kube.allow(space, account, ["get"], "keda.sh", ["scaledobjects"])
    handed_over(people, "rights")
    cluster = Cluster(connect_to(kube, account))
    hands = hands_over(cluster, tmp_path)

    receipt, _ = carry_out(hands, wish(people, "rights", (MOST, 4, 6)))
    assert receipt.state is ChangeState.REFUSED and "which counts as stop" in receipt.said
    assert f"we may not get namespaces {space}; to allow it: bind {account} to a Role in {space}" in receipt.said

    kube.allow(space, account, ["get"], "", ["namespaces"])
    receipt, _ = carry_out(hands, wish(people, "rights", (MOST, 4, 6)))
    assert receipt.state is ChangeState.REFUSED
    patch = "{apiGroups: [keda.sh], resources: [scaledobjects], resourceNames: [rights], verbs: [patch]}"
    assert receipt.said.startswith(
        f"we may not patch ScaledObject {space}/rights; to allow it: bind {account} to a Role in {space} "
        f"with the rule {patch}; the API server says: "
    )
    assert 'cannot patch resource "scaledobjects" in API group "keda.sh"' in receipt.said
    assert people.spec("rights")["maxReplicaCount"] == 4

    kube.allow(space, account, ["get", "patch"], "keda.sh", ["scaledobjects"])
    receipt, _ = carry_out(hands, wish(people, "rights", (MOST, 4, 6)))
    assert receipt.state is ChangeState.APPLIED, receipt

    people.delete("rights")
    with pytest.raises(Exception, match=r"(?i)uid|create|not found"):
        cluster.apply(people.ref("rights"), {**manifest("rights"), "metadata": {"name": "rights"}})
    with pytest.raises(Exception, match="404"):
        people.read("rights")
    cluster.close()


def test_c11_what_kedas_webhook_says_is_in_the_receipt(
    kube: kube_cluster.Cluster, people: People, tmp_path: Path
) -> None:
    cluster = Cluster(connect_to(kube))
    hands = hands_over(cluster, tmp_path)
    body = manifest("webhook", 3, 4, idleReplicaCount=1, cooldownPeriod=60)
    people.apply(body)
    people.bounds("webhook", minReplicaCount=3, maxReplicaCount=4)
    people.apply({**body, "spec": {k: v for k, v in body["spec"].items() if "ReplicaCount" not in k or "idle" in k}})

    receipt, _ = carry_out(hands, wish(people, "webhook", (LEAST, 3, 1)))
    assert receipt.state is ChangeState.FAILED, receipt
    assert 'admission webhook "vscaledobject.kb.io" denied the request: ' in receipt.said

    receipt, _ = carry_out(hands, wish(people, "webhook", (MOST, 4, 6)))
    assert receipt.state is ChangeState.APPLIED
    cluster.close()


@pytest.mark.timeout(600)
def test_d4_a_hundred_deaths_around_writes_to_the_real_server(
    kube: kube_cluster.Cluster, space: str, people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--kubeconfig", str(kube.kubeconfig()), "--namespace", space]
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "tests.crash.hands_nursery",
        str(tmp_path),
        "--kills",
        "100",
        *where,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=580)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    with capsys.disabled():
        print(f"\n{done.stdout}")
    assert report["wrong"] == []
    assert report["kills"] >= 100 and report["effects"] > 50
    owners = {e["manager"] for e in people.read("planner")["metadata"]["managedFields"] if e["operation"] == "Apply"}
    assert owners == {"kubectl", MANAGER}
