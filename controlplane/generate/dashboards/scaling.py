"""Autoscaling and actions: how many replicas are wanted, by whom and why, what was changed, and whether it helped."""

from collections.abc import Sequence

from controlplane.generate.dashboards.asked import (
    ANNOTATIONS,
    FLEET_VARIABLES,
    address,
    asked,
    by,
    equal,
    foreign,
    grown,
    once,
    or_none,
    per_role,
    single,
)
from controlplane.generate.dashboards.charts import (
    BAD,
    DOLLARS,
    FAIR,
    GOOD,
    above,
    chart,
    number,
    table,
    total,
    unused,
)
from controlplane.generate.dashboards.panel import Board, Key, Kind, Link, Panel, Query, Row, State
from controlplane.generate.rules.roles import limit_of
from controlplane.model.keys import ObjectRef
from controlplane.model.reading import Reading
from controlplane.promql import exported as ours
from controlplane.promql import metrics_keda as keda
from controlplane.promql.expr import Match, one_of, quote
from controlplane.settings.schema import Settings

RATE = "$__rate_interval"
NO_KEDA = "KEDA's operator is not scraped"
NO_CHANGES = "nothing was changed"
TARGET = "kube_horizontalpodautoscaler_spec_target_metric"


def scaling_board(settings: Settings) -> Board:
    """Who scales what, and what became of it."""
    return Board(
        uid="llm-scaling",
        title=f"{settings.fleet} · Autoscaling and actions",
        words="How many replicas there are, how many KEDA and we want, and every change that was made. Purple marks on "
        "charts are changes.",
        rows=(_now(), _replicas(settings), _keda(settings), _actions(), _speed(settings)),
        variables=FLEET_VARIABLES,
        annotations=ANNOTATIONS,
    )


def scaled_objects(settings: Settings) -> tuple[ObjectRef, ...]:
    """The ScaledObjects that fleet.yaml names."""
    return tuple(role.scaled_object for role in settings.roles.values() if role.scaled_object is not None)


def of_ours(objects: Sequence[ObjectRef]) -> tuple[Match, Match]:
    """Matchers of KEDA's series about these objects, and nobody else's."""
    return one_of("scaledObject", [o.name for o in objects]), one_of("namespace", [o.namespace for o in objects])


def _grown(window: str, *matches: Match) -> str:
    return grown(ours.ACTIONS.name, *matches, window=window)


def _now() -> Row:
    open_ = equal("state", "open")
    return Row(
        title="Now",
        panels=(
            number(
                "Kill switch",
                f"max({asked(ours.STOPPED.name)})",
                "short",
                "While it is on, nothing is changed.",
                states=(State(0, "off", GOOD), State(1, "on: nothing is changed", BAD)),
            ),
            number("Replicas ready", total(ours.REPLICAS_READY.name), "short", "Replicas that serve."),
            number("Replicas starting", total(ours.REPLICAS_PENDING.name), "short", "Asked for, and not yet serving."),
            number(
                "Waiting for a person",
                or_none(total(ours.RECOMMENDATIONS.name, open_)),
                "short",
                "Open recommendations.",
                steps=above(1, FAIR),
            ),
            number(
                "They would save",
                or_none(total(ours.SAVINGS.name, open_)),
                DOLLARS,
                "Dollars per hour that open recommendations would save.",
            ),
            number(
                "Taken back",
                or_none(f"sum({_grown('$__range', equal('result', 'rolled_back'))})"),
                "short",
                "Changes in the chosen time that made things worse and were undone.",
                steps=above(1, FAIR),
                decimals=0,
            ),
        ),
    )


