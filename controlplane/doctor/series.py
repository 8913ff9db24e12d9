"""Does the server have what our rules are made from? Which names do the exporters here use?

A rule that records something has what it needs, whatever else it mentions: old and new names stand side by side in
it. So only what is *not* recorded is looked into, down to the exporters' own metrics.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from controlplane.doctor.check import Check
from controlplane.doctor.loaded import Group
from controlplane.doctor.query import metric_names
from controlplane.doctor.row import Row
from controlplane.model.finding import Severity
from controlplane.promql.catalogue import KNOWN
from controlplane.promql.exported import EXPORTED
from controlplane.promql.metric import Source

NEVER_SEEN = Check(
    id="series-never-seen",
    severity=Severity.WARNING,
    title="rules record nothing, because the server has never seen a metric they need",
    why="What is made from it stays empty for good: this is not a quiet hour but an exporter that is not scraped, a "
    "counter that is off by default, or a version with other names.",
    fix="Scrape the exporter, or turn the counter on.",
)
NOT_NOW = Check(
    id="series-not-now",
    severity=Severity.INFO,
    title="a recorded name has no series now, though its metrics have been seen",
    why="Right where nothing happens (no traffic, no tenant, a role at zero); wrong where something does.",
    fix="Ask Prometheus for the metrics it is made from, and look at their `up`.",
)
CHECKS = (NEVER_SEEN, NOT_NOW)

OWNERS: Mapping[Source, tuple[str, str]] = {
    Source.VLLM: ("vLLM", "scrape the engines: manifests/monitoring/ has their jobs and monitors"),
    Source.SGLANG: ("SGLang", "start SGLang with --enable-metrics, and scrape it"),
    Source.DCGM: (
        "DCGM exporter",
        "scrape the DCGM exporter; counters that are off by default need its own list of counters",
    ),
    Source.KUBE: ("kube-state-metrics", "scrape kube-state-metrics with honor_labels: true"),
    Source.KEDA: ("KEDA", "start KEDA's operator with its metrics on, and scrape it"),
    Source.OPENCOST: ("OpenCost", "# optional: prices come from fleet.yaml and our own page"),
}
OURSELVES = ("control plane", "scrape the control plane's /metrics: manifests/monitoring/ has its job and monitor")
UNKNOWN = ("Prometheus", "# see which exporter it belongs to")
OPTIONAL = {"OpenCost"}
"""What is only asked for where something better is missing."""

_OURS = frozenset(exported.name for exported in EXPORTED)
_SUFFIXES = ("_bucket", "_count", "_sum")


def needed(expected: Sequence[Group]) -> frozenset[str]:
    """Metrics of exporters that the groups are made from: everything they ask for and do not record themselves."""
    asked = {name for group in expected for rule in group.rules for name in metric_names(rule.query)}
    return frozenset(asked - _recorded(expected))


def recorded(expected: Sequence[Group]) -> frozenset[str]:
    """Names the groups record."""
    return frozenset(_recorded(expected))


def check(expected: Sequence[Group], ever: Collection[str], now: Collection[str]) -> tuple[Row, ...]:
    """Rows about series.

    Args:
        expected: what ``generate`` makes.
        ever: of the metrics our rules need, those the server knows of at any time.
        now: of the names our rules record, those that have a series now.
    """
    made_from = {rule.name: metric_names(rule.query) for group in expected for rule in group.rules if not rule.alerts}
    for group in expected:  # several rules may record one name: it is made from all of them
        for rule in group.rules:
            if not rule.alerts:
                made_from[rule.name] |= metric_names(rule.query)
    empty = {name for name in made_from if name not in now}
    blamed: dict[str, set[str]] = {}
    quiet = set()
    for name in empty:
        lacking = {leaf for leaf in _leaves(name, made_from, empty) if leaf not in ever}
        for leaf in lacking:
            blamed.setdefault(leaf, set()).add(name)
        if not lacking:
            quiet.add(name)
    return (*_unseen(blamed), *_quiet(quiet))


def _recorded(expected: Sequence[Group]) -> set[str]:
    return {rule.name for group in expected for rule in group.rules if not rule.alerts}


def _leaves(name: str, made_from: Mapping[str, frozenset[str]], empty: Collection[str]) -> set[str]:
    """Exporters' metrics below a recorded name, through recorded names that are empty themselves."""
    found: set[str] = set()
    todo, done = [name], set()
    while todo:
        one = todo.pop()
        if one in done:
            continue
        done.add(one)
        for part in made_from[one]:
            if part not in made_from:
                found.add(part)
            elif part in empty:
                todo.append(part)
    return found


def _unseen(blamed: Mapping[str, Collection[str]]) -> Iterator[Row]:
    """One row per exporter."""
    owners: dict[tuple[str, str], list[str]] = {}
    for leaf in sorted(blamed):
        owners.setdefault(_owner(leaf), []).append(leaf)
    for (owner, cure), leaves in sorted(owners.items()):
        names = sorted({name for leaf in leaves for name in blamed[leaf]})
        said = f"has never given {_some(leaves)}; so {len(names)} recorded names are empty: {_some(names)}"
        milder = Severity.INFO if owner in OPTIONAL else None
        evidence = tuple(f"{leaf} → {_some(sorted(blamed[leaf]))}" for leaf in leaves[:8])
        yield NEVER_SEEN.row(owner, said, evidence=evidence, fix=cure, severity=milder)


def _quiet(names: Collection[str]) -> Iterator[Row]:
    if names:
        said = f"{len(names)} recorded names have no series now: {_some(sorted(names))}"
        yield NOT_NOW.row("Prometheus", said, evidence=tuple(sorted(names)), fix="# nothing where nothing happens")


def _owner(metric: str) -> tuple[str, str]:
    if metric in _OURS:
        return OURSELVES
    stem = next((metric.removesuffix(suffix) for suffix in _SUFFIXES if metric.endswith(suffix)), metric)
    known = KNOWN.get(metric) or KNOWN.get(stem) or KNOWN.get(f"{stem}_bucket")
    return OWNERS[known[0].source] if known else UNKNOWN


def _some(names: Sequence[str]) -> str:
    """The first few names, and how many more."""
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest} more" if rest > 0 else "")
