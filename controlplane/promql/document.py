"""``docs/metrics.md``, written from the catalogue: which metrics are read, from which versions, into which readings."""

from collections.abc import Iterable

from controlplane.model.reading import ABOUT, Reading
from controlplane.promql.catalogue import CATALOGUE, metrics, signals
from controlplane.promql.metric import Metric, Source

TITLES = {
    Source.VLLM: "vLLM (and, as `ray_vllm_…`, Ray Serve LLM)",
    Source.SGLANG: "SGLang",
    Source.DCGM: "NVIDIA DCGM exporter",
    Source.KUBE: "kube-state-metrics",
    Source.OPENCOST: "OpenCost",
    Source.KEDA: "KEDA",
    Source.LITELLM: "LiteLLM",
    Source.PROMETHEUS: "Prometheus itself",
}

_USE = dict.fromkeys((Source.KEDA, Source.LITELLM, Source.PROMETHEUS), "alerts and dashboards")
"""What metrics that feed no reading are for, where it is not to tell the version."""

HEAD = """# Metrics we read

Generated from `controlplane/promql/`; do not edit. To write it anew:
`make artifacts`

A reading that is absent is unknown, never zero. Where several metrics of one source feed the same reading, the first
in the list that a page has is used, so a version that shows an old and a new name counts once. Sums need 90 % of the
expected replicas, means and percentiles half of them; a percentile needs 5 observations in its window.
`vllm_…`, `ray_vllm_…` and `ray_vllm:…` are understood as spellings of `vllm:…`, likewise for `sglang:…`.
"""


def markdown() -> str:
    """The whole page."""
    parts = [HEAD, "## Readings\n", *_readings()]
    for source, title in TITLES.items():
        parts += [f"\n## {title}\n", *_table(metric for metric in CATALOGUE if metric.source is source)]
    return "\n".join(parts) + "\n"


def _readings() -> list[str]:
    rows = ["| reading | unit | meaning | vLLM | SGLang | other |", "|---|---|---|---|---|---|"]
    for reading in Reading:
        about = ABOUT[reading]
        engines = [_names(reading, source) for source in (Source.VLLM, Source.SGLANG)]
        other = ", ".join(filter(None, (_names(reading, source) for source in (Source.DCGM, Source.KUBE))))
        rows.append(f"| `{reading}` | {about.unit.value} | {about.meaning} | {engines[0]} | {engines[1]} | {other} |")
    return rows


def _names(reading: Reading, source: Source) -> str:
    found = dict.fromkeys(metric.name for signal in signals(reading) for metric in metrics(source, signal))
    return "<br>".join(f"`{name}`" for name in found)


def _table(found: Iterable[Metric]) -> list[str]:
    rows = ["| metric | type | unit | versions | feeds | rows add up by | note |", "|---|---|---|---|---|---|---|"]
    for metric in found:
        only = "" if metric.only is None else f" where `{metric.only[0]}` is {' or '.join(metric.only[1])}"
        feeds = ", ".join(signal.value.replace("_", " ") for signal in metric.feeds) or _USE.get(
            metric.source, "tells the version"
        )
        fold = metric.fold.value if metric.feeds else ""
        cells = (f"`{metric.name}`", metric.kind, metric.unit, metric.window, f"{feeds}{only}", fold, metric.note)
        rows.append(f"| {' | '.join(cells)} |")
    return rows