def _replicas(settings: Settings) -> Row:
    least = Query(expr=by("role", "sum", once(ours.REPLICAS_MIN.name)), legend="{{role}} least", promise=True)
    most = Query(expr=by("role", "sum", once(ours.REPLICAS_MAX.name)), legend="{{role}} most", promise=True)
    return Row(
        title="Replicas",
        panels=(
            Panel(
                title="Ready, wanted, allowed",
                words="Replicas that serve, replicas the autoscaler asks for, and the bounds in force (dashed).",
                width=12,
                queries=(
                    per_role(ours.REPLICAS_READY.name, "sum", legend="{{role}} ready"),
                    per_role(ours.REPLICAS_DESIRED.name, "sum", legend="{{role}} wanted"),
                    least,
                    most,
                ),
            ),
            Panel(
                title="What we would run",
                words="Replicas that we would run now, beside what the autoscaler asks for (dashed). KEDA may follow "
                "ours. Absent while we cannot tell.",
                width=12,
                quiet="we cannot tell yet how much a replica serves",
                queries=(
                    per_role(ours.DESIRED_REPLICAS.name, "sum", legend="{{role}} ours"),
                    Query(
                        expr=by("role", "sum", once(ours.REPLICAS_DESIRED.name)),
                        legend="{{role}} autoscaler",
                        promise=True,
                    ),
                ),
            ),
            chart(
                "Waiting per replica",
                "llm_role:requests_waiting_per_replica:avg",
                "max",
                "short",
                "What calls for replicas; the line is the queue detector's limit.",
                limit=limit_of(settings, Reading.WAITING_PER_REPLICA),
            ),
            Panel(
                title="Starting",
                words="Replicas asked for that do not serve yet. Long after a cold start: no GPU, a wrong image, a "
                "full node.",
                stacked=True,
                queries=(per_role(ours.REPLICAS_PENDING.name, "sum"),),
            ),
            Panel(
                title="Turns per hour",
                words="How often the wanted number changed in the last hour. More than a few: the autoscaler hunts; "
                "widen its window or its step.",
                decimals=0,
                queries=(
                    Query(
                        expr=by("role", "max", f"changes({asked(ours.REPLICAS_DESIRED.name, window='1h')})"),
                        legend="{{role}}",
                    ),
                ),
            ),
        ),
    )


def _keda(settings: Settings) -> Row:
    objects = scaled_objects(settings)
    if not objects:
        return unused("KEDA", "No role in fleet.yaml names a `scaled_object`, so there is nothing of KEDA's to show.")
    ours_only = of_ours(objects)
    hpas = one_of("horizontalpodautoscaler", [f"keda-hpa-{ref.name}" for ref in objects])
    who = "namespace scaledObject"
    target = foreign(TARGET, hpas, *ours_only[1:])
    named = f'label_replace({target}, "scaledObject", "$1", "horizontalpodautoscaler", {quote("keda-hpa-(.+)")})'
    return Row(
        title="KEDA",
        panels=(
            Panel(
                title="Metric against its target",
                words="The value each trigger hands to the HPA, and the target it is divided by (dashed). Wanted "
                "replicas are about one by the other.",
                queries=(
                    Query(
                        expr=by(f"{who} metric", "max", foreign(keda.VALUE.name, *ours_only)),
                        legend="{{namespace}}/{{scaledObject}} {{metric}}",
                    ),
                    Query(
                        expr=by("namespace scaledObject metric_name", "max", named),
                        legend="{{namespace}}/{{scaledObject}} {{metric_name}} target",
                        promise=True,
                    ),
                ),
                quiet=NO_KEDA,
            ),
            Panel(
                title="Errors of scalers",
                words="Questions a trigger could not get answered, per second. While they fail, KEDA keeps the HPA's "
                "last value or the fallback.",
                unit="ops",
                queries=(
                    Query(
                        expr=by(who, "sum", f"rate({foreign(keda.ERRORS.name, *ours_only, window=RATE)})"),
                        legend="{{namespace}}/{{scaledObject}}",
                    ),
                ),
                quiet=NO_KEDA,
            ),
            Panel(
                title="Paused",
                words="A paused ScaledObject has no HPA: its replicas stay as they are.",
                kind=Kind.STATES,
                states=(State(0, "scales", GOOD), State(1, "paused", FAIR)),
                queries=(
                    Query(
                        expr=by(who, "max", foreign(keda.PAUSED.name, *ours_only)),
                        legend="{{namespace}}/{{scaledObject}}",
                    ),
                ),
                quiet=NO_KEDA,
            ),
        ),
    )


