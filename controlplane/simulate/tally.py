"""What one engine has counted since it started: the truth behind its metrics page."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

TTFT = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
    20,
    40,
    80,
    160,
    640,
    2560,
)
PER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
REQUEST = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
ITERATION = (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
PREEMPTED = (1, 2, 3, 4, 5, 10, 20)
PARAMS_N = (1, 2, 5, 10, 20)
HTTP_FINE = (0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 7.5, 10, 30, 60)
HTTP_COARSE = (0.1, 0.5, 1)


def token_bounds(longest: int) -> tuple[int, ...]:
    """Bounds of token counts as vLLM makes them: 1, 2, 5, 10… up to the model's longest context."""
    bounds = []
    decade = 1
    while decade <= longest:
        bounds += [m * decade for m in (1, 2, 5) if m * decade <= longest]
        decade *= 10
    return tuple(bounds)


class Histogram:
    """Counts by upper bound; ``counts`` are not cumulative, the last one is beyond every bound."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def add(self, value: float, times: int = 1) -> None:
        """Observe ``value`` that many times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times

    def add_rising(self, first: float, rise: float, steps: int, times: int) -> None:
        """Observe ``first``, ``first + rise``… for ``steps`` steps, each ``times`` times."""
        self.total += times * (steps * first + rise * steps * (steps - 1) / 2)
        done = 0
        while done < steps:
            slot = bisect_left(self.bounds, first + rise * done)
            until = steps
            if rise > 0 and slot < len(self.bounds):
                until = min(steps, max(done + 1, int((self.bounds[slot] - first) / rise) + 1))
            self.counts[slot] += (until - done) * times
            done = until

    @property
    def count(self) -> int:
        """All observations."""
        return sum(self.counts)


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counters and histograms of one engine process, as vLLM keeps them."""

    longest: int
    """Longest context of the model, in tokens; sets the bounds of the token histograms."""
    preemptions: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    transferred_tokens: int = 0
    """Part of the cached ones: they came from another engine."""
    generation_tokens: int = 0
    prefix_queries: int = 0
    prefix_hits: int = 0
    stopped: int = 0
    cut_at_length: int = 0
    busy: float = 0.0
    """Seconds in which a step ran."""
    reading: float = 0.0
    """Seconds in which the memory bus was busy."""
    computing: float = 0.0
    """Seconds in which the tensor cores were busy."""
    ttft: Histogram = field(default_factory=lambda: Histogram(TTFT))
    itl: Histogram = field(default_factory=lambda: Histogram(PER_TOKEN))
    tpot: Histogram = field(default_factory=lambda: Histogram(PER_TOKEN))
    e2e: Histogram = field(default_factory=lambda: Histogram(REQUEST))
    queue: Histogram = field(default_factory=lambda: Histogram(REQUEST))
    prefill: Histogram = field(default_factory=lambda: Histogram(REQUEST))
    decode: Histogram = field(default_factory=lambda: Histogram(REQUEST))
    inference: Histogram = field(default_factory=lambda: Histogram(REQUEST))
    iteration: Histogram = field(default_factory=lambda: Histogram(ITERATION))
    preempted: Histogram = field(default_factory=lambda: Histogram(PREEMPTED))
    params_n: Histogram = field(default_factory=lambda: Histogram(PARAMS_N))
    http_fine: Histogram = field(default_factory=lambda: Histogram(HTTP_FINE))
    http_coarse: Histogram = field(default_factory=lambda: Histogram(HTTP_COARSE))
    prompts: Histogram = field(init=False)
    outputs: Histogram = field(init=False)
    most_outputs: Histogram = field(init=False)
    params_most: Histogram = field(init=False)
    computed: Histogram = field(init=False)

    def __post_init__(self) -> None:
        bounds = token_bounds(self.longest)
        self.prompts, self.outputs, self.most_outputs, self.params_most, self.computed = (
            Histogram(bounds) for _ in range(5)
        )

    @property
    def finished(self) -> int:
        """Requests that ended, however they did."""
        return self.stopped + self.cut_at_length
