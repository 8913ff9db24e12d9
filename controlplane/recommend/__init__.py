"""What to change: one concrete change per role, with its evidence, its effect and its undo."""

from collections.abc import Mapping, Sequence

from controlplane.model.belief import RoleBeliefs
from controlplane.model.finding import Finding
from controlplane.model.fleet import Fleet
from controlplane.model.keys import RoleName
from controlplane.model.recommendation import Recommendation
from controlplane.recommend.kv_relief import KvRelief
from controlplane.recommend.patches import actionable
from controlplane.recommend.raise_replicas import RaiseReplicas
from controlplane.recommend.recommender import Recommender
from controlplane.recommend.release_idle import ReleaseIdle

__all__ = ["DEFAULT_RECOMMENDERS", "Recommender", "recommend"]

DEFAULT_RECOMMENDERS: tuple[Recommender, ...] = (RaiseReplicas(), KvRelief(), ReleaseIdle())
"""In order of preference: what helps users soonest, what is free, what saves."""


def recommend(
    fleet: Fleet,
    beliefs: Mapping[RoleName, RoleBeliefs],
    findings: Sequence[Finding],
    recommenders: Sequence[Recommender],
) -> tuple[Recommendation, ...]:
    """For each role with findings the first change that can be made, else the first piece of advice."""
    about: dict[RoleName, list[Finding]] = {}
    for finding in findings:
        about.setdefault(finding.role, []).append(finding)
    chosen = []
    for name, of_role in about.items():
        role = fleet.roles.get(name)
        if role is None:
            continue
        known = beliefs.get(name) or RoleBeliefs(role=name)
        said = [r for recommender in recommenders if (r := recommender.recommend(role, known, of_role)) is not None]
        doable = [recommendation for recommendation in said if actionable(recommendation.patch)]
        chosen += (doable or said)[:1]
    return tuple(chosen)
