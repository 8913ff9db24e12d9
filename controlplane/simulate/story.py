"""What happens in the demo, and when: the same trouble every time, so that it can be told beforehand."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import cos, pi, sin

from controlplane.simulate.costs import ENCODER_600M_L40, LLAMA_8B_A100, LLAMA_70B_FP8_2XH100
from controlplane.simulate.mood import MOMENT, Mood, Runaway
from controlplane.simulate.shape import ClusterShape, ColdStart, NodeShape, RoleShape


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStory:
    """Calm, then long documents on the planner, an agent that is lost, and two crowds of agents on the workers.

    All instants count from the opening, when somebody begins to look; before it the fleet has run for a while.
    """

    opening: timedelta = timedelta(minutes=10)
    documents_at: timedelta = timedelta(minutes=1)
    """From here on each session brings long documents: the planner's KV cache is too small for them."""
    documents: int = 7000
    """Tokens of them, per session."""
    lost_at: timedelta = timedelta(minutes=2)
    """From here on an agent of one session calls again and again."""
    crowds: tuple[tuple[timedelta, timedelta, float], ...] = (
        (timedelta(minutes=6), timedelta(minutes=15), 100.0),
        (timedelta(minutes=28), timedelta(minutes=42), 190.0),
    )
    """A crowd of agents on top: from, until, agents started per minute. The worker role must grow."""
    slow_from: timedelta = timedelta(minutes=25)
    """From here on the volume with the workers' weights is slow."""
    slow_volume: float = 10.0
    """By this factor."""
    calm: Mood = field(default_factory=lambda: Mood(sessions_per_minute=8.0, documents=0, agents=2.5))

    def mood(self, at: float) -> Mood:
        """A gentle wave of ten minutes under it all."""
        wave = 1 + 0.12 * sin(2 * pi * at / 600)
        mood = replace(self.calm, sessions_per_minute=self.calm.sessions_per_minute * wave)
        since = timedelta(seconds=at) - self.opening
        if since >= self.documents_at:
            mood = replace(mood, documents=self.documents)
        if self.lost_at <= since < self.lost_at + MOMENT:
            mood = replace(mood, runaway=Runaway.LOOP)
        for begin, end, agents in self.crowds:
            if begin <= since < end:
                mood = replace(mood, loose_agents_per_minute=agents)
        if since >= self.slow_from:
            mood = replace(mood, slow_start={"worker": self.slow_volume})
        return mood

    def told(self) -> tuple[tuple[timedelta, str], ...]:
        """What will happen and when, for people."""
        return (
            (self.documents_at, "planner: long documents fill the KV cache; requests queue, some are thrown out"),
            (self.lost_at, "sessions: an agent is lost and calls again and again; soon ten times what is usual"),
            (self.crowds[0][0], "worker: a crowd of agents; the autoscaler starts replicas"),
            (self.crowds[1][0], "worker: the crowd is back, and the volume with the weights is slow: a late start"),
            (timedelta(minutes=30), "embedder: seen idle for 30 minutes, with what it costs"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """Always the same mood."""

    always: Mood = field(default_factory=Mood)

    def mood(self, at: float) -> Mood:  # noqa: ARG002 - the port's signature
        """The one it was made with."""
        return self.always


@dataclass(frozen=True, slots=True, kw_only=True)
class Diurnal:
    """Days and nights: sessions follow a wave of 24 hours."""

    quiet: float = 2.0
    """Sessions per minute at the quietest moment, twelve hours from ``peak``."""
    busy: float = 10.0
    """Sessions per minute at the peak."""
    peak: float = 15.0
    """Hour of the day of the peak."""
    begins: float = 0.0
    """Hour of the day at which the fleet starts."""
    otherwise: Mood = field(default_factory=Mood)

    def mood(self, at: float) -> Mood:
        """More sessions by day than by night."""
        hour = self.begins + at / 3600
        share = (1 + cos(2 * pi * (hour - self.peak) / 24)) / 2
        return replace(self.otherwise, sessions_per_minute=self.quiet + (self.busy - self.quiet) * share)


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
                budget=1024,
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
