"""The page of KEDA's operator for the simulated cluster: what each trigger measured, what is paused, what failed."""

from controlplane.simulate.exposition import Page, labels_text
from controlplane.simulate.fleet import Fleet


def keda_page(fleet: Fleet) -> str:
    """The page as it is now."""
    page, values = Page(), list[float]()
    page.family("keda_scaler_metrics_value", "gauge", "The current value for each scaler's metric used by the HPA")
    for labels, value in _triggers(fleet):
        page.sample("keda_scaler_metrics_value", labels_text(labels.items()))
        values.append(value)
    page.family("keda_scaler_detail_errors_total", "counter", "The total number of errors encountered for each scaler")
    for labels, _ in _triggers(fleet):
        page.sample("keda_scaler_detail_errors_total", labels_text(labels.items()))
        values.append(0.0)
    page.family("keda_scaled_object_paused", "gauge", "Indicates whether a ScaledObject is paused")
    for name, deployment in fleet.deployments.items():
        labels = {"namespace": deployment.role.namespace, "scaledObject": name}
        page.sample("keda_scaled_object_paused", labels_text(labels.items()))
        values.append(0.0)
    name = "keda_scaler_empty_upstream_responses_total"
    page.family(name, "counter", "Number of empty upstream responses")
    for labels, _ in _triggers(fleet):
        of = {
            "namespace": labels["namespace"],
            "scaledResource": labels["scaledObject"],
            "triggerName": labels["scaler"],
            "metricName": labels["metric"],
            "resourceType": "scaledobject",
            "ignoreNullValues": "false",
        }
        page.sample(name, labels_text(of.items()))
        values.append(0.0)
    return page.fill(values)


def _triggers(fleet: Fleet) -> list[tuple[dict[str, str], float]]:
    rows = []
    for name, deployment in fleet.deployments.items():
        engines = [p.engine for p in deployment.ready if p.engine is not None]
        waiting = float(sum(len(e.waiting) for e in engines))
        for index, value in enumerate((waiting, waiting + sum(len(e.running) for e in engines))):
            labels = {
                "namespace": deployment.role.namespace,
                "scaledObject": name,
                "scaler": "prometheusScaler",
                "triggerIndex": str(index),
                "metric": f"s{index}-prometheus",
                "type": "scaledobject",
            }
            rows.append((labels, value))
    return rows
