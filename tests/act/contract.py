"""What hands on a cluster promise, and what they rely on: the same tests for the fake and the real API server.

A test is given ``people`` (everybody else at the cluster) and ``hands``; each uses an object of its own.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.act.cluster import Cluster
from controlplane.act.kubernetes import KubernetesHands
from controlplane.act.scaled_object import FENCE, LAST_ACTION, STOP
from controlplane.model.change import Change, ChangeState, Receipt
from controlplane.model.keys import MANAGER
from controlplane.model.patch import FieldChange, Patch
from tests.act.people import People, manifest
from tests.builders import NOON, a_change, a_recommendation

LEAST, MOST = "/spec/minReplicaCount", "/spec/maxReplicaCount"


def wish(people: People, name: str, *fields: tuple[str, Any, Any], id_: str = "chg-1", fence: int = 1) -> Change:
    """A change of some fields, not rehearsed yet."""
    patch = Patch(target=people.ref(name), fields=tuple(FieldChange(path=p, before=b, after=a) for p, b, a in fields))
    return replace(a_change(a_recommendation(patch=patch), id_=f"{id_}-{name}"), fence=fence)


def carry_out(hands: KubernetesHands, change: Change) -> tuple[Receipt, Change]:
    """As the walk does, less the ledger."""
    rehearsal = hands.rehearse(change)
    return rehearsal.refusal or hands.apply(rehearsal.change), rehearsal.change


def handed_over(people: People, name: str, least: int = 2, most: int = 4) -> None:
    """An object whose bounds are ours, as docs/hands.md says: we own them first, then the person's file loses them."""
    people.apply(manifest(name, least, most))
    people.bounds(name, minReplicaCount=least, maxReplicaCount=most)
    people.apply(manifest(name))


def managers(found: dict[str, Any], field: str) -> set[str]:
    return {e["manager"] for e in found["metadata"]["managedFields"] if f"f:{field}" in e["fieldsV1"].get("f:spec", {})}


def test_bounds_that_were_handed_over_are_written_and_signed(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "a1")
    receipt, change = carry_out(hands, wish(people, "a1", (MOST, 4, 6)))
    assert receipt.state is ChangeState.APPLIED, receipt.said
    found = people.read("a1")
    assert (found["spec"]["minReplicaCount"], found["spec"]["maxReplicaCount"]) == (2, 6)
    assert found["metadata"]["annotations"][LAST_ACTION] == change.id
    assert found["metadata"]["annotations"][FENCE] == "1"
    assert managers(found, "maxReplicaCount") == managers(found, "minReplicaCount") == {MANAGER}
    assert hands.look_up(change) is not None


def test_doing_it_again_is_the_same_as_doing_it_once(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "a2")
    _, change = carry_out(hands, wish(people, "a2", (MOST, 4, 6)))
    before = people.written("a2")
    assert hands.apply(change).state is ChangeState.APPLIED
    assert people.written("a2") == before


def test_a_rehearsal_changes_nothing(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "a3")
    before = people.written("a3")
    rehearsal = hands.rehearse(wish(people, "a3", (MOST, 4, 6)))
    assert rehearsal.refusal is None
    assert rehearsal.change.bound is not None and rehearsal.change.bound.uid == before[0]
    assert people.written("a3") == before


def test_a_bound_nobody_named_may_be_set_and_its_undo_takes_it_out_again(
    people: People, hands: KubernetesHands
) -> None:
    people.apply(manifest("a4", 1))
    receipt, change = carry_out(hands, wish(people, "a4", (MOST, 100, 8)))
    assert receipt.state is ChangeState.APPLIED, receipt.said
    assert people.spec("a4")["maxReplicaCount"] == 8
    assert change.undo.fields == (FieldChange(path=MOST, before=8, after=None),)

    back = replace(a_change(a_recommendation(patch=change.undo), id_="chg-2-a4"), fence=1)
    receipt, _ = carry_out(hands, back)
    assert receipt.state is ChangeState.APPLIED, receipt.said
    assert "maxReplicaCount" not in people.spec("a4")
    assert people.spec("a4") == manifest("a4", 1)["spec"]


