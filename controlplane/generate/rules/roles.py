"""Per role: what an operator asks for."""

from collections.abc import Iterator

from controlplane.generate.rules.gpus import ACTIVE, EQUIVALENTS
from controlplane.generate.rules.info import JOIN, RUNNING, info_rules, per_role
from controlplane.generate.rules.pods import FINISHED, GAUGES, HISTOGRAMS, KV_USAGE, RATES, pods_of
from controlplane.generate.rules.rule import Group, Record, labelled, on
from controlplane.model.reading import Reading
from controlplane.promql.expr import aggregate
from controlplane.promql.recorded import POD, QUANTILES, ROLE_MODEL
from controlplane.settings.schema import Settings

OBJECTIVE = "llm_role:objective:seconds"
REPLICAS = "llm_role:replicas:count"


def role_group(settings: Settings, *, pod_buckets: bool) -> Group:
    """All rules per role."""
    return Group(name="llm-roles", rules=tuple(_rules(settings, pod_buckets=pod_buckets)))


def _rules(settings: Settings, *, pod_buckets: bool) -> Iterator[Record]:
    yield from info_rules(settings)
    for pod_name, _ in (*GAUGES, *RATES):
        yield Record(name=_role(pod_name), expr=_joined("sum", pod_name))
    yield Record(name=_role(FINISHED), expr=_joined("sum", FINISHED, "reason"))
    yield Record(name=REPLICAS, expr=_joined("count", RUNNING))
    yield Record(name="llm_role:requests_waiting_per_replica:avg", expr=f"llm_role:requests_waiting:sum / {REPLICAS}")
    for operator in ("max", "avg"):
        yield Record(name=f"llm_role:kv_cache_usage:{operator}", expr=_joined(operator, KV_USAGE))
    yield Record(name="llm_role:kv_pressured_replicas:ratio", expr=_pressured(settings))
    yield Record(
        name="llm_role:prefix_cache_hit:ratio5m",
        expr="llm_role:prefix_cache_hit_tokens:rate5m / (llm_role:prefix_cache_queried_tokens:rate5m > 0)",
    )
    busy, size = (aggregate("sum", text, POD) for text in (f"{ACTIVE} * {EQUIVALENTS}", EQUIVALENTS))
    yield Record(name="llm_role:gpu_engine_active:avg", expr=f"{per_role(busy)} / {per_role(size)}")
    yield from _latencies(settings, pod_buckets=pod_buckets)
    yield from _objectives(settings)


def _role(pod_name: str) -> str:
    return pod_name.replace("llm_pod:", "llm_role:", 1)


def _joined(operator: str, pod_name: str, *also: str) -> str:
    return aggregate(operator, f"{pod_name} {JOIN}", (*ROLE_MODEL, *also))


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
    return aggregate("avg", f"{both} {JOIN}", ROLE_MODEL)


def _latencies(settings: Settings, *, pod_buckets: bool) -> Iterator[Record]:
    """Histograms and their quantiles. A large fleet goes from the engines' own rows straight to the role."""
    for stem, signal in HISTOGRAMS.items():
        buckets = f"llm_role:{stem}_seconds_bucket:rate5m"
        if pod_buckets:
            yield Record(name=buckets, expr=_joined("sum", f"llm_pod:{stem}_seconds_bucket:rate5m", "runtime", "le"))
        else:
            for pods in pods_of(settings):
                yield Record(name=buckets, expr=_joined("sum", pods.buckets(signal), "le"), labels=pods.labels)
        for q in QUANTILES:
            expr = f"histogram_quantile({q}, {buckets}) >= 0"  # without traffic it is NaN: then nothing is recorded
            yield Record(name=f"llm_role:{stem}_seconds:quantile5m", expr=expr, labels={"quantile": q})


def _objectives(settings: Settings) -> Iterator[Record]:
    """What fleet.yaml promises, as series to hold the measured ones against."""
    for name, role in settings.roles.items():
        for objective, span in role.slo:
            if span is not None:
                labels = {"role": name, "objective": objective}
                if role.namespace:
                    labels["namespace"] = role.namespace
                yield Record(name=OBJECTIVE, expr=f"vector({span.total_seconds():g})", labels=labels)
