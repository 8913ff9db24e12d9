"""What would have been done with a role lately, and what really happened: for whoever decides how far to trust us."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from controlplane.errors import NotFoundError
from controlplane.loop.desk import Desk
from controlplane.loop.shadow import shadow_of
from controlplane.model import shadow as shd
from controlplane.model.keys import RoleName
from controlplane.model.recommendation import State
from controlplane.web.api.schemas import Shape


class ShadowedOut(Shape):
    """One proposal that was not carried out, and what really happened afterwards."""

    recommendation: str = Field(description="its id; the newest record of it is at /api/v1/recommendations/{id}")
    number: int = Field(description="which opening of this id it is, counted from 1")
    asked: int = Field(description="how many times it was opened while the same trouble lasted; it counts once")
    kind: str
    title: str
    state: State
    opened: datetime = Field(description="when it was first proposed")
    due: datetime = Field(description="by when it would have helped, had it been made at once")
    word: shd.Word = Field(
        description="somebody-did-it: another hand brought the bounds to what was proposed, or beyond, by then; "
        "needed: what it was for was still wrong, or wrong again, at that time; passed-by-itself: it was over by then "
        "and nobody had touched the bounds; not-known: too early, nobody looked, or we changed something ourselves"
    )
    said: str = Field(description="why this word")
    by: str | None = Field(description="who dismissed it; null when nobody did")
    reason: str | None = Field(description="the reason of the dismissal, else why it was closed")

    @classmethod
    def of(cls, s: shd.Shadowed) -> "ShadowedOut":
        return cls(
            recommendation=s.recommendation.id,
            number=s.number,
            asked=s.asked,
            kind=s.recommendation.kind,
            title=s.recommendation.title,
            state=s.state,
            opened=s.opened,
            due=s.due,
            word=s.word,
            said=s.said,
            by=s.by,
            reason=s.reason,
        )


class TallyOut(Shape):
    """How many proposals of each word; together they are all that are listed."""

    somebody_did_it: int
    needed: int
    passed_by_itself: int
    not_known: int


class ShadowOut(Shape):
    """A role's proposals that were not carried out, the newest first."""

    role: str
    since: datetime
    until: datetime
    tally: TallyOut
    proposals: list[ShadowedOut]
    cut: bool = Field(description="there were more than are read at once; these are the newest")

    @classmethod
    def of(cls, s: shd.Shadow) -> "ShadowOut":
        return cls(
            role=s.role,
            since=s.since,
            until=s.until,
            tally=TallyOut(**{word.value.replace("-", "_"): count for word, count in s.tally.items()}),
            proposals=[ShadowedOut.of(p) for p in s.proposals],
            cut=s.cut,
        )


def router(desk: Desk) -> APIRouter:
    """``/roles/{role}/shadow``."""
    routes = APIRouter(tags=["ledger"])

    @routes.get("/roles/{role}/shadow")
    def shadow(role: str) -> ShadowOut:
        """What would have been done in the last seven days and was not, held against what really happened."""
        if all(spec.name != role for spec in desk.roles):
            raise NotFoundError(f"no role {role!r} in this fleet; it has {', '.join(s.name for s in desk.roles)}")
        return ShadowOut.of(shadow_of(desk.archive, RoleName(role), desk.now()))

    return routes
