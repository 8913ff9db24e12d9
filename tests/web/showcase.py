"""The fleet of the sketches, with a day behind it: what the browser tests open and people look at."""

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from controlplane.loop.desk import Desk, Health, Lead
from controlplane.model.belief import RoleBeliefs, Start
from controlplane.model.change import Change, ChangeRecord, ChangeState, Outcome, OutcomeState, Receipt
from controlplane.model.cycle import Cycle
from controlplane.model.decision import Check, Decision, Verdict
from controlplane.model.finding import Evidence, Finding, FindingRecord, Severity
from controlplane.model.fleet import Fleet, SourceHealth
from controlplane.model.history import RoleHistory
from controlplane.model.keys import ChangeId, FindingId, ObjectRef, ReplicaKey
from controlplane.model.limit import Limit
from controlplane.model.page import Fault
from controlplane.model.patch import FieldChange, Patch
from controlplane.model.recommendation import (
    Confidence,
    Direction,
    Effect,
    Kind,
    Level,
    Recommendation,
    RecommendationRecord,
    Risk,
    State,
)
from controlplane.model.right import ACCOUNT, CHANGING, Right, cure
from tests.builders import a_recommendation, an_expectation
from tests.web.fake_sessions import a_book, the_sessions
from tests.web.fakes import FakeLedger, a_desk
from tests.web.showcase_roles import (
    CODER,
    EMBEDDER,
    HOUR,
    MINUTE,
    NOW,
    PLANNER,
    RERANKER,
    ROLES,
    STEP,
    R,
    a_query,
    lived,
    seen,
)


def proof(question: str, reading: R, value: float, limit: float, minutes: float) -> Evidence:
    return Evidence(
        question=question,
        reading=reading,
        value=value,
        unit=reading.unit,
        limit=limit,
        comparison=">",
        since=NOW - minutes * MINUTE,
        query=a_query(reading, PLANNER),
    )


QUEUE = Finding(
    detector="queue-buildup",
    role=PLANNER.name,
    severity=Severity.WARNING,
    since=NOW - 18 * MINUTE,
    summary="more than 5 requests wait per replica",
    evidence=(
        proof("How many requests wait per ready replica?", R.WAITING_PER_REPLICA, 7.4, 5, 18),
        proof("Is the first token late?", R.TTFT_P95, 3.1, 2, 16),
    ),
)
KV = Finding(
    detector="kv-pressure",
    role=PLANNER.name,
    severity=Severity.CRITICAL,
    since=NOW - 21 * MINUTE,
    summary="the KV cache is over 90 % full and requests wait",
    evidence=(proof("How full is the KV cache?", R.KV_USAGE, 0.94, 0.9, 21),),
)
IDLE = Finding(
    detector="low-utilisation",
    role=EMBEDDER.name,
    severity=Severity.INFO,
    since=NOW - timedelta(days=1, hours=2),
    summary="hardly used for 26 h: under 10 % by every signal",
    dollars_per_hour=1.88,
)
OLD = replace(QUEUE, role=CODER.name, since=NOW - 5 * HOUR)

RAISE = Recommendation(
    kind=Kind.RAISE_REPLICAS,
    role=PLANNER.name,
    title="Raise planner from 2 to 3 replicas",
    because=(
        "Since 13:52 more than 5 requests wait per replica and the KV cache is over 90 %; TTFT p95 is 3.1 s, not 2 s.",
        "A replica takes 3 min 40 s to start here (p90 of the last 12 starts).",
        "With three, TTFT p95 should be under 2 s by 14:16.",
    ),
    findings=(FindingId("queue-buildup:planner"), FindingId("kv-pressure:planner")),
    evidence=(
        *QUEUE.evidence[:1],
        *KV.evidence,
        proof("How often is a sequence thrown out?", R.PREEMPTIONS, 0.8, 0.1, 15),
        *QUEUE.evidence[1:],
    ),
    patch=Patch(
        target=ObjectRef("ScaledObject", "llm", "planner"),
        fields=(FieldChange(path="/spec/minReplicaCount", before=2, after=3),),
    ),
    direction=Direction.LOOSEN,
    effect=Effect(dollars_per_hour=5.0, words="one more replica takes 3 min 40 s to start"),
    confidence=Confidence(level=Level.HIGH, reasons=("4 signals agree", "12 starts seen")),
    risk=Risk(level=Level.LOW, if_done="one more replica", if_not="the month's TTFT budget is gone by 17:40"),
    expectation=replace(an_expectation(), reading=R.TTFT_P95, limit=2.0, baseline=3.1),
)
RELEASE = replace(
    a_recommendation("embedder", kind=Kind.RELEASE_REPLICAS, dollars=-1.0),
    title="Release one idle replica of embedder",
    findings=(FindingId("low-utilisation:embedder"),),
    because=("Both replicas have been under 10 % busy since yesterday 12:10.",),
    direction=Direction.TIGHTEN,
    confidence=Confidence(level=Level.MEDIUM, reasons=("GPU activity is a coarse signal",)),
)
FLAGS = replace(
    a_recommendation(
        kind=Kind.ENGINE_FLAGS,
        dollars=0.0,
        title="FP8 KV cache for planner",
        patch=Patch(
            target=ObjectRef("Deployment", "llm", "planner"),
            fields=(
                FieldChange(
                    path="/spec/template/spec/containers/0/args/5",
                    before="--kv-cache-dtype=auto",
                    after="--kv-cache-dtype=fp8",
                ),
            ),
        ),
    ),
    findings=(FindingId("kv-pressure:planner"),),
    because=("The KV cache was over 90 % for 41 min today; at FP8 it holds about twice as many tokens.",),
)


