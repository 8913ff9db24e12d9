"""Per role: what an operator asks for. Which pod belongs to which role is said once, by ``llm_pod:info``."""

from collections.abc import Iterator

from controlplane.generate.rules.pods import FINISHED, GAUGES, HISTOGRAMS, KV_USAGE, RATES
from controlplane.generate.rules.rule import POD, ROLE_MODEL, Group, Record, labelled, on, ours
from controlplane.model.reading import Reading
from controlplane.promql import exported
from controlplane.promql.expr import Match, aggregate, select
from controlplane.settings.roles import Role
from controlplane.settings.schema import Settings

INFO = "llm_pod:info"
OBJECTIVE = "llm_role:objective:seconds"
QUANTILES = ("0.5", "0.95", "0.99")

_JOIN = f"* {on(POD)} group_left (role, phase) {INFO}"
_TOLD_APART_BY = {"model_name": "model", "namespace": "namespace", "pod": "pod"}
"""Labels of fleet.yaml's ``select`` that recorded series still carry, and what they are called there."""


def role_group(settings: Settings) -> Group:
    """All rules per role."""
    return Group(name="llm-roles", rules=tuple(_rules(settings)))


def _rules(settings: Settings) -> Iterator[Record]:
    yield Record(name=INFO, expr=_info(settings))
    for pod_name, _ in (*GAUGES, *RATES):
        yield Record(name=_role(pod_name), expr=_joined("sum", pod_name))
    yield Record(name=_role(FINISHED), expr=_joined("sum", FINISHED, "reason"))
    yield Record(name="llm_role:replicas:count", expr=_joined("count", "llm_pod:requests_running:sum"))
    yield Record(
        name="llm_role:requests_waiting_per_replica:avg",
        expr="llm_role:requests_waiting:sum / llm_role:replicas:count",
    )
    for operator in ("max", "avg"):
        yield Record(name=f"llm_role:kv_cache_usage:{operator}", expr=_joined(operator, KV_USAGE))
    yield Record(name="llm_role:kv_pressured_replicas:ratio", expr=_pressured(settings))
    yield Record(
        name="llm_role:prefix_cache_hit:ratio5m",
        expr="llm_role:prefix_cache_hit_tokens:rate5m / (llm_role:prefix_cache_queried_tokens:rate5m > 0)",
    )
    for stem, _ in HISTOGRAMS:
        buckets = f"llm_role:{stem}_seconds_bucket:rate5m"
        yield Record(name=buckets, expr=_joined("sum", f"llm_pod:{stem}_seconds_bucket:rate5m", "runtime", "le"))
        for q in QUANTILES:
            expr = f"histogram_quantile({q}, {buckets}) >= 0"  # without traffic it is NaN: then nothing is recorded
            yield Record(name=f"llm_role:{stem}_seconds:quantile5m", expr=expr, labels={"quantile": q})
    yield from _objectives(settings)


def _role(pod_name: str) -> str:
    return pod_name.replace("llm_pod:", "llm_role:", 1)


def _joined(operator: str, pod_name: str, *also: str) -> str:
    return aggregate(operator, f"{pod_name} {_JOIN}", (*ROLE_MODEL, *also))


def _info(settings: Settings) -> str:
    """Pod → role: what the control plane says, else what fleet.yaml selects, else ``unassigned``."""
    ways = [ours(exported.POD_INFO, "group", (*POD, "role", "phase"))]
    for name, role in settings.roles.items():
        matchers = _matchers(role)
        if matchers is not None:
            pods = aggregate("group", select("llm_pod:requests_running:sum", matchers), POD)
            ways.append(labelled(pods, role=name, phase="both"))
    unknown = aggregate("group", "llm_pod:requests_running:sum", POD)
    ways.append(labelled(unknown, role="unassigned", phase="both"))
    return f" or {on(POD)} ".join(ways)


def _matchers(role: Role) -> list[Match] | None:
    """The role's ``select`` on recorded series; ``None`` where it needs labels they do not carry."""
    wanted = role.matchers()
    if any(label not in _TOLD_APART_BY for label in wanted):
        return None
    return [Match(_TOLD_APART_BY[label], value) for label, value in sorted(wanted.items())]


def limit_of(settings: Settings, reading: Reading) -> float | None:
    """The detectors' limit on a reading, when it is the same for every role; else ``None``."""
    found = {
        limit.value
        for spec in settings.role_specs()
        for detector in settings.policy_parts().detectors
        for limit in detector.limits(spec)
        if limit.reading is reading
    }
    return found.pop() if len(found) == 1 else None


def _pressured(settings: Settings) -> str:
    """Share of replicas whose KV cache is over the detector's limit while requests wait or are preempted."""
    limit = limit_of(settings, Reading.KV_USAGE_MAX)
    full = f"({KV_USAGE} > bool {1 if limit is None else limit:g})"
    thrown_out = labelled("llm_pod:preemptions:rate5m", of="preemptions")  # or they would hide the waiting ones
    hurt = aggregate("sum", f"llm_pod:requests_waiting:sum or {thrown_out}", POD)
    both = f"({full} * {on(POD)} group_left () ({hurt} > bool 0))"
    return aggregate("avg", f"{both} {_JOIN}", ROLE_MODEL)


def _objectives(settings: Settings) -> Iterator[Record]:
    """What fleet.yaml promises, as series to hold the measured ones against."""
    for name, role in settings.roles.items():
        for objective, span in role.slo:
            if span is not None:
                labels = {"role": name, "objective": objective}
                if role.namespace:
                    labels["namespace"] = role.namespace
                yield Record(name=OBJECTIVE, expr=f"vector({span.total_seconds():g})", labels=labels)
