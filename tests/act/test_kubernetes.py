"""Hands on the fake API server: the whole contract, and what only a fake can be made to do."""

import pytest

from controlplane.act.cluster import Cluster
from controlplane.act.kubernetes import KubernetesHands
from controlplane.model.change import ChangeState
from controlplane.model.keys import MANAGER
from controlplane.model.right import ACCOUNT, Right
from tests.act.against_a_reverter import test_c9_against_a_tool  # noqa: F401  a test of the contract
from tests.act.api import Api, Fault
from tests.act.contract import *  # noqa: F403  the contract, run here against the fake
from tests.act.contract import MOST, carry_out, handed_over, wish
from tests.act.people import People
from tests.builders import NOON


def test_c11_what_a_webhook_warns_of_is_kept_in_the_receipt(people: People, hands: KubernetesHands, api: Api) -> None:
    handed_over(people, "w1")
    api.warns = ('cooldownPeriod is set and does \\"nothing\\"', "another")
    receipt, change = carry_out(hands, wish(people, "w1", (MOST, 4, 6)))
    assert receipt.state is ChangeState.APPLIED
    assert receipt.said.endswith('warned: cooldownPeriod is set and does "nothing"; warned: another')
    assert change.bound is not None and change.bound.said.startswith("cooldownPeriod")


def test_c11_a_webhook_that_denies_is_heard_at_the_rehearsal(people: People, hands: KubernetesHands, api: Api) -> None:
    handed_over(people, "w2")
    api.admission = lambda _object: "the workload \x1b[31mis managed\nby somebody"
    receipt, _ = carry_out(hands, wish(people, "w2", (MOST, 4, 6)))
    assert receipt.state is ChangeState.FAILED
    assert 'admission webhook "vscaledobject.kb.io" denied the request: the workload' in receipt.said
    assert "\x1b" not in receipt.said and "\n" not in receipt.said


def test_c1_an_object_that_moves_under_our_hands_is_tried_three_times(
    people: People, hands: KubernetesHands, api: Api
) -> None:
    handed_over(people, "m1")
    key = (people.namespace, "m1")
    api.faults = [Fault("PATCH", then=lambda: api.touch_status(key), times=2)]
    receipt, _ = carry_out(hands, wish(people, "m1", (MOST, 4, 6)))
    assert receipt.state is ChangeState.APPLIED

    api.faults = [Fault("PATCH", then=lambda: api.touch_status(key), times=3)]
    receipt, _ = carry_out(hands, wish(people, "m1", (MOST, 6, 8), id_="chg-2"))
    assert receipt.state is ChangeState.SUPERSEDED and "moved 3 times" in receipt.said
    assert people.spec("m1")["maxReplicaCount"] == 6


@pytest.mark.parametrize("status", [500, 503, 504])
def test_c4_after_an_error_of_the_server_the_outcome_is_unknown(
    people: People, hands: KubernetesHands, api: Api, status: int
) -> None:
    handed_over(people, "u1")
    api.faults = [Fault("PATCH", status=status)]
    receipt, change = carry_out(hands, wish(people, "u1", (MOST, 4, 6)))
    assert receipt.state is ChangeState.UNKNOWN
    assert hands.look_up(change) is None


def test_c4_an_answer_that_was_lost_is_found_in_the_object(people: People, hands: KubernetesHands, api: Api) -> None:
    handed_over(people, "u2")
    api.faults = [Fault("PATCH", lose="after")]
    receipt, change = carry_out(hands, wish(people, "u2", (MOST, 4, 6)))
    assert receipt.state is ChangeState.UNKNOWN
    found = hands.look_up(change)
    assert found is not None and found.state is ChangeState.APPLIED
    assert len([w for w in api.writes if w["id"] == change.id]) == 1


def test_c4_a_request_that_was_lost_is_sent_again_with_the_same_id(
    people: People, hands: KubernetesHands, api: Api
) -> None:
    handed_over(people, "u3")
    api.faults = [Fault("PATCH", lose="before")]
    receipt, change = carry_out(hands, wish(people, "u3", (MOST, 4, 6)))
    assert receipt.state is ChangeState.UNKNOWN
    assert hands.look_up(change) is None
    assert hands.apply(change).state is ChangeState.APPLIED


def test_c4_a_rehearsal_nobody_answers_has_sent_nothing(people: People, hands: KubernetesHands, api: Api) -> None:
    handed_over(people, "u4")
    api.faults = [Fault("DRYRUN", lose="before")]
    assert carry_out(hands, wish(people, "u4", (MOST, 4, 6)))[0].state is ChangeState.REFUSED


def test_c3_a_busy_server_is_left_alone_for_as_long_as_it_asks(
    people: People, hands: KubernetesHands, api: Api
) -> None:
    handed_over(people, "r1")
    api.faults = [Fault("DRYRUN", status=429, headers={"Retry-After": "7"})]
    receipt, _ = carry_out(hands, wish(people, "r1", (MOST, 4, 6)))
    assert receipt.state is ChangeState.REFUSED and "busy" in receipt.said
    receipt, _ = carry_out(hands, wish(people, "r1", (MOST, 4, 6)))
    assert receipt.state is ChangeState.REFUSED and "another 7 s" in receipt.said
    assert people.spec("r1")["maxReplicaCount"] == 4


def test_c5_what_we_may_not_patch_is_refused_in_the_server_s_words(
    people: People, hands: KubernetesHands, api: Api
) -> None:
    handed_over(people, "p1")
    api.forbidden.add("p1")
    receipt, _ = carry_out(hands, wish(people, "p1", (MOST, 4, 6)))
    assert receipt.state is ChangeState.REFUSED and "cannot patch" in receipt.said


