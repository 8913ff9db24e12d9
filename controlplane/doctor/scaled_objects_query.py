"""What a trigger asks, and what KEDA makes of the answer: a sum it may divide, or a mean that pins the fleet."""

import re
from collections.abc import Iterator

from controlplane.doctor.check import Check
from controlplane.doctor.plain import seconds
from controlplane.doctor.query import metric_names
from controlplane.doctor.row import Row
from controlplane.doctor.scaled_objects_read import WISH, Context, Scaled, Trigger, trigger_fix, written
from controlplane.model.finding import Severity
from controlplane.promql.catalogue import CATALOGUE, wire_names
from controlplane.promql.metric import Signal, Source

MANY_SERIES = Check(
    id="keda-many-series",
    severity=Severity.CRITICAL,
    title="a query can return more than one series",
    why="KEDA refuses such an answer: with the second pod the trigger is in error, and scaling freezes or falls back.",
    fix="Put sum() or max() around the whole query.",
)
AVERAGE_PINS = Check(
    id="keda-average-pins",
    severity=Severity.CRITICAL,
    title="a mean, maximum or percentile is divided by the threshold as if it were a sum",
    why="With AverageValue the fleet becomes value ÷ threshold replicas. A mean per pod does not grow with the fleet: "
    "it pins it at one or two, and shrinks a bigger one.",
    fix="Ask for the sum over all pods, or set metricType: Value.",
)
RATIO_PINS = Check(
    id="keda-ratio-pins",
    severity=Severity.CRITICAL,
    title="a ratio of 0 to 1 is divided by the threshold as if it were a sum",
    why="KV cache use of 0.9 over a threshold of 0.8 asks for 2 replicas whatever the size of the fleet.",
    fix="Ask for the sum over all pods (each full cache is one replica's work), or set metricType: Value.",
)
VALUE_MULTIPLIES = Check(
    id="keda-value-multiplies",
    severity=Severity.CRITICAL,
    title="a sum, or a number of replicas, is multiplied by the replicas there are",
    why="With metricType Value the fleet becomes replicas × value ÷ threshold: a wish of 2 leads to 2, 4, 8 and the "
    "maximum, and a wish of 1 never shrinks anything.",
    fix="Set metricType: AverageValue.",
)
REMOVED_METRIC = Check(
    id="keda-removed-metric",
    severity=Severity.CRITICAL,
    title="a query asks for a metric that current engines no longer have",
    why="After an upgrade the answer is empty, and KEDA reads empty as 0.",
    fix="Ask for the new name, or for both: new or old.",
)
UNBOUNDED_QUERY = Check(
    id="keda-every-model",
    severity=Severity.WARNING,
    title="a query counts every model's load",
    why="Nothing in it picks one model, role or namespace: a second model's queue scales this one.",
    fix="Add model_name or namespace to each selector.",
)
THRESHOLD_NEVER = Check(
    id="keda-threshold-never",
    severity=Severity.CRITICAL,
    title="a threshold in percent for a ratio of 0 to 1",
    why="vLLM's *_perc and SGLang's token_usage are 0 to 1: a threshold of 80 is never reached.",
    fix="Divide the threshold by 100.",
)
SHORT_RANGE = Check(
    id="keda-short-range",
    severity=Severity.WARNING,
    title="a range too short for the scrape interval",
    why="A rate over less than four scrapes is often empty, and an empty answer is 0 or an error.",
    fix="Use a range of at least four scrape intervals.",
)
GPU_BUSY = Check(
    id="keda-gpu-utilisation",
    severity=Severity.WARNING,
    title="a role is scaled by how busy its GPUs are",
    why="One small kernel makes a GPU 100 % busy, and decoding waits for memory: it says nothing about room for more.",
    fix="Scale on waiting requests and KV cache use.",
)
CHECKS = (
    MANY_SERIES,
    AVERAGE_PINS,
    RATIO_PINS,
    VALUE_MULTIPLIES,
    REMOVED_METRIC,
    UNBOUNDED_QUERY,
    THRESHOLD_NEVER,
    SHORT_RANGE,
    GPU_BUSY,
)