def waiting(x: Recommendation, minutes: float) -> RecommendationRecord:
    return RecommendationRecord(
        recommendation=x, number=1, state=State.OPEN, opened=NOW - minutes * MINUTE, seen=NOW, version=1
    )


def changed(
    name: str, before: int, after: int, minutes: float, *, outcome: OutcomeState | None = None, said: str = ""
) -> ChangeRecord:
    patch = Patch(
        target=ObjectRef("ScaledObject", "llm", name),
        fields=(FieldChange(path="/spec/minReplicaCount", before=before, after=after),),
    )
    x = replace(a_recommendation(name, patch=patch), title=f"Run {after} replicas of {name}")
    at = NOW - minutes * MINUTE
    decision = Decision(recommendation=x, verdict=Verdict.APPLY, checks=(), at=at, because="mode is apply")
    change = Change(id=ChangeId(f"chg-{name}-{minutes:g}"), decision=decision.id, recommendation=x, at=at)
    return ChangeRecord(
        change=change,
        receipt=Receipt(change=change.id, state=ChangeState.APPLIED, at=at, said="patch file written"),
        outcome=Outcome(change=change.id, role=x.role, state=outcome, at=at + 10 * MINUTE, measured=0.8, said=said)
        if outcome
        else None,
    )


def refused(name: str, before: int, after: int, minutes: float) -> ChangeRecord:
    """A change that the API server did not let us make."""
    record = changed(name, before, after, minutes)
    right = Right(verb="patch", group="keda.sh", resource="scaledobjects", namespace="llm", name=name)
    theirs = f'scaledobjects.keda.sh "{name}" is forbidden: User "{ACCOUNT}" cannot patch resource "scaledobjects"'
    said = f"we may not {right}; to allow it: {cure(right, ACCOUNT, CHANGING)}; the API server says: {theirs}"
    receipt = Receipt(change=record.change.id, state=ChangeState.REFUSED, at=record.change.at, said=said, lacks=right)
    return replace(record, receipt=receipt)


CHECKS = (
    Check(guardrail="freshness", passed=True, said="Data is fresh and complete", number="6 s, 2 of 2"),
    Check(guardrail="bounds", passed=True, said="Within bounds", number="3 ≤ 4"),
    Check(guardrail="step-limit", passed=True, said="Step", number="+1 ≤ +2"),
    Check(guardrail="cooldown", passed=True, said="Cooldown", number="2 h 11 min ago"),
    Check(guardrail="budget", passed=True, said="Budget", number="$31.81 ≤ $32.00"),
    Check(guardrail="freeze", passed=True, said="No freeze", number=""),
    Check(guardrail="kill-switch", passed=True, said="Changes are not stopped", number=""),
    Check(guardrail="reversal", passed=True, said="Does not take back a recent change", number="1 h"),
)

LIMITS = {
    spec.name: (
        Limit(reading=R.WAITING_PER_REPLICA, comparison=">", value=5.0, words="limit"),
        Limit(reading=R.KV_USAGE_MAX, comparison=">", value=0.9, words="no headroom"),
        Limit(reading=R.KV_USAGE, comparison=">", value=0.9, words="no headroom"),
        Limit(reading=R.TTFT_P95, comparison=">", value=spec.slo.ttft_p95 or 0, words="objective"),
        Limit(reading=R.ITL_P95, comparison=">", value=0.06, words="objective"),
        Limit(reading=R.GPU_ACTIVITY, comparison="<", value=0.1, words="hardly used"),
    )
    for spec in ROLES
}