def _actions() -> Row:
    realised = ours.REALISED_SAVINGS.name
    saved = single(realised, f"rate({asked(realised, window=RATE)})")
    return Row(
        title="Changes and why",
        panels=(
            Panel(
                title="Changes sent",
                words="What the control plane sent, by kind and what the other side said.",
                stacked=True,
                decimals=0,
                quiet=NO_CHANGES,
                queries=(Query(expr=by("kind result", "sum", _grown(RATE)), legend="{{kind}}: {{result}}"),),
            ),
            Panel(
                title="Findings by detector",
                words="What is open now: the reasons of recommendations.",
                stacked=True,
                decimals=0,
                quiet="nothing is found",
                queries=(Query(expr=by("detector", "sum", once(ours.FINDINGS.name)), legend="{{detector}}"),),
            ),
            Panel(
                title="Recommendations by state",
                words="Where recommendations are in their lives.",
                decimals=0,
                quiet="nothing was recommended",
                queries=(Query(expr=by("state", "sum", once(ours.RECOMMENDATIONS.name)), legend="{{state}}"),),
            ),
            table(
                "Changes, in the chosen time",
                "By kind, result and namespace. Who approved, the patch, and what became of it are on the control "
                "plane's own pages.",
                (
                    Key(label="kind", title="Kind"),
                    Key(label="result", title="Result"),
                    Key(label="namespace", title="Namespace"),
                ),
                (
                    Query(
                        expr=by("kind result namespace", "sum", _grown("$__range")),
                        legend="Changes",
                        decimals=0,
                    ),
                ),
                width=12,
                height=7,
                quiet=NO_CHANGES,
            ),
            Panel(
                title="Realised savings per hour",
                words="What changes whose expectation was met save, since they were judged.",
                unit=DOLLARS,
                width=12,
                height=7,
                quiet="no change was judged to save anything yet",
                queries=(
                    Query(
                        expr=by("kind", "sum", saved) + " * 3600",
                        legend="{{kind}}",
                    ),
                ),
                links=(Link("Cost", address("llm-cost")),),
            ),
        ),
    )


def _speed(settings: Settings) -> Row:
    starts = by("role", "max", f"resets({asked(ours.REPLICAS_PENDING.name, window='1h')})")
    starting = f"({by('role', 'max', asked(ours.REPLICAS_PENDING.name))} > bool 0)"
    rows = [
        Panel(
            title="Minutes of the last hour with replicas starting",
            words="How long a role waited for replicas it had asked for: what a cold start costs.",
            unit="m",
            queries=(Query(expr=f"avg_over_time({starting}[1h:1m]) * 60", legend="{{role}}"),),
        )
    ]
    limit = limit_of(settings, Reading.WAITING_PER_REPLICA)
    if limit is not None:
        queue = by("role", "max", asked("llm_role:requests_waiting_per_replica:avg"))
        pressed = f"({queue} > bool {limit:g})"
        rows = [
            Panel(
                title="Minutes of the last hour under pressure",
                words="How long a role's queue was over the detector's limit: what help that comes late costs.",
                unit="m",
                queries=(Query(expr=f"avg_over_time({pressed}[1h:1m]) * 60", legend="{{role}}"),),
            ),
            *rows,
            Panel(
                title="Minutes under pressure per start",
                words="Minutes of pressure in the last hour for each time replicas became ready: about the time from "
                "pressure to help.",
                unit="m",
                quiet="no replica became ready in the last hour",
                queries=(
                    Query(
                        expr=f"avg_over_time({pressed}[1h:1m]) * 60 / ({starts} > 0)",
                        legend="{{role}}",
                    ),
                ),
            ),
        ]
    return Row(title="How fast help comes", panels=tuple(rows))