ENGINES = frozenset({Source.VLLM, Source.SGLANG})
OF_ENGINES = {name: m for m in CATALOGUE if m.source in ENGINES for name in wire_names(m)}
REMOVED = {name: m for name, m in OF_ENGINES.items() if m.until}
RATIOS = frozenset(name for m in CATALOGUE if m.unit.startswith("0..1") for name in wire_names(m))
BUSY = frozenset(name for m in CATALOGUE if Signal.GPU_ACTIVITY in m.feeds for name in wire_names(m))
_LOOKS_LIKE_RATIO = re.compile(r"_perc$|_usage$|_ratio$|saturation|utilization", re.ASCII)
_MEANS = frozenset({"avg", "max", "min", "quantile", "histogram_quantile", "avg_over_time", "max_over_time"})
_PICKS = re.compile(
    r"[{,]\s*[\"']?(?:exported_)?"
    r"(?:model|model_name|served_model_name|namespace|role|pod|service|deployment|app|container|endpoint|variant_name"
    r"|inference_pool|target_model_name|name|release|workload|instance|job)[\"']?\s*(?:=|=~)\s*[\"'`]",
    re.ASCII,
)
_RANGE = re.compile(r"\[\s*([0-9a-z]+)\s*[\]:]", re.ASCII)
_RATE = re.compile(r"\b(?:i?rate|increase|i?delta|deriv)\s*\(", re.ASCII)
SCRAPES = 4
"""Scrapes a range must hold."""


def engine_metrics(query: str) -> frozenset[str]:
    """Names of the engines' own metrics in a query, in any spelling, those we do not know too."""
    return frozenset(
        n for n in metric_names(query) if n in OF_ENGINES or n.startswith(("vllm:", "sglang:", "ray_vllm_"))
    )


def check(so: Scaled, context: Context) -> Iterator[Row]:
    """Rows about the queries of one object."""
    for trigger in so.triggers:
        if trigger.prometheus and trigger.query:
            yield from _answer(so, trigger)
            yield from _arithmetic(so, trigger)
            yield from _names(so, trigger)
            yield from _range(so, trigger, context)


def _evidence(trigger: Trigger) -> str:
    query = " ".join(trigger.query.split())
    return f"{trigger.path}.metadata.query = {query[:200]}{'…' if len(query) > 200 else ''}"


def _answer(so: Scaled, trigger: Trigger) -> Iterator[Row]:
    if not trigger.shape.one:
        said = "asks a question with as many answers as pods; KEDA takes one, and is in error otherwise"
        fix = trigger_fix(trigger, query=f"sum({trigger.query.strip()})")
        yield MANY_SERIES.row(so.subject, said, evidence=(_evidence(trigger),), fix=fix)


def _arithmetic(so: Scaled, trigger: Trigger) -> Iterator[Row]:
    """What the threshold is divided into. A formula makes its own number of the triggers."""
    names = metric_names(trigger.query)
    ratio = any(n in RATIOS or _LOOKS_LIKE_RATIO.search(n) for n in names)
    wish, outer = any(WISH.search(n) for n in names), trigger.shape.outer
    threshold, evidence = trigger.threshold, _evidence(trigger)
    if ratio and threshold is not None and threshold > 1.5 and outer in {*_MEANS, ""}:
        said = f"waits for {threshold:g} of what is never more than 1"
        fix = trigger_fix(trigger, threshold=f"{threshold / 100:g}")
        yield THRESHOLD_NEVER.row(so.subject, said, evidence=(evidence,), fix=fix)
        return
    if so.formula:
        return
    typed = f"{trigger.path}.metricType = {trigger.raw.get('metricType', 'not set (AverageValue by default)')}"
    if trigger.metric_type == "Value":
        if wish or (outer in {"sum", "count"} and not ratio and not _divides(trigger)):
            what = "a wish for replicas" if wish else "a sum over the fleet"
            said = f"multiplies {what} by the replicas there are: it runs away to {so.max or 100}"
            fix = f"# {trigger.path}\n" + written({"metricType": "AverageValue"})
            yield VALUE_MULTIPLIES.row(so.subject, said, evidence=(evidence, typed), fix=fix)
    elif not wish and outer in _MEANS:
        kind, limit = (RATIO_PINS, 1.0) if ratio else (AVERAGE_PINS, None)
        most = f" and never for more than {_most(limit, threshold)}" if limit and threshold else ""
        said = f"asks for {outer}() ÷ {trigger.metadata.get('threshold')} replicas however large the fleet is{most}"
        fix = trigger_fix(trigger, query=trigger.query.replace(f"{outer}(", "sum(", 1))
        if outer not in {"avg", "max", "min"}:
            fix = f"# {trigger.path}\n" + written({"metricType": "Value"})
        yield kind.row(so.subject, said, evidence=(evidence, typed), fix=fix)