def ledger(*, down: int = 0) -> FakeLedger:
    """A day of the fleet; ``down`` targets do not answer."""
    views = [seen(spec) for spec in ROLES]
    sources = [
        SourceHealth(name=r.key.name, kind="engine", role=v.name, last_good=NOW, took_seconds=0.004, series=441)
        for v in views
        for r in v.replicas
    ]
    sources += [
        SourceHealth(name=f"gpu-{n}:9400", kind="dcgm", last_good=NOW, took_seconds=0.003, series=96) for n in range(6)
    ]
    for n in range(down):
        sources[n] = replace(
            sources[n], fault=Fault.REFUSED, detail="10.2.0.7:8000 refused the connection", last_good=NOW - 4 * MINUTE
        )
    fleet = Fleet(
        name="agents-prod",
        at=NOW,
        roles=MappingProxyType({v.name: v for v in views}),
        sources=tuple(sources),
        budget_dollars_per_hour=32.0,
    )
    decision = Decision(
        recommendation=RAISE, verdict=Verdict.ASK, checks=CHECKS, at=NOW, because="mode is propose: a person approves"
    )
    starts = tuple(
        Start(replica=ReplicaKey(PLANNER.name, f"planner-{n}"), ready=NOW - n * HOUR, seconds=180.0 + 4 * n)
        for n in range(12, 0, -1)
    )
    cycle = Cycle(
        at=NOW,
        fleet=fleet,
        beliefs=MappingProxyType(
            {
                spec.name: RoleBeliefs(
                    role=spec.name, starts=starts if spec is PLANNER else (), prefix_hit_baseline=0.72
                )
                for spec in ROLES
            }
        ),
        findings=(QUEUE, KV, IDLE),
        unsure=(),
        decisions=(decision,),
        receipts=(),
        outcomes=(),
        took_seconds=MappingProxyType(
            {"collect": 0.031, "observe": 0.012, "estimate": 0.001, "detect": 0.004, "recommend": 0.002}
        ),
    )
    past = tuple(NOW - STEP * i for i in range(8 * 240, -1, -1))
    dismissed = replace(
        waiting(replace(RELEASE, title="Release one idle replica of reranker", role=RERANKER.name), 400),
        state=State.DISMISSED,
        by="ada",
        reason="the evening batch needs both",
        decided=NOW - 390 * MINUTE,
        version=2,
    )
    return FakeLedger(
        cycle=cycle,
        finding_records=[
            FindingRecord(finding=QUEUE, number=2, opened=QUEUE.since + 2 * MINUTE, seen=NOW),
            FindingRecord(finding=KV, number=1, opened=KV.since + 2 * MINUTE, seen=NOW),
            FindingRecord(finding=IDLE, number=1, opened=IDLE.since + HOUR, seen=NOW),
            FindingRecord(
                finding=OLD, number=1, opened=OLD.since + 2 * MINUTE, seen=NOW - 4 * HOUR, closed=NOW - 4 * HOUR
            ),
        ],
        records=[waiting(RAISE, 2), waiting(RELEASE, 26), waiting(FLAGS, 41), dismissed],
        stored_decisions=[decision],
        change_records=[
            changed("worker", 6, 7, 8),
            changed("coder", 3, 2, 50, outcome=OutcomeState.MET, said="TTFT p95 stayed under 0.8 s"),
            changed(
                "worker", 5, 4, 143, outcome=OutcomeState.WORSE, said="TTFT p95 rose to 1.9 s; taken back after 3 min"
            ),
            refused("reranker", 1, 2, 190),
            refused("reranker", 1, 2, 185),
            changed("planner", 1, 2, 320, outcome=OutcomeState.MET, said="TTFT p95 fell from 2.6 s to 0.7 s"),
        ],
        histories={
            spec.name: RoleHistory(role=spec.name, step=STEP, at=past, columns=lived(spec, past, 7)) for spec in ROLES
        },
    )


def desk(books: FakeLedger | None = None, *, note: str = "", late: timedelta = timedelta(seconds=6)) -> Desk:
    """The desk of that fleet, ``late`` after its newest tick."""
    now = NOW + late
    loops = dict.fromkeys(("tick", "deliver", "rollup", "prune"), NOW)
    return a_desk(
        books or ledger(),
        roles=ROLES,
        now=now,
        limits=LIMITS,
        health=Health(
            last_success=loops,
            errors={"deliver": "hooks.slack.com: 429, again in 30 s"},
            lead=Lead(here=True, fence=7, since=NOW - 2 * HOUR),
        ),
        note=note,
        fleet="agents-prod",
        sessions=a_book(the_sessions()),
    )
