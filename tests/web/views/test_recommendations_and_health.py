"""Recommendations, the timeline and the health page, before any markup."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.loop.desk import Health, Lead
from controlplane.model.change import ChangeState, OutcomeState
from controlplane.model.decision import Check, Verdict
from controlplane.model.keys import ObjectRef
from controlplane.model.page import Fault
from controlplane.model.patch import FieldChange, Patch
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Confidence, Level, State
from controlplane.model.right import Right
from controlplane.verify.rights import Lacking
from controlplane.web.views import events, health, recommendation, recommendations
from controlplane.web.views.diff import diff
from tests.builders import (
    NOON,
    a_calm_role,
    a_change_record,
    a_cycle,
    a_decision,
    a_finding_record,
    a_fleet,
    a_patch,
    a_recommendation,
    a_record,
    a_source,
    a_spec,
)


def shown(record=None, *, decision=None, now=NOON, **more):
    usual = {"decisions": (decision,) if decision else (), "findings": (), "changes": (), "past": None, "cycle": None}
    return recommendation.page(record or a_record(), now=now, **{**usual, **more})


def test_an_open_recommendation_can_be_approved_until_it_is_too_old():
    assert (shown().open, shown().expired) == (True, False)
    assert shown(now=NOON + timedelta(minutes=16)).expired
    assert not shown(a_record(state=State.DISMISSED)).open


def test_objections_stand_first_and_those_a_person_answers_are_told_apart():
    checks = (
        Check(guardrail="a", passed=True, said="fine", number=""),
        Check(guardrail="b", passed=False, said="a person approves", number="", answerable=True),
        Check(guardrail="c", passed=False, said="frozen", number="until 8"),
    )
    page = shown(decision=a_decision(verdict=Verdict.HOLD, checks=checks, because="held: frozen"))
    assert [c.sign for c in page.checks] == ["?", "✗", "✓"]
    assert page.agree == "1 of 3 agree, 1 asks you"
    assert page.held == "held: frozen"
    assert any(e.title == "held back" and e.note == "frozen (until 8)" for e in page.history)


def test_the_decision_of_the_last_tick_counts_over_the_stored_one():
    newer = a_decision(because="now", at=NOON)
    older = a_decision(because="then", at=NOON - timedelta(minutes=5))
    page = shown(decision=older, cycle=a_cycle(decisions=(newer,)))
    assert page.verdict_because == "now"


def test_what_is_applied_shows_the_decision_that_applied_it():
    applied = a_decision(verdict=Verdict.APPLY, because="mode is apply and nothing objects", at=NOON)
    again = a_decision(verdict=Verdict.HOLD, because="held: still to show", at=NOON + timedelta(minutes=1), checks=())
    page = shown(
        a_record(state=State.APPLIED),
        decisions=(again, applied),
        changes=(a_change_record(),),
        cycle=a_cycle(decisions=(again,)),
    )
    assert page.verdict_because == "mode is apply and nothing objects"
    assert not any(e.title == "held back" for e in page.history)


def test_what_nobody_but_a_person_can_do_is_advice():
    assert not shown().advice
    assert shown(a_record(a_recommendation(patch=Patch(target=a_patch().target, fields=())))).advice


def test_money_stands_beside_what_is_left_of_the_budget():
    cycle = a_cycle(a_fleet(budget=12.0))
    costs = shown(cycle=cycle).facts[0]
    assert (costs.label, costs.words, costs.note) == ("Costs", "+$5.00/h", "budget left $2.00/h")
    saves = shown(a_record(a_recommendation(dollars=-1.0)), cycle=a_cycle(a_fleet(budget=8.0))).facts[0]
    assert (saves.label, saves.words, saves.note) == ("Saves", "−$1.00/h", "$2.00/h over the budget already")


def test_the_balance_adds_up_and_says_what_has_no_price():
    records = [a_record(a_recommendation(dollars=d)) for d in (5.0, 2.0, -1.0, None)]
    assert recommendations.balance(records) == "saves $1.00/h · costs $7.00/h · 1 without a price"
    assert recommendations.balance([]) == ""


def test_a_doubt_is_said_with_its_reason():
    sure = replace(a_recommendation(), confidence=Confidence(level=Level.HIGH, reasons=("x",)))
    assert recommendations.confidence(sure) == "high confidence"
    assert recommendations.confidence(a_recommendation()) == "medium: data complete for the whole window"


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        pytest.param(
            [("/spec/min", 2, 3), ("/spec/max", 4, 5)],
            ["  spec:", "-   min: 2", "+   min: 3", "-   max: 4", "+   max: 5"],
            id="shared parents once",
        ),
        pytest.param([("/a/b", None, True)], ["  a:", "+   b: true"], id="added"),
        pytest.param([("/a/b", "x: y", None)], ["  a:", "-   b: x: y"], id="removed"),
        pytest.param([("/args/-", None, "--fp8")], ["  args:", "+   - --fp8"], id="behind the last element of a list"),
        pytest.param(
            [("/c/0/x", "1", "2")], ["  c:", "    [0]:", '-     x: "1"', '+     x: "2"'], id="text, not number"
        ),
        pytest.param([("/m/a~1b~0c", 1, 2)], ["  m:", "-   a/b~c: 1", "+   a/b~c: 2"], id="escaped pointer"),
    ],
)
def test_a_patch_reads_like_yaml(fields, lines):
    patch = replace(a_patch(), fields=tuple(FieldChange(path=p, before=b, after=a) for p, b, a in fields))
    assert [line.text for line in diff(patch)] == lines


def test_a_patch_in_few_words():
    three = tuple(FieldChange(path=f"/spec/{k}", before=1, after=2) for k in "abc")
    assert events.fields(a_patch()) == "minReplicaCount 2 → 3"
    assert events.fields(replace(a_patch(), fields=three)) == "a 1 → 2, b 1 → 2 and 1 more"
    assert events.fields(a_patch("/spec/args/-", None, "--x")) == "add --x"
    assert events.fields(a_patch("/spec/args/-", "--x", None)) == "remove --x"
    assert events.fields(a_patch("/spec/args/3", "--x", "--y")) == "--x → --y"


def test_the_timeline_is_newest_first_and_keeps_to_its_range():
    closed = a_finding_record(closed=NOON - timedelta(minutes=1))
    record = a_record(state=State.DISMISSED, reason="not now")
    change = a_change_record(outcome=OutcomeState.WORSE, outcome_at=NOON + timedelta(minutes=5))
    line = events.timeline([closed], [record], [change], since=NOON - timedelta(minutes=3))
    assert [e.kind.value for e in line] == [
        "outcomes",
        "approvals",
        "changes",
        "findings",
        "recommendations",
    ]
    assert "for the 2nd time" in next(iter(events.of_finding(replace(closed, number=2)))).note
    assert "“not now”" in line[1].note


@pytest.mark.parametrize(("n", "words"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")])
def test_ordinals(n, words):
    assert events.ordinal(n) == words


def test_last_changes_tell_their_outcome_where_there_is_one():
    judged, open_ = a_change_record(outcome=OutcomeState.MET), a_change_record()
    assert [e.tag for e in events.last_changes([open_, judged])] == ["applied", "met"]


def trust(cycle=None, **more):
    usual = {"rights": (), "undelivered": None, "tick": timedelta(seconds=15), "now": NOON}
    return health.page(cycle, more.pop("health", Health(last_success={})), (a_spec(),), **{**usual, **more})


def test_health_lists_trouble_first_and_counts_what_is_too_much():
    many = (*(a_source(f"s{n}") for n in range(health.MOST_SOURCES)), a_source("zz", ok=False))
    page = trust(a_cycle(a_fleet(sources=many)))
    assert page.sources[0].name == "zz"
    assert page.sources[0].fix
    assert (page.more, page.trouble) == (1, True)


def test_a_loop_is_late_or_failing_or_fine():
    loops = Health(
        last_success={"tick": NOON - timedelta(minutes=1), "rollup": NOON, "deliver": NOON}, errors={"deliver": "429"}
    )
    states = {x.name.partition(":")[0]: x.state.words for x in trust(health=loops).loops}
    assert states == {"tick": "late", "deliver": "failing", "rollup": "fine"}


@pytest.mark.parametrize(
    ("lead", "words"),
    [
        pytest.param(Lead(here=True, fence=7, since=NOON), "This process leads since 12:00 (fence 7).", id="here"),
        pytest.param(Lead(here=True, fence=7), "This process leads (fence 7).", id="before its first tick"),
        pytest.param(
            Lead(here=False, fence=8, holder="pod-b:1"),
            "Another process leads (pod-b:1, fence 8); this one stands by.",
            id="another",
        ),
        pytest.param(
            Lead(here=False, fence=8),
            "No process is known to lead now (last fence 8); the next to reach the ledger takes over.",
            id="nobody",
        ),
        pytest.param(None, "", id="there can be only one"),
    ],
)
def test_who_leads_is_one_sentence(lead, words):
    assert trust(health=Health(last_success={}, lead=lead)).lead == words


def test_a_missing_right_is_told_with_what_gives_it():
    right = Right(verb="patch", group="keda.sh", resource="scaledobjects", namespace="llm", name="worker")
    one = Lacking(
        target=ObjectRef("ScaledObject", "llm", "worker"),
        right=right,
        said="we may not patch ScaledObject llm/worker; to allow it: kubectl apply -k x; the API server says: no",
        since=NOON - timedelta(minutes=40),
        last=NOON - timedelta(minutes=4),
        times=3,
    )
    (line,) = trust(rights=(one,)).rights
    assert line.words == "may not patch ScaledObject llm/worker"
    assert line.fix == "To allow it: kubectl apply -k x; the API server says: no"
    assert (line.since, line.tried) == ("since 11:20", "3 tries, last 11:56")


def test_a_cluster_that_does_not_let_us_read_is_no_matter_of_a_token():
    cluster = replace(a_source("kubernetes", ok=False), kind="kubernetes", fault=Fault.UNAUTHORISED)
    (line,) = trust(a_cycle(a_fleet(sources=(cluster,)))).sources
    assert "kubectl apply -k manifests/controlplane/overlays/observe" in line.fix
    engine = replace(cluster, kind="engine")
    (line,) = trust(a_cycle(a_fleet(sources=(engine,)))).sources
    assert "bearer_token_file" in line.fix


def test_the_last_changes_leave_out_what_the_server_says_in_its_own_words():
    change = a_change_record(state=ChangeState.REFUSED)
    said = "we may not; to allow it: this; the API server says: much"
    refused = replace(change, receipt=replace(change.receipt, said=said))
    (line,) = events.last_changes([refused])
    assert line.note.endswith("we may not; to allow it: this")
    assert any(said in e.note for e in events.of_change(refused)), "the timeline has all of it"


def test_readings_that_share_a_reason_stand_together():
    role = a_calm_role(
        missing={Reading.ITL_P50: "too few", Reading.ITL_P95: "too few", Reading.QUEUE_P50: "old engine"}
    )
    (blind,) = trust(a_cycle(a_fleet(role))).blind
    assert blind.unknown == (("ITL p50, ITL p95", "too few"), ("queue time p50", "old engine"))
    assert trust(a_cycle()).blind == (), "nothing is missing"
    assert trust(None).blind[0].coverage == "unknown"
