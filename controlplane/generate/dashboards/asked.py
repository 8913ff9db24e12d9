"""What panels ask: recorded names and our own, each under the choices made at the top of the dashboard.

A selector carries a matcher for every choice whose label its series have, so that no panel shows more than was
chosen, and none shows another team's series.
"""

from collections.abc import Iterable, Sequence

from controlplane.generate.dashboards.panel import Annotation, Query, Variable
from controlplane.promql import exported as ours
from controlplane.promql.expr import Match, aggregate, one_of, select
from controlplane.promql.recorded import RECORDED
from controlplane.settings.alerts import AlertName

FLEET_VARIABLES: tuple[Variable, ...] = (
    Variable(label="cluster", title="Cluster", query=ours.BUILD_INFO.name, all_of=".*"),
    Variable(label="namespace", title="Namespace", query="llm_role:replicas:count", all_of=".*"),
    Variable(label="model", title="Model", query="llm_role:replicas:count"),
    Variable(label="role", title="Role", query="llm_role:replicas:count"),
)
"""Choices of every dashboard. A cluster or a namespace may have no name: Prometheus knows one, or no Kubernetes."""

_LABELS: dict[str, tuple[str, ...]] = {
    **{recorded.name: recorded.labels for recorded in RECORDED},
    **{series: metric.labels for metric in ours.EXPORTED for series in metric.series},
}
CHOSEN = tuple(variable.label for variable in FLEET_VARIABLES)
EVERYWHERE = ("cluster",)
"""An external label: any series may have it."""
_WHOSE = ("cluster", "namespace", "job")
"""What tells a control plane from another fleet's, and its replicas not from each other."""


def chosen(labels: Iterable[str]) -> tuple[Match, ...]:
    """Matchers of the choices that series with these labels can be held to."""
    return tuple(Match(name, f"${name}", "=~") for name in CHOSEN if name in {*labels, *EVERYWHERE})


def asked(
    name: str, *matches: Match, also: Sequence[str] = (), only: Sequence[str] | None = None, window: str = ""
) -> str:
    """A selector of a recorded name or one of ours.

    Args:
        name: the name; a wrong one is a mistake of ours and ends here.
        matches: further matchers.
        also: choices only this dashboard has (``tenant``, ``node``, ``runtime``).
        only: the labels whose choices it is held to, where not all are meant; the cluster always is.
        window: a range, such as ``$__rate_interval``.
    """
    held = _LABELS[name] if only is None else only
    more = tuple(Match(label, f"${label}", "=~") for label in also)
    return select(name, (*chosen(held), *more, *matches)) + (f"[{window}]" if window else "")


def foreign(name: str, *matches: Match, labels: Sequence[str] = ("namespace",), window: str = "") -> str:
    """A selector of an exporter's own name, held to the choices whose labels it has."""
    return select(name, (*chosen(labels), *matches)) + (f"[{window}]" if window else "")


def single(name: str, expression: str) -> str:
    """What is made of each series of one of our metrics, once.

    Replicas of a control plane read the same ledger and say the same: a sum over them would be twice the truth.
    Another fleet's control plane has another namespace or job.
    """
    return aggregate("max", expression, sorted({*_LABELS[name], *_WHOSE}))


def once(name: str, *matches: Match, also: Sequence[str] = ()) -> str:
    """One of our metrics, however many replicas tell it."""
    return single(name, asked(name, *matches, also=also))


def grown(name: str, *matches: Match, window: str, also: Sequence[str] = ()) -> str:
    """How much each series of a counter of ours grew in the window, those that were born in it included.

    ``increase`` sees no growth in a counter that begins at 1, and the first of anything is what one looks for. Born is
    what was not there at the window's beginning, nor on the first page that its target showed since: a pod that took
    another's place shows the ledger's counters from its first page on.
    """
    series = asked(name, *matches, also=also)
    risen = f"increase({series}[{window}])"
    pages = f"count_over_time({asked(ours.STOPPED.name, window=window)})"
    later = f"count_over_time({series}[{window}]) < on (cluster, job, instance) group_left () {pages}"
    born = f"(min_over_time({series}[{window}]) and {later} unless {series} offset {window})"
    return f"({risen} + {born} or {risen} or {born})"


def by(labels: str, operator: str, expression: str) -> str:
    """``operator by (labels) (expression)``."""
    return aggregate(operator, expression, labels.split())


def per_role(name: str, operator: str, *matches: Match, legend: str = "{{role}}") -> Query:
    """One series per role of one name."""
    told = asked(name, *matches) if ":" in name else once(name, *matches)
    return Query(expr=by("role", operator, told), legend=legend)


def equal(label: str, value: str) -> Match:
    """``label="value"``."""
    return Match(label, value)


def other_than(label: str, value: str) -> Match:
    """``label!="value"``."""
    return Match(label, value, "!=")


P95 = equal("quantile", "0.95")
NONE = f"sum({asked(ours.BUILD_INFO.name)}) * 0"
"""Zero while the control plane is there to count, nothing while it is not."""


def or_none(expression: str) -> str:
    """Nothing counted is 0 as long as the control plane is there to count."""
    return f"{expression} or {NONE}"


def ratio(part: str, whole: str) -> str:
    """``part / whole``, absent where the whole is nothing."""
    return f"{part} / ({whole} > 0)"


OUR_ALERTS = one_of("alertname", [name.value for name in AlertName])
FIRING = equal("alertstate", "firing")


def alerts(name: str, *matches: Match) -> str:
    """Our own alerts, as Prometheus keeps them. They carry a role only where they are about one."""
    return select(name, (*chosen(()), OUR_ALERTS, *matches))


_SENT = asked(ours.ACTIONS.name)
_BEFORE = f"({_SENT} offset 2m)"
_GROUP = "kind, result, namespace"

ANNOTATIONS: tuple[Annotation, ...] = (
    Annotation(
        name="Changes",
        expr=f"sum by ({_GROUP}) ({_SENT}) > sum by ({_GROUP}) {_BEFORE} "
        f"or sum by ({_GROUP}) ({_SENT}) > 0 unless sum by ({_GROUP}) {_BEFORE}",
        colour="purple",
        title="{{kind}}: {{result}}",
        text="{{namespace}}",
    ),
    Annotation(
        name="Alerts",
        expr=f"max by (alertname, severity, namespace, role, model) ({alerts('ALERTS', FIRING)})",
        colour="red",
        title="{{alertname}}",
        text="{{severity}} {{namespace}} {{role}} {{model}}",
    ),
)
"""A change is marked when its counter grows, and when it is born: the first one counts from nothing to 1. One that
begins at 0 is no change: after each start the control plane says so of undos."""


def address(uid: str, *kept: str, **variables: str) -> str:
    """Address of a dashboard that reads the same data source, at the same time.

    Args:
        uid: its address.
        kept: choices that go along as they are; of ours, cluster and namespace always do.
        variables: choice → what was clicked: ``__data.fields.Role`` or ``__field.labels.role``. Grafana leaves ``&``
            and ``#`` in such values as they are, and names of tenants and models may have them.
    """
    ours_too = ("cluster", "namespace") if uid.startswith("llm-") else ()
    along = [f"${{{name}:queryparam}}" for name in ("datasource", *ours_too, *kept) if name not in variables]
    clicked = [f"var-{name}=${{{value}:percentencode}}" for name, value in variables.items()]
    return f"/d/{uid}?" + "&".join([*along, *clicked, "${__url_time_range}"])
