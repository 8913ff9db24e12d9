"""Generated manifests: the control plane may read what fleet.yaml names, change nothing, and run as nobody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.errors import SettingsError
from controlplane.generate.output import files
from controlplane.settings.load import examine, load_with_lines

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def objects(fleet: str, kind: str | None = None, part: str = "base") -> Iterator[dict[str, Any]]:
    path = EXAMPLES / f"{fleet}.yaml"
    for name, text in files(load_with_lines(path), path.read_text(encoding="utf-8")).items():
        if name.startswith(f"manifests/controlplane/{part}/"):
            for document in yaml.safe_load_all(text):
                if kind in {None, document["kind"]}:
                    yield document


def only(kind: str) -> dict[str, Any]:
    (found,) = objects("reference-fleet", kind)
    return found


def rights(fleet: str, overlay: str = "base") -> dict[str, list[dict[str, Any]]]:
    """Rules by namespace."""
    return {o["metadata"]["namespace"]: o["rules"] for o in objects(fleet, "Role", overlay)}


def test_rights_are_to_read_in_the_namespaces_the_fleet_names() -> None:
    roles = rights("mixed-fleet")
    assert sorted(roles) == ["llm-batch", "llm-planner", "llm-workers", "ray"]
    for rules in roles.values():
        for rule in rules:
            assert rule["verbs"] == ["get", "list", "watch"]
            assert "secrets" not in rule["resources"]
            assert "*" not in rule["resources"] + rule["apiGroups"]


def test_across_the_cluster_only_nodes_are_read() -> None:
    (role,) = objects("mixed-fleet", "ClusterRole")
    assert role["rules"] == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]}]


def test_the_apply_overlay_adds_patch_on_named_objects_and_nothing_else() -> None:
    for rules in rights("reference-fleet", "overlays/apply").values():
        assert rules == [
            {
                "apiGroups": ["keda.sh"],
                "resources": ["scaledobjects"],
                "resourceNames": ["planner", "worker"],
                "verbs": ["patch"],
            },
            {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["llm"], "verbs": ["get"]},
        ]


def test_every_file_is_listed_and_the_overlays_stand_on_the_base() -> None:
    path = EXAMPLES / "reference-fleet.yaml"
    made = files(load_with_lines(path), path.read_text(encoding="utf-8"))
    root = "manifests/controlplane/"
    for folder in ("base", "overlays/observe", "overlays/apply"):
        there = {n.rsplit("/", 1)[1] for n in made if n.rsplit("/", 1)[0] == root + folder} - {"kustomization.yaml"}
        listed = yaml.safe_load(made[f"{root}{folder}/kustomization.yaml"])["resources"]
        assert set(listed) - {"../../base"} == there
        assert ("../../base" in listed) is (folder != "base")


def test_on_postgresql_two_share_the_ledger_and_one_may_go_at_a_time() -> None:
    text = (EXAMPLES / "reference-fleet.yaml").read_text(encoding="utf-8")
    text += "store: {url: postgresql://fleet@db.llm:5433/fleet}\n"
    made = files(examine(text.encode(), file="/etc/f.yaml", folder=Path("/etc")), text)
    (deployment,) = yaml.safe_load_all(made["manifests/controlplane/base/deployment.yaml"])
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]["type"]) == (2, "RollingUpdate")
    (budget,) = yaml.safe_load_all(made["manifests/controlplane/base/disruption.yaml"])
    assert budget["spec"]["maxUnavailable"] == 1
    (policy,) = yaml.safe_load_all(made["manifests/controlplane/base/network.yaml"])
    assert {p["port"] for p in policy["spec"]["egress"][1]["ports"]} == {443, 5433, 6443, 9090}


def test_a_namespace_gets_rights_to_the_kinds_its_roles_use() -> None:
    (planner,) = (o for o in objects("mixed-fleet", "Role") if o["metadata"]["namespace"] == "llm-planner")
    resources = {r for rule in planner["rules"] for r in rule["resources"]}
    assert resources == {"pods", "horizontalpodautoscalers", "statefulsets", "scaledobjects"}


def test_the_pod_is_restricted_and_holds_one_ledger() -> None:
    deployment = only("Deployment")["spec"]
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (1, "Recreate")
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    labels = only("Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_two_probes_ask_different_things() -> None:
    (container,) = only("Deployment")["spec"]["template"]["spec"]["containers"]
    paths = {container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")}
    assert paths == {"/healthz", "/readyz"}


def test_fleet_yaml_travels_whole_and_a_change_restarts_the_pod() -> None:
    text = (EXAMPLES / "reference-fleet.yaml").read_text(encoding="utf-8")
    assert only("ConfigMap")["data"]["fleet.yaml"] == text
    loaded = load_with_lines(EXAMPLES / "reference-fleet.yaml")
    before, after = (files(loaded, t)["manifests/controlplane/base/deployment.yaml"] for t in (text, text + "# more\n"))
    assert before != after


def test_secret_files_are_mounted_by_folder_so_that_they_can_be_renewed() -> None:
    pod = only("Deployment")["spec"]["template"]["spec"]
    (volume,) = (v for v in pod["volumes"] if "secret" in v)
    assert volume["secret"]["items"] == [
        {"key": "serve-token", "path": "token"},
        {"key": "sessions-token", "path": "sessions"},
        {"key": "slack-webhook-url", "path": "slack"},
    ]
    (mount,) = (m for m in pod["containers"][0]["volumeMounts"] if m["name"] == volume["name"])
    assert mount == {"name": volume["name"], "mountPath": "/run/secrets/controlplane", "readOnly": True}


def test_a_secret_beside_other_things_does_not_hide_them() -> None:
    """The service account's token lies under /run/secrets; the ledger lies in the working folder."""
    text = (EXAMPLES / "reference-fleet.yaml").read_text(encoding="utf-8")
    text = text.replace("/run/secrets/controlplane/slack", "/run/secrets/slack")
    text = text.replace("/run/secrets/controlplane/token", "token")
    made = files(examine(text.encode(), file="/etc/f.yaml", folder=Path("/etc")), text)
    documents = yaml.safe_load_all(made["manifests/controlplane/base/deployment.yaml"])
    (deployment,) = (d for d in documents if d["kind"] == "Deployment")
    mounts = deployment["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert [(m["mountPath"], m.get("subPath")) for m in mounts if m["name"].startswith("secrets-")] == [
        ("/run/secrets/slack", "slack"),
        ("/run/secrets/controlplane", None),
        ("/var/lib/controlplane/token", "token"),
    ]


