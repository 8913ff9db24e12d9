"""A cluster in which every dollar is hard to place: MIG slices, a split role, an idle one, and pods that are not ours.

``gpu-mig-0`` is one H100 cut in three, one slice held by nobody; the planner's calls are served by a pool for
prompts and a pool for answers; the coder waits for calls that never come; a notebook holds an A100, and a
job that has ended is still in kube-state-metrics with what it had asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from controlplane.simulate.costs import (
    ENCODER_600M_L40,
    LLAMA_8B_A100,
    LLAMA_8B_L40S,
    QWEN_32B_FP8_H100,
    StepCost,
)
from controlplane.simulate.mood import MOMENT, Mood, Runaway
from controlplane.simulate.shape import Bystander, ClusterShape, ColdStart, NodeShape, RoleShape

PRICES: Mapping[str, float] = {"h100-sxm-80gb": 3.20, "a100-pcie-80gb": 1.35, "l40-48gb": 1.00}
"""$ per GPU-hour."""
CUT = ("3g.40gb", "2g.20gb", "2g.20gb")
"""Seven of seven compute slices, eight of eight of memory."""
BUSY = Mood(sessions_per_minute=6.0, agents=3.0, loose_agents_per_minute=12.0)
"""Agents all the time; nothing they do calls the coder."""


def mixed_cluster(
    *, dcgm: tuple[str, str] = ("4.8", "4.9"), honor_labels: tuple[bool, bool] = (False, True)
) -> ClusterShape:
    """The cluster. ``dcgm`` and ``honor_labels``: naming and labels at the whole GPUs, and at the cut one."""
    planner = "Qwen/Qwen3-32B-FP8"
    whole, cut = dcgm
    ours, as_is = honor_labels
    return ClusterShape(
        roles=(
            _role("prefill", planner, QWEN_32B_FP8_H100, "h100-sxm-80gb", phase="prefill", longest=32_768, budget=8192),
            _role("decode", planner, QWEN_32B_FP8_H100, "h100-sxm-80gb", phase="decode", longest=32_768),
            _role("worker", "meta-llama/Llama-3.1-8B-Instruct", LLAMA_8B_A100, "a100-pcie-80gb", longest=32_768),
            _role("embedder", "BAAI/bge-m3", ENCODER_600M_L40, "h100-sxm-80gb", longest=8192, mig="2g.20gb"),
            _role(
                "reranker", "BAAI/bge-reranker-v2-m3", ENCODER_600M_L40, "h100-sxm-80gb", longest=8192, mig="3g.40gb"
            ),
            _role("coder", "Qwen/Qwen2.5-Coder-7B-Instruct", LLAMA_8B_L40S, "l40-48gb", longest=32_768, replicas=2),
        ),
        nodes=(
            NodeShape(name="gpu-h100-0", gpu="h100-sxm-80gb", count=2, dcgm=whole, honor_labels=ours),
            NodeShape(name="gpu-mig-0", gpu="h100-sxm-80gb", count=1, mig=CUT, dcgm=cut, honor_labels=as_is),
            NodeShape(name="gpu-a100-0", gpu="a100-pcie-80gb", count=2, dcgm=whole, honor_labels=ours),
            NodeShape(name="gpu-l40-0", gpu="l40-48gb", count=3, dcgm=whole, honor_labels=ours),
        ),
        bystanders=(
            Bystander(name="notebook-ada-0", namespace="research", node="gpu-a100-0"),
            Bystander(name="finetune-7b-x8k2p", namespace="research", node="gpu-l40-0", succeeded=True),
        ),
        split={"planner": ("prefill", "decode")},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedStory:
    """Nothing happens but work, and now and then a session that starts sixty agents at once: who pays for them?"""

    opening: timedelta = timedelta(minutes=10)
    """How long it has run before somebody looks."""
    storm_at: timedelta = timedelta(minutes=1)
    """From the opening: a session starts far too many agents,"""
    again_after: timedelta = timedelta(minutes=10)
    """and so long after it another one."""

    def mood(self, at: float) -> Mood:
        """Always the same, but for the storms."""
        since = timedelta(seconds=at) - self.opening - self.storm_at
        if since >= timedelta(0) and since % self.again_after < MOMENT:
            return replace(BUSY, runaway=Runaway.STORM)
        return BUSY

    def told(self) -> tuple[tuple[timedelta, str], ...]:
        """What will be seen and when, for people."""
        return (
            (timedelta(minutes=1), "prefill and decode share the planner's calls; embedder and reranker hold slices"),
            (timedelta(minutes=1), "a notebook holds an A100; a slice and an L40 belong to nobody"),
            (self.storm_at, "sessions: one starts more than sixty agents at once; another every ten minutes"),
            (timedelta(minutes=30), "coder: seen idle for 30 minutes, with what it costs"),
        )


def _role(
    name: str, model: str, cost: StepCost, gpu: str, *, longest: int, replicas: int = 1, **more: Any
) -> RoleShape:
    """Always so many replicas; nothing scales it."""
    start = ColdStart(weights=20, engine=25)
    return RoleShape(
        name=name,
        model=model,
        cost=cost,
        gpu=gpu,
        gpus_per_replica=1,
        longest=longest,
        min=replicas,
        max=replicas,
        cold_start=start,
        **more,
    )
