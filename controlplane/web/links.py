"""Every address of the pages is made here, so that a link pasted anywhere shows the same thing."""

from urllib.parse import quote, urlencode

from controlplane.model.keys import RecommendationId, RoleName
from controlplane.model.session import SessionKey

FLEET = "/"
RECOMMENDATIONS = "/recommendations"
ACTIVITY = "/activity"
SESSIONS = "/sessions"
HEALTH = "/health"
GALLERY = "/gallery"
STOP = "/stop"
RESUME = "/resume"


def address(path: str, **query: str | None) -> str:
    """``path`` with those of ``query`` that say something."""
    said = {key.rstrip("_"): value for key, value in query.items() if value}
    return f"{path}?{urlencode(said)}" if said else path


def role(name: RoleName | str, *, span: str | None = None) -> str:
    """The page of one role."""
    return address(f"/roles/{quote(name, safe='')}", range_=span)


def series(name: RoleName | str, *, span: str, as_: str) -> str:
    """All points behind a role's charts: ``json`` or ``csv``."""
    return address(f"/roles/{quote(name, safe='')}/series.{as_}", range_=span)


def shadow(name: RoleName | str) -> str:
    """Where the page of a role says what would have been done."""
    return f"{role(name)}#shadow"


def shadow_api(name: RoleName | str) -> str:
    """The same for programs."""
    return f"/api/v1/roles/{quote(name, safe='')}/shadow"


def recommendation(id_: RecommendationId | str, act: str = "") -> str:
    """The page of one recommendation, or one of its forms (``approve``, ``dismiss``)."""
    path = f"{RECOMMENDATIONS}/{quote(id_, safe='')}"
    return f"{path}/{act}" if act else path


def sessions(
    *,
    role: str | None = None,
    tenant: str | None = None,
    state: str | None = None,
    order: str | None = None,
    span: str | None = None,
) -> str:
    """Sessions of agents, filtered. Alerts and dashboards link here, too."""
    return address(SESSIONS, tenant=tenant, role=role, state=state, order=order, range_=span)


def session(key: SessionKey) -> str:
    """The page of one session."""
    return f"{SESSIONS}/one?{urlencode({'tenant': key.tenant, 'id': key.id})}"


def activity(*, role: RoleName | str | None = None, kind: str | None = None, span: str | None = None) -> str:
    """What happened, filtered."""
    return address(ACTIVITY, role=role, kind=kind, range_=span)
