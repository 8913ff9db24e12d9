"""Before anything was read: what was found, what is missing, and the exact lines to add."""

from dataclasses import dataclass
from datetime import timedelta

from controlplane.model.cycle import Cycle
from controlplane.model.reading import Reading
from controlplane.model.role import Engine, RoleSpec
from controlplane.web.views import moments, wording
from controlplane.web.views.fleet import Tag

PORTS = {Engine.VLLM: 8000, Engine.SGLANG: 30000, Engine.RAY_SERVE: 8080}
"""Where each engine usually serves its metrics page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One declared role of which nothing is known."""

    role: str
    state: Tag
    found: str
    fix: str
    lines: str
    """What to add to fleet.yaml; empty when that is not what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStart:
    """The page before the first numbers."""

    title: str
    words: str
    roles: tuple[Missing, ...]


def first_start(roles: tuple[RoleSpec, ...], cycle: Cycle | None, tick: timedelta) -> FirstStart | None:
    """What to show while nothing is known; ``None`` as soon as one role has been read."""
    if cycle is None:
        return FirstStart(
            title="Waiting for the first tick",
            words=f"The fleet is looked at every {moments.span(tick)}. "
            f"{len(roles)} {'role is' if len(roles) == 1 else 'roles are'} declared in fleet.yaml.",
            roles=tuple(_missing(spec, None) for spec in roles),
        )
    if any(view.now(r) is not None for view in cycle.fleet.roles.values() for r in _SEEN):
        return None
    return FirstStart(
        title="Nothing has been read yet",
        words="No engine has given a metrics page that could be used. This is what was tried, and what to do.",
        roles=tuple(_missing(spec, cycle) for spec in roles),
    )


_SEEN = (Reading.RUNNING, Reading.WAITING, Reading.KV_USAGE, Reading.REPLICAS_READY)


def _missing(spec: RoleSpec, cycle: Cycle | None) -> Missing:
    mine = [s for s in cycle.fleet.sources if s.role == spec.name] if cycle else []
    general = [s for s in cycle.fleet.sources if s.role is None and not s.ok] if cycle else []
    if cycle is None:
        return Missing(role=spec.name, state=Tag(words="not looked at yet"), found="", fix="", lines="")
    for source in [*mine, *general]:
        if source.fault is not None:
            return Missing(
                role=spec.name,
                state=Tag(words=source.fault.value, tone="bad"),
                found=f"{source.name}: {source.detail or source.fault.value}",
                fix=wording.FIXES.get(source.fault, ""),
                lines="",
            )
    if mine:
        return Missing(
            role=spec.name,
            state=Tag(words="no readings yet", tone="warn"),
            found=f"{len(mine)} {'page was' if len(mine) == 1 else 'pages were'} read",
            fix="rates need two pages: one more tick, or the page is not the engine's (controlplane inspect URL)",
            lines="",
        )
    port = PORTS[spec.engine]
    return Missing(
        role=spec.name,
        state=Tag(words="no source", tone="warn"),
        found="nothing says where its replicas are",
        fix="add where they are read",
        lines=f"roles:\n  {spec.name}:\n    targets: [http://HOST:{port}/metrics]",
    )
