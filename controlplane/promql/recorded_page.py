"""``docs/recorded.md``, written from the list of recorded names."""

from collections.abc import Iterator

from controlplane.promql.recorded import LEVELS

ABOUT = {
    "llm_pod": "Per pod. The engines' and exporters' own names end here.",
    "llm_gpu": "Per GPU or MIG slice, from the DCGM exporter in any version and label style.",
    "llm_node": "Per node: GPUs and their price.",
    "llm_role": "Per role: what an operator asks for.",
    "llm_model": "Per model: what its tokens cost, whatever roles serve it.",
    "llm_tenant": "Per tenant; only where sessions are read.",
    "llm_slo": "Per objective of fleet.yaml: good, total and missed requests, for burn rates.",
    "llm_fleet": "The whole fleet: the bill.",
}

HEAD = """# Recorded names

Generated from `controlplane/promql/recorded.py`; do not edit. To write it anew: `make artifacts`

The rules in `rules/` turn whatever engines and exporters call things into these names. Dashboards, alerts and
autoscalers ask for nothing else. No sample means *unknown*, never zero.

**Money.** GPUs that a pod holds, times the price of its node; a MIG slice counts with the larger of its share of
compute and of memory, and where pods hold more than a node has they share its price. Every dollar is in one bucket of
`llm_fleet:cost_dollars_per_hour:sum`: serving, idle, other, unallocated. Prices per token are the money of a window
divided by the tokens of the same window: a lull weighs as much as it costs. There is no price without tokens, and none
where less than 90 % of the window's money is known. The price of a kind of token is the weighted price times the
kind's weight (`cost: {weights: …}` in fleet.yaml), so tokens times prices add back to the money.

**Prefill and decode apart.** A prompt is delivered by prefill pools, output by decode pools, so nothing counts twice.
The price of a prefill role is per prompt token, that of a decode role per output token.

**While the control plane is not running**, roles come from fleet.yaml's `select` (phases are then unknown: `both`),
GPUs from what pods ask the scheduler for (kube-state-metrics), prices from OpenCost. A pod that nobody claims has the
role `unassigned`.

**Outside Kubernetes** a pod is the address it is scraped at, and a role costs what the control plane reckons.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_tables()]) + "\n"


def _tables() -> Iterator[str]:
    for level, words in ABOUT.items():
        yield f"## {level}\n\n{words}\n"
        yield "| name | unit | labels | meaning |\n|---|---|---|---|"
        for recorded in LEVELS[level]:
            labels = " ".join(f"`{label}`" for label in recorded.labels)
            yield f"| `{recorded.name}` | {recorded.unit} | {labels} | {recorded.words} |"
        yield ""
