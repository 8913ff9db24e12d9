"""Latency percentiles from what fell into each bucket during a window.

The rule is Prometheus' ``histogram_quantile``: inside a bucket observations are thought evenly spread, and a
quantile that falls into the open last bucket is said to be its lower edge (a lower bound, never an invention).
"""

import math
from collections.abc import Sequence

MIN_OBSERVATIONS = 5
"""Fewer observations in a window have no percentile worth telling: the 95th of three is the slowest of three."""

Buckets = tuple[tuple[float, ...], tuple[float, ...]]
"""Upper edges, ascending, the last +Inf; and how many observations were at or below each."""


def quantile(q: float, buckets: Buckets, *, least: float = MIN_OBSERVATIONS) -> float | None:
    """Value below which a share ``q`` of the observations lies, in the edges' unit.

    ``None`` with fewer than ``least`` observations, without a +Inf bucket or with only that one.
    """
    edges, counts = buckets
    if len(edges) < 2 or edges[-1] != math.inf:
        return None
    total = counts[-1]
    if not math.isfinite(total) or total < max(least, 1e-9):
        return None
    rank = q * total
    below = 0.0
    for i, read in enumerate(counts[:-1]):
        count = max(read, below)  # a page read while it changes may have a bucket behind its neighbour
        if count >= rank and count > 0:
            upper = edges[i]
            lower = edges[i - 1] if i else min(0.0, upper)
            if upper <= 0 or count == below:
                return max(upper, 0.0)
            return lower + (upper - lower) * (rank - below) / (count - below)
        below = count
    return max(edges[-2], 0.0)


def merge(parts: Sequence[Buckets]) -> Buckets | None:
    """Add histograms up. Cumulative counts stay exact on the edges all parts have, so only those are kept.

    ``None`` when they share no finite edge: engines of different versions that cannot be compared.
    """
    if not parts:
        return None
    edges = parts[0][0]
    if all(part[0] == edges for part in parts):
        return edges, tuple(map(sum, zip(*(part[1] for part in parts), strict=True)))
    shared = set(edges)
    for other, _ in parts[1:]:
        shared &= set(other)
    kept = tuple(sorted(shared))
    if len(kept) < 2 or kept[-1] != math.inf:
        return None
    sums = [0.0] * len(kept)
    for other, counts in parts:
        at = dict(zip(other, counts, strict=True))
        for i, edge in enumerate(kept):
            sums[i] += at[edge]
    return kept, tuple(sums)
