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
from controlplane.promql.catalogue import KNOWN, metrics, wire_names
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
    Source.VLLM: ("vLLM", "# scrape the engines: manifests/monitoring/ has their jobs and monitors"),
    Source.SGLANG: ("SGLang", "python -m sglang.launch_server --enable-metrics …  # and scrape it"),
    Source.DCGM: (
        "DCGM exporter",
        "# scrape it: manifests/monitoring/ has its job and monitor; a counter that is off goes into its own list",
    ),
    Source.KUBE: ("kube-state-metrics", "honor_labels: true  # in a scrape job for kube-state-metrics"),
    Source.KEDA: ("KEDA", "# scrape KEDA's operator: manifests/monitoring/ has its job and monitor"),
    Source.OPENCOST: ("OpenCost", "# optional: prices come from fleet.yaml and our own page"),
}
OURSELVES = ("control plane", "# scrape its /metrics: manifests/monitoring/ has its job and monitor")
RAY = (
    "Ray Serve LLM",
    "log_engine_metrics: true  # in the LLMConfig (the default by Ray 2.54), and scrape the metrics port of each node",
)
"""Whichever engine is inside."""
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


def check(
    expected: Sequence[Group], loaded: Collection[str], ever: Collection[str], now: Collection[str]
) -> tuple[Row, ...]:
    """Rows about series.

    Args:
        expected: what ``generate`` makes.
        loaded: names of the groups that the server has; where one is not loaded nothing can be recorded.
        ever: of the metrics our rules need, those the server knows of at any time.
        now: of the names our rules record, those that have a series now.
    """
    made_from = _made_from(expected)
    running = _recorded([group for group in expected if group.name in loaded])
    empty = {name for name in running if name not in now}
    lacking = {name: _lacking(name, made_from, empty, ever) for name in empty}
    silent = {leaf for leaf in needed(expected) if not _owner_seen(leaf, expected, ever)}
    return (*_unseen(lacking, made_from, silent), *_quiet({name for name in empty if not lacking[name]}))


def _recorded(groups: Sequence[Group]) -> set[str]:
    return {rule.name for group in groups for rule in group.rules if not rule.alerts}


def _made_from(groups: Sequence[Group]) -> Mapping[str, frozenset[str]]:
    """Recorded name → the names its rules ask for; several rules may record one name."""
    found: dict[str, frozenset[str]] = {}
    for group in groups:
        for rule in group.rules:
            if not rule.alerts:
                found[rule.name] = found.get(rule.name, frozenset()) | metric_names(rule.query)
    return found


def _lacking(
    name: str, made_from: Mapping[str, frozenset[str]], empty: Collection[str], ever: Collection[str]
) -> frozenset[str]:
    """Exporters' metrics below a recorded name that were never seen, through recorded names that are empty too."""
    found: set[str] = set()
    todo, done = [name], set()
    while todo:
        one = todo.pop()
        done.add(one)
        for part in made_from[one]:
            if part not in made_from:
                found.add(part)
            elif part in empty and part not in done:
                todo.append(part)
    return frozenset(leaf for leaf in found if leaf not in ever and not _stands_in(leaf, ever))


def _stands_in(leaf: str, ever: Collection[str]) -> bool:
    """Whether another name for the same thing was seen: that of an older or a newer version."""
    return any(
        name in ever
        for known in KNOWN.get(leaf, ())
        for signal in known.feeds
        for other in metrics(known.source, signal)
        for name in wire_names(other)
    )


def _owner_seen(leaf: str, expected: Sequence[Group], ever: Collection[str]) -> bool:
    """Whether anything of the exporter that ``leaf`` belongs to was ever seen."""
    return any(_owner(other) == _owner(leaf) for other in needed(expected) if other in ever)


def _unseen(
    lacking: Mapping[str, frozenset[str]], made_from: Mapping[str, frozenset[str]], silent: Collection[str]
) -> Iterator[Row]:
    """One row per exporter: all of it was never seen, or some of it, and names stay empty for that."""
    owners: dict[tuple[str, str], set[str]] = {}
    for leaf in {*silent, *(leaf for leaves in lacking.values() for leaf in leaves)}:
        owners.setdefault(_owner(leaf), set()).add(leaf)
    for (owner, cure), leaves in sorted(owners.items()):
        below = [name for name, found in lacking.items() if found & leaves]
        if owner in OPTIONAL and not below:
            continue
        direct = sorted(name for name in below if made_from[name] & leaves)
        whole = leaves <= set(silent)
        said = "was never seen" if whole else f"has never given {_some(sorted(leaves))}"
        said += f"; {len(below)} recorded names are empty for it" if below else ""
        milder = owner in OPTIONAL or (owner == OURSELVES[0] and not whole)  # of our own, what is not in use is absent
        milder = milder or all(_off(leaf) for leaf in leaves)
        evidence = tuple(f"{name} is made from {_some(sorted(made_from[name] & leaves))}" for name in direct[:8])
        severity = Severity.INFO if milder else None
        yield NEVER_SEEN.row(owner, said, evidence=evidence, fix=cure, severity=severity)


def _quiet(names: Collection[str]) -> Iterator[Row]:
    if names:
        said = f"{len(names)} recorded names have no series now: {_some(sorted(names))}"
        yield NOT_NOW.row("Prometheus", said, evidence=tuple(sorted(names)), fix="# nothing where nothing happens")


def _owner(metric: str) -> tuple[str, str]:
    if metric in _OURS:
        return OURSELVES
    if metric.startswith("ray_"):
        return RAY
    stem = next((metric.removesuffix(suffix) for suffix in _SUFFIXES if metric.endswith(suffix)), metric)
    known = KNOWN.get(metric) or KNOWN.get(stem) or KNOWN.get(f"{stem}_bucket")
    return OWNERS.get(known[0].source, UNKNOWN) if known else UNKNOWN


def _off(metric: str) -> bool:
    """Whether it is only there where somebody turned it on."""
    return any(known.off for known in KNOWN.get(metric, ()))


def _some(names: Sequence[str]) -> str:
    """The first few names, and how many more."""
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest} more" if rest > 0 else "")
