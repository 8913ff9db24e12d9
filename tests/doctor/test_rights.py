"""A right that is missing is one row with what gives it, for the account that lacks it."""

import pytest
import yaml

from controlplane.doctor import rights
from controlplane.doctor.rights import Needed
from controlplane.model.finding import Severity
from controlplane.model.right import ACCOUNT, CHANGING, READING, Right

PATCH = Right(verb="patch", group="keda.sh", resource="scaledobjects", namespace="llm", name="worker")
GET = Right(verb="get", group="keda.sh", resource="scaledobjects", namespace="llm", name="worker")
STOP = Right(verb="get", resource="namespaces", namespace="llm", name="llm")
LIST = Right(verb="list", resource="pods", namespace="llm")
WATCH = Right(verb="watch", resource="pods", namespace="llm")
NODES = Right(verb="list", resource="nodes")


def hands(*needed: Right) -> list[Needed]:
    return [Needed(right=right, changing=True) for right in needed]


def eyes(*needed: Right) -> list[Needed]:
    return [Needed(right=right, changing=False) for right in needed]


def test_the_generated_account_is_given_what_it_lacks_by_the_generated_roles() -> None:
    changing, reading = rights.check([*hands(PATCH), *eyes(LIST)], ACCOUNT)
    assert (changing.check, changing.severity, changing.fix) == ("rights-changing", Severity.CRITICAL, CHANGING)
    assert changing.said == "may not patch ScaledObject llm/worker: every change of it is refused"
    assert changing.evidence == ("kubectl auth can-i patch scaledobjects.keda.sh/worker -n llm = no",)
    assert (reading.check, reading.severity, reading.fix) == ("rights-reading", Severity.WARNING, READING)
    assert reading.said.startswith("may not list pods in llm: ")


def test_any_other_account_is_given_exactly_what_it_lacks() -> None:
    (row,) = rights.check(hands(GET, PATCH), "ada")
    role, binding = yaml.safe_load_all(row.fix)
    assert row.subject == "ada"
    assert role["rules"] == [
        {
            "apiGroups": ["keda.sh"],
            "resources": ["scaledobjects"],
            "resourceNames": ["worker"],
            "verbs": ["get", "patch"],
        }
    ]
    assert binding["subjects"] == [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ada"}]
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == binding["metadata"]["name"]
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == "llm"


def test_what_belongs_to_the_whole_cluster_takes_a_cluster_role() -> None:
    (row,) = rights.check(eyes(NODES), "ada")
    role, binding = yaml.safe_load_all(row.fix)
    assert (role["kind"], binding["kind"], binding["roleRef"]["kind"]) == (
        "ClusterRole", "ClusterRoleBinding", "ClusterRole",
    )  # fmt: skip
    assert "namespace" not in role["metadata"]
    assert row.severity is Severity.INFO


@pytest.mark.parametrize("name", ['"}], x: [{"', "a\nkind: Secret", "üñï", "#", "*"])
def test_a_hostile_name_of_an_account_stays_a_name(name: str) -> None:
    (row,) = rights.check(hands(PATCH), name)
    _, binding = yaml.safe_load_all(row.fix)
    assert binding["subjects"][0]["name"] == name


def test_without_watch_alone_lists_are_asked_for_which_is_mild() -> None:
    (row,) = rights.check(eyes(WATCH), "ada")
    assert row.severity is Severity.INFO
    (row,) = rights.check(eyes(LIST, WATCH), "ada")
    assert (row.severity, row.said.partition(":")[0]) == (Severity.WARNING, "may not list, watch pods in llm")


def test_a_namespace_that_cannot_be_read_is_a_stop() -> None:
    (row,) = rights.check(hands(STOP), "ada")
    assert row.said == (
        "may not get namespaces llm: whether somebody has stopped us there is not known, which counts as stop"
    )


def test_an_account_that_lacks_nothing_is_a_fact_and_no_row() -> None:
    wanted = [*hands(PATCH), *eyes(LIST)]
    assert rights.check([], "ada") == ()
    assert rights.fact(wanted, [], "ada") == ("Account", "ada; has 2 of the 2 rights it takes")
