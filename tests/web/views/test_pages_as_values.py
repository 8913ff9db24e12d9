"""What each page is going to show, before any markup."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.loop.desk import Health
from controlplane.model.change import OutcomeState
from controlplane.model.decision import Check, Verdict
from controlplane.model.finding import Severity
from controlplane.model.limit import Limit
from controlplane.model.patch import FieldChange, Patch
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Confidence, Level, State
from controlplane.model.role import Mode, ReplicaState
from controlplane.web.views import events, fleet, frame, health, recommendation, recommendations, totals
from controlplane.web.views.diff import diff
from controlplane.web.views.first_start import first_start
from tests.builders import (
    IDLE,
    NOON,
    PLANNER,
    a_calm_role,
    a_change_record,
    a_cycle,
    a_decision,
    a_finding,
    a_finding_record,
    a_fleet,
    a_patch,
    a_recommendation,
    a_record,
    a_replica,
    a_role,
    a_source,
    a_spec,
    ticking,
)

LIMITS = {PLANNER: (Limit(reading=Reading.KV_USAGE, comparison=">", value=0.9, words="no headroom"),)}


def row(role, **cycle):
    (made,) = fleet.rows((role.spec,), a_cycle(a_fleet(role), **cycle), LIMITS, text="", sort="")
    return made


def total(label, *roles, **cycle):
    made = totals.totals(a_cycle(a_fleet(*roles, budget=32.0), **cycle))
    return next(t for t in made if t.label.startswith(label))


@pytest.mark.parametrize(
    ("role", "cycle", "words", "tone"),
    [
        pytest.param(a_calm_role(), {}, "fine", "ok", id="calm"),
        pytest.param(a_calm_role(pending=1), {}, "scaling", "warn", id="a replica is coming"),
        pytest.param(a_role(ready=None, replicas=()), {}, "unknown", "", id="nothing known"),
        pytest.param(a_calm_role(), {"findings": (a_finding(),)}, "queue", "warn", id="a finding"),
        pytest.param(
            a_calm_role(),
            {"findings": (a_finding(), a_finding("kv-pressure", severity=Severity.CRITICAL))},
            "KV, queue",
            "bad",
            id="worst first",
        ),
        pytest.param(
            a_calm_role(),
            {"findings": tuple(a_finding(d) for d in ("a", "b", "c"))},
            "a +2",
            "warn",
            id="many are counted",
        ),
        pytest.param(
            a_calm_role(**IDLE),
            {"findings": (a_finding("low-utilisation", severity=Severity.INFO),)},
            "idle",
            "idle",
            id="idle",
        ),
        pytest.param(a_calm_role(), {"unsure": ("kv-pressure:planner",)}, "KV?", "", id="unsure is not fine"),
    ],
)
def test_the_state_of_a_role_in_a_word(role, cycle, words, tone):
    (tag,) = row(role, **cycle).tags
    assert (tag.words, tag.tone) == (words, tone)


def test_pips_show_ready_starting_and_still_allowed_and_many_are_only_counted():
    assert row(a_calm_role(a_spec(most=4), ready=2, pending=1)).pips == fleet.Pips(ready=2, pending=1, open=1)
    assert row(a_calm_role(a_spec(most=40))).pips is None
    assert row(a_role(ready=None, replicas=())).pips is None


def test_over_the_limit_is_hot_and_unknown_is_neither():
    assert row(a_calm_role(kv_usage=0.95)).kv_tone == "hot"
    assert row(a_calm_role(kv_usage=0.05)).kv_tone == "low"
    assert row(a_calm_role(kv_usage=None)).kv_tone == ""
    assert row(a_calm_role(kv_usage=None)).kv_percent is None


def test_sorting_puts_the_unknown_last_both_ways_round():
    views = [a_calm_role(a_spec(name), kv_usage=kv) for name, kv in (("a", 0.2), ("b", None), ("c", 0.8))]
    cycle, specs = a_cycle(a_fleet(*views)), tuple(v.spec for v in views)
    order = lambda sort: [r.name for r in fleet.rows(specs, cycle, {}, text="", sort=sort)]  # noqa: E731
    assert order("kv") == ["a", "c", "b"]
    assert order("-kv") == ["c", "a", "b"]
    assert order("-role") == ["c", "b", "a"]
    assert order("nonsense") == ["a", "b", "c"]


def test_half_a_bill_is_not_a_bill():
    both = total("Spend", a_calm_role(a_spec("a")), a_calm_role(a_spec("b")))
    assert (both.value, both.note) == ("$20.00", "budget $32.00 · 62 %")
    half = total("Spend", a_calm_role(a_spec("a")), a_calm_role(a_spec("b"), dollars_per_hour=None))
    assert (half.value, half.known, half.note) == ("unknown", False, "spend of b unknown")


def test_a_blended_cost_needs_all_tokens_and_some_tokens():
    assert total("Blended", a_calm_role()).value == "$0.60"
    assert total("Blended", a_calm_role(output_tokens=None)).note == "tokens of planner unknown"
    assert total("Blended", a_calm_role(prompt_tokens=0.0, output_tokens=0.0)).note == "no tokens flow"


def test_objectives_count_only_ticks_at_which_something_was_known():
    role = a_calm_role(ttft_p95=ticking(None, 1.0, 3.0, 1.0), itl_p95=None)
    met = total("Objectives", role)
    assert (met.value, met.note) == ("66.67", "1 role is within now")
    assert total("Objectives", a_calm_role(ttft_p95=3.0)).note == "planner TTFT p95 3 s against 2 s"
    assert total("Objectives", a_calm_role(ttft_p95=None, itl_p95=None)).note == "no latency is known"
    assert total("Objectives", a_calm_role(a_spec(ttft=None, itl=None))).note == "no role has an objective"


def test_idle_money_is_what_the_findings_say_or_unknown():
    idle = replace(a_finding("low-utilisation"), dollars_per_hour=1.0)
    assert total("Idle", a_calm_role(), findings=(idle,)).note == "10.0 % of spend · $730 a month"
    assert total("Idle", a_calm_role()).note == "nothing idles"
    assert not total("Idle", a_calm_role(), findings=(a_finding("low-utilisation"),)).known


def test_replicas_that_do_not_answer_are_said():
    role = a_calm_role(replicas=(a_replica(), a_replica(number=1, state=ReplicaState.LOST)))
    assert total("Replicas", role).note == "1 not answering"


def around(cycle, **more):
    usual = {
        "fleet": "f",
        "roles": (a_spec(),),
        "tick": timedelta(seconds=15),
        "stop": None,
        "health": Health(last_success={}),
        "waiting": 0,
        "note": "",
        "path": "/",
        "user": "local",
        "now": NOON,
    }
    return frame.frame(cycle=cycle, **{**usual, **more})


def test_a_replica_that_is_starting_is_no_alarm():
    role = a_calm_role(replicas=(a_replica(), a_replica(number=1, state=ReplicaState.STARTING)))
    sources = (a_source("planner-0"), a_source("planner-1", ok=False))
    seen = around(a_cycle(a_fleet(role, sources=sources)))
    assert (seen.bars, seen.targets, seen.fresh) == ((), "1 of 2 targets, 1 starting", True)
    lost = around(a_cycle(a_fleet(a_calm_role(), sources=sources)))
    assert (len(lost.bars), lost.fresh) == (1, False)


def test_nothing_read_is_not_fresh():
    assert not around(None).fresh
    assert not around(a_cycle(a_fleet(sources=()))).fresh


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", "Fleet"),
        ("/roles/x", "Fleet"),
        ("/recommendations", "Recommendations"),
        ("/recommendations/abc", "Recommendations"),
        ("/activity", "Activity"),
        ("/gallery", None),
    ],
)
def test_exactly_one_place_in_the_navigation_is_current(path, words):
    current = [item.words for item in around(None, path=path).nav if item.current]
    assert current == ([words] if words else [])


def test_the_ladder_of_trust_in_a_word_or_counted():
    assert frame.modes((a_spec(), a_spec("b"))) == "propose"
    assert frame.modes((a_spec(), a_spec("b", mode=Mode.APPLY), a_spec("c"))) == "2 propose · 1 apply"


def test_first_start_ends_as_soon_as_one_role_has_been_read():
    assert first_start((a_spec(),), None, timedelta(seconds=15)) is not None
    assert first_start((a_spec(),), a_cycle(), timedelta(seconds=15)) is None


@pytest.mark.parametrize(
    ("sources", "state", "lines"),
    [
        pytest.param((), "no source", "targets: [http://HOST:8000/metrics]", id="nobody said where"),
        pytest.param((a_source(ok=False),), "connection refused", "", id="refused"),
        pytest.param((a_source(ok=False, role=None),), "connection refused", "", id="Prometheus is down"),
        pytest.param((a_source(),), "no readings yet", "", id="one page is no rate"),
    ],
)
def test_first_start_names_the_reason_per_role(sources, state, lines):
    blind = a_role(ready=None, replicas=())
    (missing,) = first_start((blind.spec,), a_cycle(a_fleet(blind, sources=sources)), timedelta(seconds=15)).roles
    assert missing.state.words == state
    assert lines in missing.lines


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
    usual = {"undelivered": None, "tick": timedelta(seconds=15), "now": NOON}
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


def test_readings_that_share_a_reason_stand_together():
    role = a_calm_role(
        missing={Reading.ITL_P50: "too few", Reading.ITL_P95: "too few", Reading.QUEUE_P50: "old engine"}
    )
    (blind,) = trust(a_cycle(a_fleet(role))).blind
    assert blind.unknown == (("ITL p50, ITL p95", "too few"), ("queue time p50", "old engine"))
    assert trust(a_cycle()).blind == (), "nothing is missing"
    assert trust(None).blind[0].coverage == "unknown"