@pytest.mark.parametrize(
    ("user", "fix"),
    [
        pytest.param(ACCOUNT, "kubectl apply -k manifests/controlplane/overlays/apply", id="the generated account"),
        pytest.param(
            "ada@example.com",
            "bind ada@example.com to a Role in llm with the rule "
            "{apiGroups: [keda.sh], resources: [scaledobjects], resourceNames: [p9], verbs: [patch]}",
            id="a kubeconfig's user",
        ),
        pytest.param("a; rm -rf /", "kubectl apply -k manifests/controlplane/overlays/apply", id="no name at all"),
    ],
)
def test_c5_which_right_is_missing_and_what_gives_it_come_first(
    people: People, hands: KubernetesHands, api: Api, user: str, fix: str
) -> None:
    handed_over(people, "p9")
    api.forbidden.add("p9")
    api.user = user
    receipt, _ = carry_out(hands, wish(people, "p9", (MOST, 4, 6)))
    assert receipt.said.startswith(f"we may not patch ScaledObject llm/p9; to allow it: {fix}; the API server says: ")
    assert receipt.lacks == Right(verb="patch", group="keda.sh", resource="scaledobjects", namespace="llm", name="p9")


def test_a_refusal_that_is_no_missing_right_names_none(people: People, hands: KubernetesHands, api: Api) -> None:
    handed_over(people, "p8")
    api.admission = lambda _object: "not on Fridays"
    receipt, _ = carry_out(hands, wish(people, "p8", (MOST, 4, 6)))
    assert (receipt.state, receipt.lacks) == (ChangeState.FAILED, None)


def test_c5_a_token_that_ran_out_is_read_anew(people: People, url: str, api: Api) -> None:
    from controlplane.act.gitops import GitOps
    from tests.act.people import client_of
    from tests.act.still import Still

    connected: list[int] = []

    def connect() -> object:
        connected.append(1)
        return client_of(url)()

    handed_over(people, "p2")
    cluster = Cluster(connect)
    hands = KubernetesHands(cluster, GitOps(__file__, Still()), clock=Still(), stopped=lambda: None)  # type: ignore[arg-type]
    api.faults = [Fault("GET", status=401)]
    assert carry_out(hands, wish(people, "p2", (MOST, 4, 6)))[0].state is ChangeState.REFUSED
    assert carry_out(hands, wish(people, "p2", (MOST, 4, 6)))[0].state is ChangeState.APPLIED
    assert len(connected) == 2
    cluster.close()


def test_nobody_there_is_a_refusal_not_a_mistake(hands: KubernetesHands, people: People) -> None:
    from tests.act.people import client_of
    from tests.act.still import Still

    gone = Cluster(client_of("http://127.0.0.1:1"))
    alone = KubernetesHands(gone, hands._patches, clock=Still(), stopped=lambda: None)
    receipt, _ = carry_out(alone, wish(people, "n1", (MOST, 4, 6)))
    assert receipt.state is ChangeState.REFUSED and "cannot be reached" in receipt.said


def test_while_stopped_a_change_that_may_be_on_its_way_stays_open(
    people: People, cluster: Cluster, hands: KubernetesHands
) -> None:
    from tests.act.still import Still

    handed_over(people, "s1")
    rehearsal = hands.rehearse(wish(people, "s1", (MOST, 4, 6)))
    before = people.read("s1")
    stopped = KubernetesHands(cluster, hands._patches, clock=Still(), stopped=lambda: "incident", fence=lambda: 1)
    assert stopped.abandon(rehearsal.change, "the kill switch is on", NOON) is None
    assert people.read("s1") == before


def test_giving_up_an_object_that_moves_meanwhile_looks_again(people: People, hands: KubernetesHands, api: Api) -> None:
    handed_over(people, "m2")
    rehearsal = hands.rehearse(wish(people, "m2", (MOST, 4, 6)))
    api.faults = [Fault("PATCH", then=lambda: api.touch_status((people.namespace, "m2")))]
    receipt = hands.abandon(rehearsal.change, "too old", NOON)
    assert receipt is not None and receipt.state is ChangeState.SUPERSEDED


def test_a_change_that_lands_while_it_is_given_up_is_found_applied(
    people: People, cluster: Cluster, hands: KubernetesHands, api: Api
) -> None:
    """Its request was on its way all the time, and arrives between our look and our write."""
    handed_over(people, "m3")
    change = hands.rehearse(wish(people, "m3", (MOST, 4, 6))).change
    found = cluster.read(people.ref("m3"))
    assert found is not None
    late = hands._body(found, change)

    def arrives() -> None:
        api.apply((people.namespace, "m3"), late, {"fieldManager": MANAGER})

    api.faults = [Fault("PATCH", then=arrives)]
    receipt = hands.abandon(change, "too old", NOON)
    assert receipt is not None and receipt.state is ChangeState.APPLIED


def test_c7_an_object_that_is_deleted_between_our_look_and_our_write_is_not_made_again(
    people: People, hands: KubernetesHands, api: Api
) -> None:
    handed_over(people, "d1")
    change = hands.rehearse(wish(people, "d1", (MOST, 4, 6))).change
    api.faults = [Fault("PATCH", then=api.objects.clear)]
    assert hands.apply(change).state is ChangeState.SUPERSEDED
    assert api.objects == {}


def test_a_status_that_moves_during_the_rehearsal_does_not_matter(
    people: People, hands: KubernetesHands, api: Api
) -> None:
    handed_over(people, "d2")
    api.faults = [Fault("DRYRUN", then=lambda: api.touch_status((people.namespace, "d2")))]
    assert carry_out(hands, wish(people, "d2", (MOST, 4, 6)))[0].state is ChangeState.APPLIED
