"""The fleet of the sketches, with a day behind it: what the browser tests open and people look at."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from controlplane.loop.desk import Desk, Health
from controlplane.model.belief import RoleBeliefs, Start
from controlplane.model.change import Change, ChangeRecord, ChangeState, Outcome, OutcomeState, Receipt
from controlplane.model.cycle import Cycle
from controlplane.model.decision import Check, Decision, Verdict
from controlplane.model.finding import Evidence, Finding, FindingRecord, Severity
from controlplane.model.fleet import Fleet, SourceHealth
from controlplane.model.history import RoleHistory
from controlplane.model.keys import ChangeId, FindingId, ObjectRef, ReplicaKey, RoleName
from controlplane.model.limit import Limit
from controlplane.model.page import Fault
from controlplane.model.patch import FieldChange, Patch
from controlplane.model.reading import Reading as R
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
from controlplane.model.role import (
    Bounds,
    Engine,
    GpuSpec,
    Mode,
    ModelSpec,
    Objectives,
    ReplicaState,
    ReplicaView,
    RoleSpec,
    RoleView,
)
from tests.builders import a_recommendation, an_expectation
from tests.web.fakes import FakeLedger, a_desk

NOW = datetime.fromisoformat("2026-11-24T14:10:20Z")
STEP = timedelta(seconds=15)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def a_declared(
    name: str, model: str, engine: Engine, gpu: tuple[str, float, float], most: int, ttft: float, mig: str | None = None
) -> RoleSpec:
    return RoleSpec(
        name=RoleName(name),
        model=ModelSpec(name=model, precision="fp8" if "70B" in model or "Coder" in model else "fp16"),
        engine=engine,
        gpus=GpuSpec(type=gpu[0], per_replica=gpu[1], dollars_per_hour=gpu[2], mig=mig),
        replicas=Bounds(min=1, max=most),
        slo=Objectives(ttft_p95=ttft, itl_p95=0.06),
        mode=Mode.APPLY if name == "worker" else Mode.PROPOSE,
        scaled_object=ObjectRef("ScaledObject", "llm", name),
        workload=ObjectRef("Deployment", "llm", name),
    )


PLANNER = a_declared("planner", "meta-llama/Llama-3.3-70B-Instruct", Engine.VLLM, ("h100-pcie-80gb", 2, 2.5), 4, 2.0)
WORKER = a_declared("worker", "meta-llama/Llama-3.1-8B-Instruct", Engine.VLLM, ("a100-pcie-80gb", 1, 1.35), 12, 1.0)
CODER = a_declared("coder", "Qwen/Qwen3-Coder-30B-A3B", Engine.SGLANG, ("h100-pcie-80gb", 1, 2.5), 6, 1.5)
EMBEDDER = a_declared("embedder", "BAAI/bge-m3", Engine.VLLM, ("l40-48gb", 1, 1.0), 2, 0.5)
RERANKER = a_declared("reranker", "BAAI/bge-reranker-v2-m3", Engine.VLLM, ("h100-pcie-80gb", 1, 0.36), 2, 0.5, "1g.10gb")
ROLES = (PLANNER, WORKER, CODER, EMBEDDER, RERANKER)

Curve = Callable[[float], float | None]
"""Minutes before now → value."""


def wave(level: float, swing: float, period: float, dice: random.Random, noise: float = 0.04) -> Curve:
    """A course that goes up and down around ``level``."""
    phase = dice.random() * 6

    def at(minutes: float) -> float:
        return max(0.0, level * (1 + swing * math.sin(minutes / period + phase) + noise * dice.gauss(0, 1)))

    return at


def ramp(low: float, high: float, begin: float, dice: random.Random, noise: float = 0.05, end: float = 0.0) -> Curve:
    """``low`` until ``begin`` minutes before now, then up to ``high`` at ``end`` minutes before now."""

    def at(minutes: float) -> float:
        share = min(1.0, max(0.0, (begin - minutes) / (begin - end)))
        return max(0.0, (low + (high - low) * share) * (1 + noise * dice.gauss(0, 1)))

    return at


def holed(curve: Curve, *holes: tuple[float, float]) -> Curve:
    """The same with gaps, in minutes before now."""
    return lambda minutes: None if any(a >= minutes >= b for a, b in holes) else curve(minutes)


def flat(value: float | None) -> Curve:
    return lambda _: value


def curves(spec: RoleSpec, dice: random.Random) -> dict[R, Curve]:
    """How each reading of a role went."""
    hot = spec is PLANNER
    ready = {"planner": 2, "worker": 6, "coder": 2, "embedder": 2, "reranker": 1}[spec.name]
    waiting, kv, ttft, tokens = {
        "planner": (7.4, 0.94, 3.1, 2180.0),
        "worker": (1.2, 0.61, 0.42, 9120.0),
        "coder": (0.3, 0.48, 0.71, 3350.0),
        "embedder": (0.0, 0.06, 0.09, 140.0),
        "reranker": (0.1, 0.22, 0.11, 610.0),
    }[spec.name]
    made: dict[R, Curve] = {
        R.RUNNING: wave(20.0, 0.2, 60, dice),
        R.WAITING_PER_REPLICA: ramp(1.1, waiting, 40, dice, 0.09) if hot else wave(waiting, 0.3, 50, dice),
        R.KV_USAGE: ramp(0.62, kv, 45, dice, 0.01) if hot else wave(kv, 0.1, 80, dice, 0.02),
        R.KV_USAGE_MAX: ramp(0.66, 0.985, 45, dice, 0.006) if hot else wave(kv * 1.12, 0.1, 80, dice, 0.02),
        R.PREEMPTIONS: ramp(0.0, 0.8, 18, dice) if hot else flat(0.0),
        R.TTFT_P95: ramp(0.75, ttft, 34, dice) if hot else wave(ttft, 0.12, 45, dice),
        R.TTFT_P50: ramp(0.3, 0.9, 34, dice) if hot else wave(ttft * 0.45, 0.1, 45, dice),
        R.ITL_P95: ramp(0.034, 0.052, 30, dice) if hot else wave(0.03, 0.1, 70, dice),
        R.ITL_P50: wave(0.018, 0.08, 70, dice),
        R.PROMPT_TOKENS: wave(tokens * 0.8, 0.15, 55, dice),
        R.CACHED_TOKENS: wave(tokens * 0.55, 0.12, 55, dice),
        R.OUTPUT_TOKENS: wave(tokens * 0.2, 0.1, 55, dice),
        R.PREFIX_HIT_RATIO: wave(0.71, 0.04, 90, dice, 0.01),
        R.GPU_ACTIVITY: flat(None) if spec is RERANKER else wave(0.06 if spec is EMBEDDER else 0.8, 0.05, 66, dice),
        R.REPLICAS_READY: flat(float(ready)),
        R.REPLICAS_PENDING: flat(1.0 if spec is WORKER else 0.0),
        R.REPLICAS_DESIRED: flat(ready + (1.0 if spec is WORKER else 0.0)),
        R.COVERAGE: flat(1.0),
        R.DOLLARS_PER_HOUR: flat((ready + (spec is WORKER)) * (spec.dollars_per_replica or 0)),
    }
    if hot:
        gaps = ((46.0, 43.5),)
        for reading in (R.WAITING_PER_REPLICA, R.KV_USAGE, R.KV_USAGE_MAX, R.TTFT_P95, R.TTFT_P50):
            made[reading] = holed(made[reading], *gaps)
    if spec is CODER:
        made[R.REPLICAS_READY] = made[R.REPLICAS_DESIRED] = lambda minutes: 3.0 if minutes > 49.7 else 2.0
        made[R.DOLLARS_PER_HOUR] = lambda minutes: 7.5 if minutes > 49.7 else 5.0
    return made


def lived(spec: RoleSpec, at: tuple[datetime, ...], seed: int) -> dict[R, tuple[float | None, ...]]:
    """Columns of readings at these instants."""
    made = curves(spec, random.Random(f"{seed}{spec.name}"))
    columns: dict[R, list[float | None]] = {r: [] for r in (*made, R.DOLLARS_PER_MTOK)}
    for moment in at:
        minutes = (NOW - moment) / MINUTE
        row = {r: curve(minutes) for r, curve in made.items()}
        tokens = (row[R.PROMPT_TOKENS] or 0) + (row[R.OUTPUT_TOKENS] or 0)
        row[R.DOLLARS_PER_MTOK] = (row[R.DOLLARS_PER_HOUR] or 0) / (tokens * 3600 / 1e6) if tokens else None
        for r, value in row.items():
            columns[r].append(min(value, 1.0) if value is not None and r.unit.value == "ratio" else value)
    return {r: tuple(values) for r, values in columns.items()}


def seen(spec: RoleSpec) -> RoleView:
    """The role at the newest tick, with 45 minutes behind it."""
    ticks = tuple(NOW - STEP * i for i in range(180, -1, -1))
    columns = lived(spec, ticks, 7)
    ready = int(columns[R.REPLICAS_READY][-1] or 0)
    pending = int(columns[R.REPLICAS_PENDING][-1] or 0)
    replicas = [a_pod(spec, n, ReplicaState.READY) for n in range(ready)]
    replicas += [a_pod(spec, ready + n, ReplicaState.STARTING) for n in range(pending)]
    missing = {r: "no metric of this engine's version says it" for r in (R.QUEUE_P50, R.QUEUE_P95, R.PREFIX_QUERIED)}
    if spec is RERANKER:
        missing[R.GPU_ACTIVITY] = "DCGM does not measure activity of MIG slices with this exporter"
    return RoleView(
        spec=spec,
        at=NOW,
        step=STEP,
        ticks=ticks,
        columns=MappingProxyType(columns),
        replicas=tuple(replicas),
        bounds=spec.replicas,
        sources=MappingProxyType({r: a_query(r, spec) for r in columns}),
        missing=MappingProxyType(missing),
    )


def a_query(reading: R, spec: RoleSpec) -> str:
    selector = f'{{namespace="llm",model_name="{spec.model.name}"}}'
    if reading is R.TTFT_P95:
        return f"histogram_quantile(0.95, sum by (le) (rate(vllm:time_to_first_token_seconds_bucket{selector}[5m])))"
    if reading is R.WAITING_PER_REPLICA:
        return f"sum(vllm:num_requests_waiting{selector}) / count(vllm:num_requests_waiting{selector})"
    return f"avg(vllm:{reading.value}{selector})"


def a_pod(spec: RoleSpec, number: int, state: ReplicaState) -> ReplicaView:
    dice = random.Random(f"{spec.name}{number}")
    name = f"{spec.name}-7c9f-{''.join(dice.choice('bcdfghjklmnpqrstvwxz2456789') for _ in range(5))}"
    values = {R.RUNNING: 40.0 + dice.randrange(9), R.WAITING: 7.0, R.KV_USAGE: 0.93, R.PREFIX_HIT_RATIO: 0.71}
    if spec is not PLANNER:
        values = {R.RUNNING: 11.0 + number, R.WAITING: 0.0, R.KV_USAGE: 0.5, R.PREFIX_HIT_RATIO: 0.68, R.GPU_ACTIVITY: 0.8}
    return ReplicaView(
        key=ReplicaKey(spec.name, name),
        state=state,
        at=NOW,
        started=NOW - (timedelta(days=3) if state is ReplicaState.READY else timedelta(seconds=38)),
        node=f"gpu-{number + 3}",
        engine=spec.engine,
        version="0.5.12" if spec.engine is Engine.SGLANG else "≥0.32",
        values=MappingProxyType(values if state is ReplicaState.READY else {}),
        fault=None if state is ReplicaState.READY else "connection refused",
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
        "Since 13:52 more than 5 requests wait per replica and the KV cache is over 90 % on both replicas, "
        "while TTFT p95 is 3.1 s against an objective of 2 s.",
        "A replica takes 3 min 40 s to start here (p90 of the last 12 starts). "
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
    a_recommendation("embedder", kind=Kind.RELEASE_REPLICAS, dollars=-1.0, title="Release one idle replica of embedder"),
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


def changed(name: str, before: int, after: int, minutes: float, outcome: OutcomeState | None, said: str) -> ChangeRecord:
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
        outcome=Outcome(
            change=change.id, role=x.role, state=outcome, at=at + 10 * MINUTE, measured=0.8, said=said
        )
        if outcome
        else None,
    )


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
        SourceHealth(
            name=r.key.name, kind="engine", role=v.name, last_good=NOW - timedelta(seconds=6), took_seconds=0.004, series=441
        )
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
        recommendation=RAISE, verdict=Verdict.ASK, checks=CHECKS, at=NOW, because="the role is at propose: a person decides"
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
                    role=spec.name, starts=starts if spec is PLANNER else (), prefix_hit_baseline=0.72, baseline_ticks=900
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
            {"collect": 0.031, "observe": 0.012, "estimate": 0.001, "detect": 0.004, "recommend": 0.002, "decide": 0.001}
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
            changed("worker", 6, 7, 8, None, ""),
            changed("coder", 3, 2, 50, OutcomeState.MET, "TTFT p95 stayed under 0.8 s"),
            changed("worker", 5, 4, 143, OutcomeState.WORSE, "TTFT p95 rose to 1.9 s; taken back after 3 min"),
            changed("planner", 1, 2, 320, OutcomeState.MET, "TTFT p95 fell from 2.6 s to 0.7 s"),
        ],
        histories={
            spec.name: RoleHistory(role=spec.name, step=STEP, at=past, columns=lived(spec, past, 7)) for spec in ROLES
        },
    )


def desk(books: FakeLedger | None = None, *, note: str = "", late: timedelta = timedelta(seconds=6)) -> Desk:
    """The desk of that fleet, ``late`` after its newest tick."""
    now = NOW + late
    loops = {name: NOW for name in ("tick", "scrape", "deliver", "retention")}
    return a_desk(
        books or ledger(),
        roles=ROLES,
        now=now,
        limits=LIMITS,
        health=Health(last_success=loops, errors={"deliver": "hooks.slack.com: 429, again in 30 s"}),
        note=note,
        fleet="agents-prod",
    )
