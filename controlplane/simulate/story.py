"""What happens in the demo, and when: the same trouble every time, so that it can be told beforehand."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import pi, sin

from controlplane.simulate.costs import ENCODER_600M_L40, LLAMA_8B_A100, LLAMA_70B_FP8_2XH100
from controlplane.simulate.shape import ClusterShape, ColdStart, NodeShape, RoleShape
from controlplane.simulate.traffic import Mood


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStory:
    """Calm, then long documents on the planner, then more agents while the workers' volume is slow."""

    documents_at: timedelta = timedelta(minutes=6)
    """From here on each session brings long documents: the planner's KV cache is too small for them."""
    documents: int = 8000
    """Tokens of them, per session."""
    rush_at: timedelta = timedelta(minutes=20)
    """From here to ``rush_until`` a crowd of agents comes on top: the worker role must grow."""
    rush_until: timedelta = timedelta(minutes=45)
    rush: float = 100.0
    """Agents started per minute during the rush, by something else than the planner."""
    slow_volume: float = 6.0
    """Factor on the workers' loading of weights during the rush."""
    calm: Mood = field(default_factory=lambda: Mood(sessions_per_minute=8.0, documents=0, agents=2.5))

    def mood(self, at: float) -> Mood:
        """A gentle wave of ten minutes under it all."""
        wave = 1 + 0.12 * sin(2 * pi * at / 600)
        mood = replace(self.calm, sessions_per_minute=self.calm.sessions_per_minute * wave)
        if at >= self.documents_at.total_seconds():
            mood = replace(mood, documents=self.documents)
        if self.rush_at.total_seconds() <= at < self.rush_until.total_seconds():
            mood = replace(mood, loose_agents_per_minute=self.rush, slow_start={"worker": self.slow_volume})
        return mood


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """Always the same mood."""

    always: Mood = field(default_factory=Mood)

    def mood(self, at: float) -> Mood:  # noqa: ARG002 - the port's signature
        """The one it was made with."""
        return self.always


def reference_cluster(*, dcgm: str = "4.8") -> ClusterShape:
    """The reference fleet: 2x H100 planner, two A100 workers, one L40 for embeddings and reranking, $8.70/h."""
    return ClusterShape(
        roles=(
            RoleShape(
                name="planner",
                model="meta-llama/Llama-3.3-70B-Instruct",
                cost=LLAMA_70B_FP8_2XH100,
                gpu="h100-pcie-80gb",
                gpus_per_replica=2,
                longest=65_536,
                budget=512,
                min=1,
                max=1,
                cold_start=ColdStart(weights=95, engine=60, warm_up=10),
            ),
            RoleShape(
                name="worker",
                model="meta-llama/Llama-3.1-8B-Instruct",
                cost=LLAMA_8B_A100,
                gpu="a100-pcie-80gb",
                gpus_per_replica=1,
                longest=32_768,
                most_sequences=48,
                min=2,
                max=4,
                in_flight_target=16,
                cold_start=ColdStart(weights=25, engine=25),
            ),
            RoleShape(
                name="embedder",
                model="BAAI/bge-m3",
                cost=ENCODER_600M_L40,
                gpu="l40-48gb",
                gpus_per_replica=0.25,
                longest=8192,
                min=2,
                max=4,
                cold_start=ColdStart(weights=6, engine=8, warm_up=2),
            ),
            RoleShape(
                name="reranker",
                model="BAAI/bge-reranker-v2-m3",
                cost=ENCODER_600M_L40,
                gpu="l40-48gb",
                gpus_per_replica=0.5,
                longest=8192,
                min=1,
                max=2,
                cold_start=ColdStart(weights=6, engine=8, warm_up=2),
            ),
        ),
        nodes=(
            NodeShape(name="gpu-h100-0", gpu="h100-pcie-80gb", count=4, dcgm=dcgm),
            NodeShape(name="gpu-h100-1", gpu="h100-pcie-80gb", count=4, dcgm=dcgm),
            NodeShape(name="gpu-a100-0", gpu="a100-pcie-80gb", count=4, dcgm=dcgm),
            NodeShape(name="gpu-a100-1", gpu="a100-pcie-80gb", count=4, dcgm=dcgm),
            NodeShape(name="gpu-l40-0", gpu="l40-48gb", count=2, dcgm=dcgm),
        ),
    )
