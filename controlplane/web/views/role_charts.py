"""The nine charts of a role, on one time axis: demand, promises, capacity, work, money."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from controlplane.model.change import ChangeRecord
from controlplane.model.finding import FindingRecord
from controlplane.model.history import RoleHistory
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec, RoleView
from controlplane.model.units import Unit
from controlplane.web.views import charts
from controlplane.web.views.quantity import NOT_SEEN

R, U = Reading, Unit
PLANS = (
    charts.Plan(
        id="waiting",
        title="Waiting per ready replica",
        unit=U.COUNT,
        lines=((R.WAITING_PER_REPLICA, "waiting", "c1", ""),),
    ),
    charts.Plan(
        id="ttft",
        title="Time to first token",
        unit=U.SECONDS,
        lines=((R.TTFT_P95, "p95", "c2", ""), (R.TTFT_P50, "p50", "c2", "dash")),
    ),
    charts.Plan(
        id="kv",
        title="KV cache used",
        unit=U.RATIO,
        lines=((R.KV_USAGE, "mean", "c3", ""), (R.KV_USAGE_MAX, "highest", "c3", "dash")),
        top=1.0,
    ),
    charts.Plan(
        id="replicas",
        title="Replicas",
        unit=U.COUNT,
        lines=((R.REPLICAS_READY, "ready", "c4", "step"), (R.REPLICAS_DESIRED, "wished", "c4", "dash step")),
    ),
    charts.Plan(
        id="tokens",
        title="Tokens per second",
        unit=U.TOKENS_PER_SECOND,
        lines=(
            (R.PROMPT_TOKENS, "input", "c1", ""),
            (R.CACHED_TOKENS, "cached", "c2", ""),
            (R.OUTPUT_TOKENS, "output", "c3", ""),
        ),
        note="input without what the prefix cache held",
    ),
    charts.Plan(
        id="mtok",
        title="Dollars per million tokens",
        unit=U.DOLLARS_PER_MILLION_TOKENS,
        lines=((R.DOLLARS_PER_MTOK, "blended", "c1", ""),),
        note="without tokens there is no price: a gap",
    ),
    charts.Plan(
        id="itl",
        title="Inter-token latency",
        unit=U.SECONDS,
        lines=((R.ITL_P95, "p95", "c2", ""), (R.ITL_P50, "p50", "c2", "dash")),
    ),
    charts.Plan(
        id="share",
        title="Prefix cache hits, GPU activity",
        unit=U.RATIO,
        lines=((R.PREFIX_HIT_RATIO, "hits", "c2", ""), (R.GPU_ACTIVITY, "GPU", "c4", "")),
        top=1.0,
    ),
    charts.Plan(
        id="spend",
        title="Dollars per hour",
        unit=U.DOLLARS_PER_HOUR,
        lines=((R.DOLLARS_PER_HOUR, "spend", "c1", "step"),),
    ),
)
"""The nine charts, in reading order."""

READINGS = tuple(dict.fromkeys(reading for plan in PLANS for reading, *_ in plan.lines))


def role_charts(
    past: RoleHistory,
    *,
    begin: datetime,
    end: datetime,
    view: RoleView | None,
    limits: Sequence[Limit],
    findings: Sequence[FindingRecord],
    changes: Sequence[ChangeRecord],
) -> tuple[charts.Chart, ...]:
    """The nine charts over one stretch of time."""
    missing: Mapping[Reading, str] = view.missing if view else dict.fromkeys(READINGS, NOT_SEEN)
    return tuple(
        charts.draw(
            plan,
            past,
            begin=begin,
            end=end,
            limits=limits,
            findings=findings,
            changes=changes,
            sources=view.sources if view else {},
            missing=missing,
            columns={Reading.PROMPT_TOKENS: uncached(past)} if plan.id == "tokens" else {},
        )
        for plan in PLANS
    )


def uncached(past: RoleHistory) -> charts.Column:
    """Prompt tokens that had to be computed: unknown where either part is, and all of them where no part is cached."""
    nothing = (None,) * len(past.at)
    prompt = past.columns.get(Reading.PROMPT_TOKENS, nothing)
    cached = past.columns.get(Reading.CACHED_TOKENS, nothing)
    if all(c is None for c in cached):
        return prompt
    return tuple(None if p is None or c is None else max(0.0, p - c) for p, c in zip(prompt, cached, strict=True))


def limits_of(spec: RoleSpec, limits: Sequence[Limit]) -> tuple[Limit, ...]:
    """The detectors' lines, and the objectives no detector watches."""
    held = {R.TTFT_P95: spec.slo.ttft_p95, R.ITL_P95: spec.slo.itl_p95, R.E2E_P95: spec.slo.e2e_p95}
    watched = {x.reading for x in limits}
    more = [
        Limit(reading=reading, comparison=">", value=value, words="objective")
        for reading, value in held.items()
        if value is not None and reading not in watched
    ]
    return (*limits, *more)
