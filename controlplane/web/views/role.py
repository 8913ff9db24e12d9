"""The page of one role: nine charts on one time axis, its replicas, what has been learned about it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.detect.runaway import RUNAWAY
from controlplane.model.belief import RoleBeliefs
from controlplane.model.cycle import Cycle
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaState, ReplicaView, RoleSpec, RoleView
from controlplane.model.session import Spread
from controlplane.model.units import Unit, seconds_text, text
from controlplane.web import links
from controlplane.web.views import moments, wording
from controlplane.web.views.fleet import Tag, engine, limit_of
from controlplane.web.views.quantity import Quantity, of_replica, of_role, short
from controlplane.web.views.recommendation import Fact
from controlplane.web.views.recommendations import Choice

SPANS = {
    "1h": ("1 h", timedelta(hours=1)),
    "8h": ("8 h", timedelta(hours=8)),
    "24h": ("24 h", timedelta(hours=24)),
    "7d": ("7 d", timedelta(days=7)),
}
"""Value of ``?range=`` → its words and length."""

USUAL_SPAN = "1h"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaLine:
    """One replica in the table."""

    name: str
    node: str
    version: str
    running: Quantity
    waiting: Quantity
    kv: Quantity
    kv_percent: float | None
    kv_tone: str
    hits: Quantity
    gpu: Quantity
    started: str
    state: Tag
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePage:
    """Everything on the page but the charts."""

    name: str
    about: str
    mode: str
    spans: tuple[Choice, ...]
    replicas: tuple[ReplicaLine, ...]
    replicas_words: str
    learned: tuple[Fact, ...]
    readings: tuple[tuple[Quantity, str], ...]
    """Every reading with its meaning."""
    findings: tuple[tuple[str, Tag, str, str], ...]
    """Summary, severity, since when, and where there is more to see."""
    seen: bool


def page(
    spec: RoleSpec,
    view: RoleView | None,
    beliefs: RoleBeliefs | None,
    cycle: Cycle | None,
    *,
    limits: tuple[Limit, ...],
    span: str,
    now: datetime,
    sessions: tuple[Fact, ...] = (),
) -> RolePage:
    """Put the page together; ``view`` is ``None`` before the first tick."""
    kv = limit_of(limits, Reading.KV_USAGE_MAX)
    replicas = tuple(_replica(r, kv, now) for r in view.replicas) if view else ()
    found = wording.states(cycle.findings, spec.name) if cycle else []
    return RolePage(
        name=spec.name,
        about=" · ".join(_about(spec, view)),
        mode=spec.mode.value,
        spans=tuple(
            Choice(words=words, href=links.role(spec.name, span=key), current=key == span)
            for key, (words, _) in SPANS.items()
        ),
        replicas=replicas,
        replicas_words=_replicas_words(view),
        learned=(_wish(spec, cycle), *_learned(spec, view, beliefs), *sessions),
        readings=tuple((of_role(view, r), r.about.meaning) for r in Reading) if view else (),
        findings=tuple(
            (
                f.summary,
                Tag(words=f.severity.value, tone=wording.TONES[f.severity] or "acc"),
                f"since {moments.clock(f.since, now)}, {moments.span(now - f.since)}",
                links.sessions(role=f.role, state="active") if f.detector.startswith(RUNAWAY) else "",
            )
            for f in found
        ),
        seen=view is not None,
    )


def _about(spec: RoleSpec, view: RoleView | None) -> list[str]:
    kv = spec.model.kv_cache_dtype
    said = [wording.model(spec), "" if kv == "auto" else f"{kv.upper()} KV cache"]
    said.append(engine(view) if view else wording.ENGINES[spec.engine])
    said.append(f"{wording.gpus(spec.gpus)} per replica")
    if spec.dollars_per_replica is not None:
        said.append(f"${spec.dollars_per_replica:,.2f}/h each")
    return [s for s in said if s]


def _replicas_words(view: RoleView | None) -> str:
    if view is None:
        return ""
    ready = view.now(Reading.REPLICAS_READY)
    return f"{text(ready, Unit.COUNT)} ready · bounds {view.in_force.min}–{view.in_force.max}" + (
        "" if view.bounds else " as declared"
    )


def _replica(r: ReplicaView, limit: Limit | None, now: datetime) -> ReplicaLine:
    kv = r.values.get(Reading.KV_USAGE)
    tone = {ReplicaState.READY: "ok", ReplicaState.STARTING: "warn", ReplicaState.LOST: "bad"}[r.state]
    return ReplicaLine(
        name=r.key.name,
        node=r.node or "",
        version=r.version or "",
        running=of_replica(r, Reading.RUNNING),
        waiting=of_replica(r, Reading.WAITING),
        kv=of_replica(r, Reading.KV_USAGE),
        kv_percent=None if kv is None else round(min(max(kv, 0.0), 1.0) * 100, 1),
        kv_tone="hot" if kv is not None and limit is not None and kv > limit.value else "",
        hits=of_replica(r, Reading.PREFIX_HIT_RATIO),
        gpu=of_replica(r, Reading.GPU_ACTIVITY),
        started=moments.ago(r.started, now) if r.started else "",
        state=Tag(words=r.state.value, tone=tone, title=r.fault or ""),
        fault=r.fault or "",
    )


def _wish(spec: RoleSpec, cycle: Cycle | None) -> Fact:
    """How many replicas we would run, and why."""
    wish = cycle.desired.get(spec.name) if cycle else None
    if wish is None or wish.replicas is None:
        return Fact(label="Replicas we would run", words="unknown", note=wish.because if wish else "")
    return Fact(label="Replicas we would run", words=str(wish.replicas), note=f"{wish.binding.value}: {wish.because}")


def per_session(spread: Spread | None) -> Fact:
    """What a session that begins here takes."""
    label = "Tokens per session p50 / p99"
    if spread is None:
        return Fact(label=label, words="unknown", note="fewer than 20 that began here finished within a day")
    words = f"{short(spread.p50)} / {short(spread.p99)}"
    return Fact(label=label, words=words, note=f"weighted; of the last {spread.sessions:,} that finished within a day")


def _learned(spec: RoleSpec, view: RoleView | None, beliefs: RoleBeliefs | None) -> list[Fact]:
    facts = []
    starts = beliefs.starts if beliefs else ()
    if starts and beliefs and beliefs.cold_start_p90 is not None:
        middle = sorted(s.seconds for s in starts)[len(starts) // 2]
        facts.append(
            Fact(
                label="Cold start p50 / p90",
                words=f"{seconds_text(middle)} / {seconds_text(beliefs.cold_start_p90)}",
                note=f"of {len(starts)} seen",
            )
        )
    else:
        facts.append(Fact(label="Cold start", words="unknown", note="none seen yet"))
    usual = beliefs.prefix_hit_baseline if beliefs else None
    facts.append(
        Fact(
            label="Usual prefix cache hits",
            words=text(usual, Unit.RATIO),
            note="" if usual is not None else "learned while traffic flows",
        )
    )
    bounds = view.bounds if view else None
    facts.append(Fact(label="Bounds declared", words=f"{spec.replicas.min}–{spec.replicas.max}"))
    facts.append(
        Fact(
            label="Bounds in force",
            words=f"{bounds.min}–{bounds.max}" if bounds else "unknown",
            note=_drift(spec, view),
        )
    )
    if spec.scaled_object:
        facts.append(Fact(label="ScaledObject", words=f"{spec.scaled_object.namespace}/{spec.scaled_object.name}"))
    if spec.workload:
        facts.append(Fact(label=spec.workload.kind, words=f"{spec.workload.namespace}/{spec.workload.name}"))
    return facts


def _drift(spec: RoleSpec, view: RoleView | None) -> str:
    if view is None or view.bounds is None:
        return "nobody could tell"
    return "" if view.bounds == spec.replicas else "not what fleet.yaml says"