def test_an_undo_restores_exactly_what_was_there_and_keeps_the_other_bound(
    people: People, hands: KubernetesHands
) -> None:
    handed_over(people, "a5")
    before = people.spec("a5")
    _, change = carry_out(hands, wish(people, "a5", (MOST, 4, 6)))
    back = replace(a_change(a_recommendation(patch=change.undo), id_="chg-2-a5"), fence=1)
    receipt, _ = carry_out(hands, back)
    assert receipt.state is ChangeState.APPLIED, receipt.said
    assert people.spec("a5") == before


def test_c2_a_field_of_somebody_else_stays_theirs_and_becomes_a_patch_file(
    people: People, hands: KubernetesHands, patches: Path
) -> None:
    people.apply(manifest("c2", 2, 4), "argocd-controller")
    before = people.written("c2")
    receipt, change = carry_out(hands, wish(people, "c2", (MOST, 4, 6)))
    assert receipt.state is ChangeState.CONFLICT
    assert 'conflict with "argocd-controller"' in receipt.said and ".spec.maxReplicaCount" in receipt.said
    assert "ignoreDifferences" in receipt.said and "managedFieldsManagers: [llm-controlplane]" in receipt.said
    file = patches / people.namespace / "scaledobject-c2.yaml"
    assert receipt.where == str(file) and yaml.safe_load(file.read_text())["spec"] == {"maxReplicaCount": 6}
    assert people.written("c2") == before
    found = hands.look_up(change)
    assert found is not None and found.state is ChangeState.CONFLICT


def test_a_field_we_share_is_let_go_when_it_cannot_be_changed(people: People, hands: KubernetesHands) -> None:
    people.apply(manifest("c2b", 2, 4))
    people.bounds("c2b", minReplicaCount=2, maxReplicaCount=4)
    assert managers(people.read("c2b"), "maxReplicaCount") == {"kubectl", MANAGER}
    receipt, _ = carry_out(hands, wish(people, "c2b", (MOST, 4, 6)))
    assert receipt.state is ChangeState.CONFLICT
    assert managers(people.read("c2b"), "maxReplicaCount") == {"kubectl"}
    assert people.spec("c2b") == manifest("c2b", 2, 4)["spec"]
    people.apply(manifest("c2b", 2, 5))  # and their next apply is no conflict


def test_c1_a_spec_that_moved_after_the_rehearsal_is_decided_anew(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "c1")
    rehearsal = hands.rehearse(wish(people, "c1", (MOST, 4, 6)))
    people.edit("c1", {"spec": {"pollingInterval": 7}})
    receipt = hands.apply(rehearsal.change)
    assert (receipt.state, receipt.said) == (ChangeState.SUPERSEDED, "its spec has changed since the decision")
    assert people.spec("c1")["maxReplicaCount"] == 4


def test_c1_a_version_that_moved_alone_is_read_again_and_written(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "c1b")
    rehearsal = hands.rehearse(wish(people, "c1b", (MOST, 4, 6)))
    people.edit("c1b", {"metadata": {"annotations": {"someone": "else"}}})
    receipt = hands.apply(rehearsal.change)
    assert receipt.state is ChangeState.APPLIED, receipt.said
    assert people.read("c1b")["metadata"]["annotations"]["someone"] == "else"


def test_a_value_that_is_not_what_the_decision_saw_supersedes_it(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "i2", 2, 5)
    receipt, _ = carry_out(hands, wish(people, "i2", (MOST, 4, 6)))
    assert (receipt.state, receipt.said) == (ChangeState.SUPERSEDED, f"{MOST} is 5, the decision saw 4")


