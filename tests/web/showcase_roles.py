"""The five roles of the sketches and how their readings went."""

import math
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType

from controlplane.model.keys import ObjectRef, ReplicaKey, RoleName
from controlplane.model.reading import Reading
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

NOW = datetime.fromisoformat("2026-11-24T14:10:20Z")
STEP = timedelta(seconds=15)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


R = Reading


def a_declared(
    name: str,
    model: str,
    engine: Engine = Engine.VLLM,
    *,
    gpu: tuple[str, float, float],
    most: int,
    ttft: float,
    mig: str | None = None,
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


PLANNER = a_declared("planner", "meta-llama/Llama-3.3-70B-Instruct", gpu=("h100-pcie-80gb", 2, 2.5), most=4, ttft=2.0)
WORKER = a_declared("worker", "meta-llama/Llama-3.1-8B-Instruct", gpu=("a100-pcie-80gb", 1, 1.35), most=12, ttft=1.0)
CODER = a_declared("coder", "Qwen/Qwen3-Coder-30B-A3B", Engine.SGLANG, gpu=("h100-pcie-80gb", 1, 2.5), most=6, ttft=1.5)
EMBEDDER = a_declared("embedder", "BAAI/bge-m3", gpu=("l40-48gb", 1, 1.0), most=2, ttft=0.5)
RERANKER = a_declared(
    "reranker", "BAAI/bge-reranker-v2-m3", gpu=("h100-pcie-80gb", 1, 0.36), most=2, ttft=0.5, mig="1g.10gb"
)
ROLES = (PLANNER, WORKER, CODER, EMBEDDER, RERANKER)

Curve = Callable[[float], float | None]
"""Minutes before now → value."""


def wave(level: float, swing: float, period: float, dice: random.Random, *, noise: float = 0.04) -> Curve:
    """A course that goes up and down around ``level``."""
    phase = dice.random() * 6

    def at(minutes: float) -> float:
        return max(0.0, level * (1 + swing * math.sin(minutes / period + phase) + noise * dice.gauss(0, 1)))

    return at


def ramp(low: float, high: float, begin: float, dice: random.Random, *, noise: float = 0.05) -> Curve:
    """``low`` until ``begin`` minutes before now, then up to ``high``."""

    def at(minutes: float) -> float:
        share = min(1.0, max(0.0, (begin - minutes) / begin))
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
        R.WAITING_PER_REPLICA: ramp(1.1, waiting, 40, dice, noise=0.09) if hot else wave(waiting, 0.3, 50, dice),
        R.KV_USAGE: ramp(0.62, kv, 45, dice, noise=0.01) if hot else wave(kv, 0.1, 80, dice, noise=0.02),
        R.KV_USAGE_MAX: ramp(0.66, 0.985, 45, dice, noise=0.006) if hot else wave(kv * 1.12, 0.1, 80, dice, noise=0.02),
        R.PREEMPTIONS: ramp(0.0, 0.8, 18, dice) if hot else flat(0.0),
        R.TTFT_P95: ramp(0.75, ttft, 34, dice) if hot else wave(ttft, 0.12, 45, dice),
        R.TTFT_P50: ramp(0.3, 0.9, 34, dice) if hot else wave(ttft * 0.45, 0.1, 45, dice),
        R.ITL_P95: ramp(0.034, 0.052, 30, dice) if hot else wave(0.03, 0.1, 70, dice),
        R.ITL_P50: wave(0.018, 0.08, 70, dice),
        R.PROMPT_TOKENS: wave(tokens * 0.8, 0.15, 55, dice),
        R.CACHED_TOKENS: wave(tokens * 0.55, 0.12, 55, dice),
        R.OUTPUT_TOKENS: wave(tokens * 0.2, 0.1, 55, dice),
        R.PREFIX_HIT_RATIO: wave(0.71, 0.04, 90, dice, noise=0.01),
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


@cache
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
    missing = dict.fromkeys((R.QUEUE_P50, R.QUEUE_P95, R.PREFIX_QUERIED), "no metric of this engine's version says it")
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
        values = {R.RUNNING: 11.0 + number, R.WAITING: 0.0, R.KV_USAGE: 0.5, R.PREFIX_HIT_RATIO: 0.68}
        values[R.GPU_ACTIVITY] = 0.8
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
