"""What sessions usually take, and what a token of a session costs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import ceil, fsum
from statistics import median

from controlplane.model.keys import RoleName
from controlplane.model.money import Bucket, Money, TokenKind
from controlplane.model.role import RoleSpec
from controlplane.model.session import Spread, Toll, Usual

KEPT = 300
"""Finished sessions that say what is usual: enough for a steady median, few enough to follow new agents."""

LEAST = 20
"""Finished sessions needed before anything is usual."""


def usual(tolls: Sequence[Toll]) -> Usual | None:
    """What finished sessions took, of those that were not over; ``None`` while they are too few."""
    if len(tolls) < LEAST:
        return None
    kept = tolls[:KEPT]
    return Usual(
        sessions=len(kept),
        weighted=median(toll.weighted for toll in kept),
        calls=median(toll.calls for toll in kept),
    )


def spread(weighted: Sequence[float]) -> Spread | None:
    """How much sessions take, by nearest rank; ``None`` while they are too few."""
    if len(weighted) < LEAST:
        return None
    ordered = sorted(weighted)
    p50, p99 = (ordered[ceil(share * len(ordered)) - 1] for share in (0.5, 0.99))
    return Spread(sessions=len(ordered), p50=p50, p99=p99)


def token_prices(
    money: Money, roles: Sequence[RoleSpec], weights: Mapping[TokenKind, float]
) -> Mapping[RoleName, float]:
    """Dollars per weighted token of each role's model: what its GPUs cost, busy or idle, for what they delivered.

    A role whose model's price is unknown is not in it: nothing delivered, or delivered by GPUs without a price.
    """
    by_role = {part.role: part for part in money.roles}
    by_model: defaultdict[str, list[RoleName]] = defaultdict(list)
    for role in roles:
        by_model[role.model.name].append(role.name)
    prices: dict[RoleName, float] = {}
    for names in by_model.values():
        parts = [by_role[name] for name in names if name in by_role]
        if any(part.tokens and not part.dollars for part in parts):
            continue
        dollars = fsum(part.dollars.get(bucket, 0.0) for part in parts for bucket in (Bucket.SERVING, Bucket.IDLE))
        delivered = fsum(weights[kind] * count for part in parts for kind, count in part.tokens.items())
        if delivered > 0:
            prices.update(dict.fromkeys(names, dollars / delivered))
    return prices
