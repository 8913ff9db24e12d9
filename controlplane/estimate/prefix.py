"""How often prompts usually find their beginning in the prefix cache, learned while traffic flows.

The usual value is a slowly moving mean. A sudden fall hardly moves it, or a collapse would teach us
that collapsed is normal before anybody has looked; a fall that lasts for a day does become normal.
"""

from dataclasses import replace

from controlplane.model.belief import RoleBeliefs
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView

LEARNED_TICKS = 120
"""Ticks with traffic before the baseline counts: half an hour at a tick of 15 s."""

TRAFFIC_FLOOR = 50.0
"""Tokens looked up a second below which a hit ratio is chance."""

_SLOWEST = 1 / 1440
"""Weight of one tick once learned: about 6 hours of ticks of 15 s."""

_SUSPECT = 0.7
"""A ratio below this share of the baseline is learned twenty times slower."""


def learn_prefix(role: RoleView, before: RoleBeliefs) -> RoleBeliefs:
    """Take this tick's hit ratio into the baseline, when there was traffic to measure it on."""
    ratio = role.now(Reading.PREFIX_HIT_RATIO)
    asked = role.now(Reading.PREFIX_QUERIED)
    if ratio is None or asked is None or not 0 <= ratio <= 1 or not asked >= TRAFFIC_FLOOR:
        return before
    usual = before.prefix_hit_baseline
    if usual is None:
        return replace(before, prefix_hit_baseline=ratio, baseline_ticks=1)
    weight = max(1 / (before.baseline_ticks + 1), _SLOWEST)
    if before.baseline_ticks >= LEARNED_TICKS and ratio < usual * _SUSPECT:
        weight = _SLOWEST / 20
    return replace(
        before,
        prefix_hit_baseline=usual + (ratio - usual) * weight,
        baseline_ticks=min(before.baseline_ticks + 1, 1_000_000),
    )


def usual_prefix_hits(beliefs: RoleBeliefs) -> float | None:
    """The learned ratio (0..1); ``None`` until enough traffic was seen."""
    return beliefs.prefix_hit_baseline if beliefs.baseline_ticks >= LEARNED_TICKS else None
