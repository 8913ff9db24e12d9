"""What KEDA's operator says about the scalers it runs: alerts and dashboards ask for it, no reading is made of it."""

from controlplane.promql.metric import Kind, Metric, Source

_SCALER = ("namespace", "scaledObject", "scaler", "metric", "triggerIndex", "type")

ERRORS = Metric(
    name="keda_scaler_detail_errors_total",
    source=Source.KEDA,
    kind=Kind.COUNTER,
    unit="errors",
    labels=_SCALER,
    since="2.14",
    note="replaced keda_scaler_errors_total, which 2.17 removed",
)
VALUE = Metric(
    name="keda_scaler_metrics_value",
    source=Source.KEDA,
    kind=Kind.GAUGE,
    unit="as asked for",
    labels=_SCALER,
    note="the value handed to the HPA",
)
PAUSED = Metric(
    name="keda_scaled_object_paused",
    source=Source.KEDA,
    kind=Kind.GAUGE,
    unit="0 or 1",
    labels=("namespace", "scaledObject"),
    note="also 1 while only scaling in, or out, is paused",
)
EMPTY = Metric(
    name="keda_scaler_empty_upstream_responses_total",
    source=Source.KEDA,
    kind=Kind.COUNTER,
    unit="answers",
    labels=("namespace", "scaledResource", "triggerName", "metricName", "resourceType", "ignoreNullValues"),
    since="2.20",
    note="queries without a result, which KEDA takes for 0 unless told otherwise",
)

KEDA: tuple[Metric, ...] = (ERRORS, VALUE, PAUSED, EMPTY)