def test_c7_an_object_that_was_deleted_is_not_made_again(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "c7")
    rehearsal = hands.rehearse(wish(people, "c7", (MOST, 4, 6)))
    people.delete("c7")
    assert hands.apply(rehearsal.change).state is ChangeState.SUPERSEDED
    with pytest.raises(Exception, match="404"):
        people.read("c7")


def test_c7_an_object_of_the_same_name_is_another_object(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "c7b")
    rehearsal = hands.rehearse(wish(people, "c7b", (MOST, 4, 6)))
    people.delete("c7b")
    handed_over(people, "c7b")
    receipt = hands.apply(rehearsal.change)
    assert (receipt.state, receipt.said) == (ChangeState.SUPERSEDED, "it was deleted and made again")
    assert people.spec("c7b")["maxReplicaCount"] == 4


def test_c7_the_server_itself_refuses_to_make_what_the_body_names_by_uid(people: People, cluster: Cluster) -> None:
    """The last fence: even a write that was read before the deletion cannot create the object."""
    handed_over(people, "c7c")
    found = people.read("c7c")
    people.delete("c7c")
    body = {**manifest("c7c"), "metadata": {"name": "c7c", "uid": found["metadata"]["uid"]}}
    with pytest.raises(Exception, match=r"(?i)uid"):
        cluster.apply(people.ref("c7c"), body)
    with pytest.raises(Exception, match="404"):
        people.read("c7c")


def test_c8_a_person_who_sets_another_value_is_noticed_by_name_and_left_alone(
    people: People, hands: KubernetesHands
) -> None:
    handed_over(people, "c8")
    _, change = carry_out(hands, wish(people, "c8", (MOST, 4, 6)))
    assert hands.reverted(change) is None
    people.edit("c8", {"spec": {"maxReplicaCount": 3}})
    receipt = hands.reverted(change)
    assert receipt is not None and receipt.state is ChangeState.REVERTED
    assert f"{MOST} is 3, set by kubectl-edit (Update, " in receipt.said
    assert people.spec("c8")["maxReplicaCount"] == 3


def test_c9_a_gitops_tool_that_writes_its_own_value_again_gets_a_patch_file(
    people: People, hands: KubernetesHands, patches: Path
) -> None:
    handed_over(people, "c9")
    _, change = carry_out(hands, wish(people, "c9", (MOST, 4, 6)))
    people.apply(manifest("c9", 2, 4), "argocd-controller", force=True)
    receipt = hands.reverted(change)
    assert receipt is not None and receipt.state is ChangeState.REVERTED
    assert "Argo CD's argocd-controller (Apply, " in receipt.said and "ignoreDifferences" in receipt.said
    assert receipt.where == str(patches / people.namespace / "scaledobject-c9.yaml")


def test_c13_a_paused_object_is_left_paused_and_alone(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "c13")
    people.annotate("c13", **{"autoscaling.keda.sh/paused-replicas": "2"})
    receipt, _ = carry_out(hands, wish(people, "c13", (MOST, 4, 6)))
    assert receipt.state is ChangeState.REFUSED
    assert "paused-replicas" in receipt.said
    assert people.spec("c13")["maxReplicaCount"] == 4
    assert people.read("c13")["metadata"]["annotations"]["autoscaling.keda.sh/paused-replicas"] == "2"


def test_an_annotation_on_the_object_stops_us_even_after_the_rehearsal(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "k1")
    rehearsal = hands.rehearse(wish(people, "k1", (MOST, 4, 6)))
    people.annotate("k1", **{STOP: "true"})
    receipt = hands.apply(rehearsal.change)
    assert receipt.state is ChangeState.REFUSED and STOP in receipt.said
    people.annotate("k1", **{STOP: None})
    assert hands.apply(rehearsal.change).state is ChangeState.APPLIED


