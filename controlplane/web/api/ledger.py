"""What was: findings, recommendations, decisions, changes and outcomes, newest first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from controlplane.errors import NotFoundError
from controlplane.loop.desk import Desk
from controlplane.model.keys import ChangeId, DecisionId, RecommendationId, RoleName
from controlplane.model.recommendation import State
from controlplane.web.api.schemas import Change, Decision, Finding, Outcome, Recommendation

Count = Annotated[int, Query(ge=1, le=1000)]


def router(desk: Desk) -> APIRouter:
    """Routes over the ledger."""
    routes = APIRouter(tags=["ledger"])

    def name(role: str | None) -> RoleName | None:
        return RoleName(role) if role is not None else None

    @routes.get("/findings")
    def findings(
        role: str | None = None, *, open_only: bool = False, since: datetime | None = None, limit: Count = 200
    ) -> list[Finding]:
        """Findings, open ones included."""
        found = desk.archive.findings(role=name(role), open_only=open_only, since=since, limit=limit)
        return [Finding.of(f) for f in found]

    @routes.get("/recommendations")
    def recommendations(
        role: str | None = None,
        state: Annotated[Sequence[State], Query()] = (),
        since: datetime | None = None,
        limit: Count = 200,
    ) -> list[Recommendation]:
        """Recommendations, in any of the given states."""
        found = desk.archive.recommendations(role=name(role), states=tuple(state), since=since, limit=limit)
        return [Recommendation.of(r) for r in found]

    @routes.get("/recommendations/{id_}")
    def recommendation(id_: str) -> Recommendation:
        """One recommendation."""
        record = desk.archive.recommendation(RecommendationId(id_))
        if record is None:
            raise NotFoundError(f"no recommendation {id_!r}")
        return Recommendation.of(record)

    @routes.get("/decisions")
    def decisions(role: str | None = None, recommendation: str | None = None, limit: Count = 200) -> list[Decision]:
        """Decisions: the first of each recommendation, and each that differs from the one before."""
        wanted = RecommendationId(recommendation) if recommendation is not None else None
        return [Decision.of(d) for d in desk.archive.decisions(role=name(role), recommendation=wanted, limit=limit)]

    @routes.get("/decisions/{id_}")
    def decision(id_: str) -> Decision:
        """One decision."""
        kept = desk.archive.kept(DecisionId(id_))
        if kept is None:
            raise NotFoundError(f"no decision {id_!r}")
        return Decision.of(kept.decision)

    @routes.get("/changes")
    def changes(role: str | None = None, since: datetime | None = None, limit: Count = 200) -> list[Change]:
        """Changes with their receipts and outcomes."""
        return [Change.of(c) for c in desk.archive.changes(role=name(role), since=since, limit=limit)]

    @routes.get("/changes/{id_}")
    def change(id_: str) -> Change:
        """One change."""
        record = desk.archive.change(ChangeId(id_))
        if record is None:
            raise NotFoundError(f"no change {id_!r}")
        return Change.of(record)

    @routes.get("/outcomes")
    def outcomes(role: str | None = None, since: datetime | None = None, limit: Count = 200) -> list[Outcome]:
        """What became of the changes that have been judged."""
        records = desk.archive.changes(role=name(role), since=since, limit=limit)
        return [Outcome.of(r.outcome) for r in records if r.outcome is not None]

    return routes
