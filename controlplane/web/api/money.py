"""Money: what whole hours cost and delivered, from the ledger. The parts add up to the total."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from controlplane.errors import RefusedError
from controlplane.loop.desk import Desk
from controlplane.model.money import Bucket, Money, RoleMoney, TokenKind
from controlplane.web.api.schemas import Shape

LONGEST = timedelta(days=400)


class RoleMoneyOut(Shape):
    """One role's money and tokens."""

    role: str | None
    """``null``: GPUs that belong to no role."""
    dollars: float
    buckets: Mapping[Bucket, float]
    tokens: Mapping[TokenKind, float]
    dollars_per_million_tokens: float | None = Field(description="null without tokens")
    unaccounted_seconds: float = Field(description="time for which the spend is not known; it is not billed")

    @classmethod
    def of(cls, money: Money, role: RoleMoney) -> "RoleMoneyOut":
        tokens = sum(role.tokens.values())
        return cls(
            role=role.role,
            dollars=role.total,
            buckets=dict(role.dollars),
            tokens=dict(role.tokens),
            dollars_per_million_tokens=role.total / tokens * 1e6 if tokens and role.dollars else None,
            unaccounted_seconds=money.unaccounted_seconds(role),
        )


class MoneyOut(Shape):
    """Whole hours of money."""

    since: datetime
    until: datetime
    dollars: float
    buckets: Mapping[Bucket, float]
    roles: list[RoleMoneyOut]


def router(desk: Desk) -> APIRouter:
    """Route ``/money``."""
    routes = APIRouter(tags=["money"])

    @routes.get("/money")
    def money(
        since: Annotated[datetime | None, Query(description="the last 24 hours by default")] = None,
        until: datetime | None = None,
    ) -> MoneyOut:
        """What the whole hours that touch this stretch cost, by role and bucket, and the tokens they delivered."""
        end = until or desk.now()
        begin = since or end - timedelta(days=1)
        if begin.tzinfo is None or end.tzinfo is None:
            raise RefusedError("since and until need a time zone: 2026-11-24T14:00:00Z")
        if not timedelta(0) < end - begin <= LONGEST:
            raise RefusedError("since must be before until, and at most 400 days")
        found = desk.archive.money(begin, end)
        return MoneyOut(
            since=found.since,
            until=found.until,
            dollars=found.total,
            buckets={bucket: sum(role.dollars.get(bucket, 0.0) for role in found.roles) for bucket in Bucket},
            roles=[RoleMoneyOut.of(found, role) for role in found.roles],
        )

    return routes