def test_an_annotation_on_the_namespace_stops_us_even_after_the_rehearsal(
    people: People, hands: KubernetesHands
) -> None:
    handed_over(people, "k2")
    rehearsal = hands.rehearse(wish(people, "k2", (MOST, 4, 6)))
    people.annotate_namespace(STOP, "true")
    receipt = hands.apply(rehearsal.change)
    people.annotate_namespace(STOP, None)
    assert receipt.state is ChangeState.REFUSED and f"namespace {people.namespace}" in receipt.said
    assert people.spec("k2")["maxReplicaCount"] == 4


def test_what_a_later_leader_has_written_an_earlier_one_does_not_touch(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "f1")
    people.annotate("f1", **{FENCE: "7"})
    receipt, _ = carry_out(hands, wish(people, "f1", (MOST, 4, 6)))
    assert receipt.state is ChangeState.REFUSED and "later lead (7, ours is 1)" in receipt.said


def test_an_object_applied_whole_under_our_name_is_refused_with_the_cure(
    people: People, hands: KubernetesHands
) -> None:
    people.apply(manifest("o1", 2, 4), MANAGER)
    receipt, _ = carry_out(hands, wish(people, "o1", (MOST, 4, 6)))
    assert receipt.state is ChangeState.REFUSED
    assert "/spec/triggers" in receipt.said and "docs/hands.md" in receipt.said
    assert people.spec("o1") == manifest("o1", 2, 4)["spec"]


def test_a_change_that_is_given_up_can_never_take_effect_any_more(
    people: People, hands: KubernetesHands, cluster: Cluster
) -> None:
    """A paused leader has read the object and is about to send; another one gives the change up meanwhile."""
    handed_over(people, "g1")
    rehearsal = hands.rehearse(wish(people, "g1", (MOST, 4, 6)))
    found = cluster.read(people.ref("g1"))
    assert found is not None
    late = hands._body(found, rehearsal.change)

    receipt = hands.abandon(rehearsal.change, "too old", NOON)

    assert receipt is not None and (receipt.state, receipt.said) == (ChangeState.SUPERSEDED, "never sent: too old")
    with pytest.raises(Exception, match=r"(?i)modified|precondition"):
        cluster.apply(people.ref("g1"), late)
    assert people.spec("g1")["maxReplicaCount"] == 4


def test_what_is_in_effect_cannot_be_given_up(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "g2")
    _, change = carry_out(hands, wish(people, "g2", (MOST, 4, 6)))
    receipt = hands.abandon(change, "too old", NOON)
    assert receipt is not None and receipt.state is ChangeState.APPLIED


def test_both_bounds_at_once(people: People, hands: KubernetesHands) -> None:
    handed_over(people, "b1")
    receipt, _ = carry_out(hands, wish(people, "b1", (LEAST, 2, 3), (MOST, 4, 6)))
    assert receipt.state is ChangeState.APPLIED, receipt.said
    assert (people.spec("b1")["minReplicaCount"], people.spec("b1")["maxReplicaCount"]) == (3, 6)


def test_c11_what_the_schema_or_a_webhook_refuses_is_said_verbatim_and_final(
    people: People, hands: KubernetesHands
) -> None:
    handed_over(people, "c11")
    receipt, _ = carry_out(hands, wish(people, "c11", (LEAST, 2, 9)))
    assert receipt.state is ChangeState.FAILED
    assert "invalid" in receipt.said or "denied" in receipt.said
    assert people.spec("c11")["minReplicaCount"] == 2


def test_trigger_edits_go_to_the_patch_file_and_never_to_the_cluster(
    people: People, hands: KubernetesHands, patches: Path
) -> None:
    handed_over(people, "t1")
    before = people.written("t1")
    change = wish(people, "t1", ("/spec/triggers/0/metadata/threshold", "5", "8"))
    receipt, _ = carry_out(hands, change)
    assert receipt.state is ChangeState.APPLIED
    assert receipt.where == str(patches / people.namespace / "scaledobject-t1.json6902.yaml")
    assert people.written("t1") == before
    assert hands.reverted(change) is None
