"""What Prometheus says about its targets, the rules it evaluates and the alerts it raises."""

from functools import partial

from controlplane.promql.metric import Kind, Metric, Source

_GROUP = ("rule_group",)
"""``file;group``: the file is the server's own name for it, the group is ours."""
_rules = partial(Metric, source=Source.PROMETHEUS, labels=_GROUP, scraped=False)
_gauge = partial(_rules, kind=Kind.GAUGE)
_counter = partial(_rules, kind=Kind.COUNTER)
_written = partial(Metric, source=Source.PROMETHEUS, kind=Kind.GAUGE, scraped=False)

PROMETHEUS: tuple[Metric, ...] = (
    _counter(name="prometheus_rule_evaluation_failures_total", unit="evaluations"),
    _counter(
        name="prometheus_rule_group_iterations_missed_total", unit="evaluations", note="it was too busy to evaluate"
    ),
    _gauge(name="prometheus_rule_group_interval_seconds", unit="seconds"),
    _gauge(name="prometheus_rule_group_last_duration_seconds", unit="seconds"),
    _gauge(name="prometheus_rule_group_last_evaluation_timestamp_seconds", unit="seconds since 1970"),
    _gauge(name="prometheus_rule_group_last_evaluation_samples", unit="samples"),
    _gauge(name="prometheus_rule_group_rules", unit="rules"),
    _written(
        name="ALERTS", unit="1", labels=("alertname", "alertstate"), note="and the alert's own labels; written by rules"
    ),
    _written(name="up", unit="0 or 1", labels=("job", "instance"), note="whether the last scrape of a target worked"),
    _written(name="ALERTS_FOR_STATE", unit="seconds since 1970", labels=("alertname",), note="when it became true"),
)
