"""A full KV cache can often hold twice as much without another GPU.

Stored as FP8 it takes half the room. Where it already is, the engine can be given a little more of the
GPU's memory, or fewer sequences at once so that it stops throwing them out. Each is one flag and a restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding
from controlplane.model.patch import Patch
from controlplane.model.reading import Reading
from controlplane.model.recommendation import Direction, Expectation, Kind, Level, Recommendation, Risk
from controlplane.model.role import Engine, RoleView
from controlplane.recommend.patches import engine_flag, in_words
from controlplane.recommend.words import (
    JUDGED_FOR,
    confidence,
    costs,
    gathered,
    sentence,
    settle_after_start,
    start_words,
)

_CAUSES = ("kv-pressure", "preemption-storm")
_LOOK_BACK = timedelta(minutes=10)
_FP8 = {Engine.VLLM: "--kv-cache-dtype=fp8", Engine.SGLANG: "--kv-cache-dtype=fp8_e5m2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flag:
    """One way to relieve the cache."""

    patch: Patch
    title: str
    words: str
    if_done: str
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KvRelief:
    """One engine flag against KV cache pressure or a preemption storm; the cheapest cure first."""

    id: ClassVar[str] = "kv-relief"

    gpu_memory: float = 0.92
    """Share of GPU memory the engine may take (0..1): the top of the range that leaves room for the rest."""

    fewer: float = 0.8
    """Sequences at once, as a share of those that run when it throws them out."""

    harm: float = 1.5
    """TTFT p95, as a multiple of its objective or of what it was, that means harm."""

    def recommend(self, role: RoleView, beliefs: RoleBeliefs, findings: Sequence[Finding]) -> Recommendation | None:
        causes = [finding for finding in findings if finding.detector in _CAUSES]
        flag = self._flag(role, causes) if causes else None
        if flag is None:
            return None
        settle = settle_after_start(beliefs, timedelta(minutes=5))
        first = causes[0].evidence[0]
        slowest = max(role.spec.slo.ttft_p95 or 0.0, role.now(Reading.TTFT_P95) or 0.0)
        return Recommendation(
            kind=Kind.ENGINE_FLAGS,
            role=role.name,
            title=flag.title,
            because=(*(sentence(cause) for cause in causes[:2]), flag.words),
            findings=tuple(cause.id for cause in causes),
            evidence=gathered(role, causes, (Reading.TTFT_P95, "What is TTFT p95?")),
            patch=flag.patch,
            direction=Direction.NEUTRAL,
            effect=costs(0.0, f"every replica restarts, one after the other; {start_words(beliefs)}"),
            confidence=confidence((f"{', '.join(c.detector for c in causes)} in complete data",), flag.doubts),
            risk=Risk(
                level=Level.MEDIUM,
                if_done=f"{flag.if_done}; the restart empties the prefix cache and, with one replica, stops the role "
                f"for the time of a start; expects the engine in the pod's first container",
                if_not="long prompts go on pushing others out of the cache",
            ),
            expectation=Expectation(
                reading=first.reading or Reading.KV_USAGE_MAX,
                comparison="<",
                limit=0.9 if first.limit is None else first.limit,
                baseline=first.value,
                settle=settle,
                within=settle + JUDGED_FOR,
                guard=Reading.TTFT_P95 if slowest else Reading.PREEMPTIONS,
                harm=self.harm * slowest if slowest else 2 * (role.now(Reading.PREEMPTIONS) or 1.0),
            ),
        )

    def _flag(self, role: RoleView, causes: Sequence[Finding]) -> _Flag | None:
        spec = role.spec
        if not spec.model.kv_cache_dtype.startswith("fp8"):
            flag = _FP8.get(spec.engine)
            return _Flag(
                patch=engine_flag(spec.workload, flag)
                if flag and spec.workload
                else in_words(spec, "/model/kv_cache_dtype", spec.model.kv_cache_dtype, "fp8"),
                title=f"Store the KV cache of {role.name} as FP8",
                words="FP8 halves what a token takes in the KV cache, without another GPU.",
                if_done="answers may differ slightly: compare them on your own prompts first",
            )
        if spec.engine is not Engine.VLLM or spec.workload is None:
            return None
        running = role.series(Reading.RUNNING).last(_LOOK_BACK).mean()
        ready = role.now(Reading.REPLICAS_READY)
        if any(cause.detector == "preemption-storm" for cause in causes) and running and ready:
            most = _power_of_two(self.fewer * running / ready)
            return _Flag(
                patch=engine_flag(spec.workload, f"--max-num-seqs={most}"),
                title=f"Let each replica of {role.name} run at most {most} requests at once",
                words=f"{running / ready:.0f} run per replica now and are thrown out; {most} would fit.",
                if_done="more requests wait in the queue instead",
                doubts=("requests may get longer or shorter than now",),
            )
        return _Flag(
            patch=engine_flag(spec.workload, f"--gpu-memory-utilization={self.gpu_memory:g}"),
            title=f"Give the KV cache of {role.name} more of its GPUs' memory",
            words=f"The cache is FP8 already; up to {self.gpu_memory:.0%} of the GPU memory can be used.",
            if_done="too little may be left for activations: the engine then fails to start",
            doubts=("what it may take today is not seen",),
        )


def _power_of_two(value: float) -> int:
    """The greatest power of two up to ``value``: the same proposal from tick to tick, not a new one each time."""
    return 1 << max(0, int(value).bit_length() - 1)