def test_the_token_of_each_person_is_mounted_where_fleet_yaml_says() -> None:
    text = (EXAMPLES / "reference-fleet.yaml").read_text(encoding="utf-8")
    shared = "token_file: /run/secrets/controlplane/token"
    people = (
        "{anna: {token_file: /run/secrets/people/anna, may: administer}, bob.k: {token_file: people/bob, may: look}}"
    )
    assert shared in text
    text = text.replace(shared, f"people: {people}")
    made = files(examine(text.encode(), file="/etc/f.yaml", folder=Path("/etc")), text)
    documents = yaml.safe_load_all(made["manifests/controlplane/base/deployment.yaml"])
    (pod,) = (d["spec"]["template"]["spec"] for d in documents if d["kind"] == "Deployment")
    items = {v["name"]: v["secret"]["items"] for v in pod["volumes"] if "secret" in v}
    places = {m["mountPath"]: items[m["name"]] for m in pod["containers"][0]["volumeMounts"] if m["name"] in items}
    assert places["/run/secrets/people"] == [{"key": "person-anna", "path": "anna"}]
    assert places["/var/lib/controlplane/people"] == [{"key": "person-bob.k", "path": "bob"}]


def test_no_secret_is_generated() -> None:
    assert not list(objects("mixed-fleet", "Secret"))


def test_a_fleet_without_a_cluster_gets_no_manifests() -> None:
    assert not list(objects("laptop"))


def test_a_service_nobody_could_reach_is_refused_with_the_fix() -> None:
    text = (
        "fleet: f\nsources: {kubernetes: {in_cluster: true}}\n"
        "roles:\n  a: {model: {name: m}, pods: {namespace: llm, selector: app=a}}\n"
    )
    with pytest.raises(SettingsError, match=r"cannot be reached inside a pod.*token_file"):
        files(examine(text.encode()), text)