def _most(limit: float, threshold: float) -> int:
    return max(1, -int(-limit // threshold))


def _divides(trigger: Trigger) -> bool:
    """Whether the query divides one thing by another: a mean, however it is written."""
    return " / " in f" {trigger.query} ".replace("/", " / ")


def _names(so: Scaled, trigger: Trigger) -> Iterator[Row]:
    names = metric_names(trigger.query)
    evidence = _evidence(trigger)
    fed = {signal for n in names if n in OF_ENGINES and n not in REMOVED for signal in OF_ENGINES[n].feeds}
    for name in sorted(names & REMOVED.keys()):
        metric = REMOVED[name]
        if set(metric.feeds) & fed:
            continue  # it stands beside its new name
        new = next(
            (
                m.name
                for m in CATALOGUE
                if m.source is metric.source and not m.until and set(m.feeds) & set(metric.feeds)
            ),
            None,
        )
        said = f"asks for {name}, which engines after {metric.until} do not have"
        fix = trigger_fix(trigger, query=trigger.query.replace(name, new)) if new else REMOVED_METRIC.fix
        yield REMOVED_METRIC.row(so.subject, said, evidence=(evidence,), fix=fix)
    if engine_metrics(trigger.query) and not _PICKS.search(trigger.query):
        first = min(engine_metrics(trigger.query))
        said = f"counts the load of every model: nothing in its query picks {so.target[2] or 'its own'}"
        fix = trigger_fix(trigger, query=_picked(trigger.query, first, so.namespace))
        yield UNBOUNDED_QUERY.row(so.subject, said, evidence=(evidence,), fix=fix)
    busy = sorted(names & BUSY)
    if busy:
        said = f"scales on {busy[0]}: a GPU is busy long before it is full"
        fix = trigger_fix(trigger, query=f'sum(vllm:num_requests_waiting{{namespace="{so.namespace}"}})', threshold="5")
        yield GPU_BUSY.row(so.subject, said, evidence=(evidence,), fix=fix)


def _picked(query: str, name: str, namespace: str) -> str:
    at = query.find(name) + len(name)
    inside = f'namespace="{namespace}"'
    if query[at : at + 1] == "{":
        rest = query[at + 1 :]
        return f"{query[: at + 1]}{inside}{'' if rest.lstrip().startswith('}') else ','}{rest}"
    return f"{query[:at]}{{{inside}}}{query[at:]}"


def _range(so: Scaled, trigger: Trigger, context: Context) -> Iterator[Row]:
    least = context.scrape_interval.total_seconds() * SCRAPES
    short = [w for w in _RANGE.findall(trigger.query) if 0 < seconds(w) < least]
    if short and _RATE.search(trigger.query):
        every = context.scrape_interval.total_seconds()
        said = f"looks back {short[0]}; with a scrape every {every:g} s that is often empty"
        query = trigger.query.replace(f"[{short[0]}]", f"[{least:g}s]")
        yield SHORT_RANGE.row(so.subject, said, evidence=(_evidence(trigger),), fix=trigger_fix(trigger, query=query))
