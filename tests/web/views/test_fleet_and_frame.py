"""The fleet page and what stands around every page, before any markup."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.loop.desk import Health
from controlplane.model.finding import Severity
from controlplane.model.fleet import SourceHealth
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import Mode, ReplicaState
from controlplane.web.views import fleet, frame, totals
from controlplane.web.views.first_start import first_start
from tests.builders import (
    IDLE,
    NOON,
    PLANNER,
    a_calm_role,
    a_cycle,
    a_finding,
    a_fleet,
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
    ("over", "note", "href"),
    [
        pytest.param(0, "none over its allowance", "/sessions?state=active", id="none"),
        pytest.param(1, "1 over its allowance", "/sessions?state=over", id="one"),
        pytest.param(20, "20 over their allowance", "/sessions?state=over", id="many"),
        pytest.param(21, "more than 20 over their allowance", "/sessions?state=over", id="too many to count"),
    ],
)
def test_sessions_are_a_number_with_those_over_their_allowance(over, note, href):
    made = totals.totals(a_cycle(a_fleet()), totals.AtWork(active=1212, over=over))[-1]
    assert (made.label, made.value, made.unit) == ("Sessions", "1,212", "active")
    assert (made.note, made.href, made.known) == (note, href, True)


def test_sessions_nobody_has_told_of_are_unknown_and_not_none():
    silent = SourceHealth(name="sessions", kind="litellm", detail="no call was ever told")
    made = totals.totals(a_cycle(a_fleet(sources=(silent,))), totals.AtWork(active=0, over=0))[-1]
    assert (made.value, made.note, made.known) == ("unknown", "no call was ever told", False)


def test_where_nobody_tells_of_calls_there_is_no_such_number():
    assert "Sessions" not in [t.label for t in totals.totals(a_cycle(a_fleet()))]


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
