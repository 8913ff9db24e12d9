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


def by(labels: str, operator: str, expression: str) -> str:
    """``operator by (labels) (expression)``."""
    return aggregate(operator, expression, labels.split())


def per_role(name: str, operator: str, *matches: Match, legend: str = "{{role}}") -> Query:
    """One series per role of one name."""
    return Query(expr=by("role", operator, asked(name, *matches)), legend=legend)


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
        f"or sum by ({_GROUP}) ({_SENT}) unless sum by ({_GROUP}) {_BEFORE}",
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
"""A change is marked when its counter grows, and when it is born: the first one counts from nothing to 1."""


def address(uid: str, **variables: str) -> str:
    """Address of a dashboard that reads the same data source."""
    chosen_there = [f"var-{name}={value}" for name, value in variables.items()]
    return f"/d/{uid}?" + "&".join(["${datasource:queryparam}", *chosen_there, "${__url_time_range}"])
