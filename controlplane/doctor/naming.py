"""Which exporters' names and labels are in use here: they change between versions, and rules must fit.

Not faults but facts, so that nobody has to guess which of a rule's alternatives is the one that counts.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from controlplane.doctor.check import Check
from controlplane.doctor.row import Row
from controlplane.model.finding import Severity
from controlplane.promql.catalogue import CATALOGUE, wire_names
from controlplane.promql.dialects import Form
from controlplane.promql.expr import Match, aggregate, one_of, quote, select
from controlplane.promql.metric import Kind, Source

OLD_NAMES = Check(
    id="engine-old-names",
    severity=Severity.INFO,
    title="an engine shows names that its later versions removed",
    why="Our rules read them too. Dashboards and autoscalers that ask for an old name only are empty after an upgrade.",
    fix="Upgrade the engine when it suits you; nothing has to be done for our rules.",
)
MOVED_LABELS = Check(
    id="labels-moved",
    severity=Severity.WARNING,
    title="an exporter's namespace and pod were renamed to exported_…",
    why="Prometheus puts a target's own labels first unless honor_labels is true. Every row of kube-state-metrics and "
    "KEDA then seems to be about their own pod, and queries by namespace find nothing.",
    fix="Set honor_labels: true (honorLabels in a monitor) for that job.",
)
ENGINE_TWICE = Check(
    id="engine-scraped-twice",
    severity=Severity.CRITICAL,
    title="two jobs scrape the same engine",
    why="Each of its tokens, requests and waiting requests counts twice: cost per token is half of the truth, and an "
    "autoscaler asks for twice the replicas.",
    fix="Keep one of the two jobs.",
)
REWRITTEN = Check(
    id="engine-names-rewritten",
    severity=Severity.WARNING,
    title="an engine's metrics are there under a spelling that our rules do not read",
    why="Something between the engine and Prometheus replaces the colon of vllm:… or sglang:…; our rules see no such "
    "engine, so its role has no load, no latency and no cost.",
    fix="Set rules.rewritten_names in fleet.yaml and generate again, or scrape the engine itself.",
)
CHECKS = (OLD_NAMES, MOVED_LABELS, ENGINE_TWICE, REWRITTEN)

_DCGM = tuple(metric.name for metric in CATALOGUE if metric.source is Source.DCGM)
_WORDS = {Source.VLLM: "vLLM", Source.SGLANG: "SGLang"}
_TOLD_BY = {
    name: metric
    for metric in CATALOGUE
    if metric.source in {*_WORDS, Source.DCGM} and metric.kind is not Kind.HISTOGRAM
    for name in wire_names(metric)
}
"""Metrics whose names tell a version; histograms have too many series to ask for."""
_KUBE, _KEDA = "kube_deployment_spec_replicas", "keda_scaler_active"
_MOVED = Match("exported_namespace", "", "!=")
ENGINES = "vllm:num_requests_running or sglang:num_running_reqs"
"""A series of every engine."""


def _dcgm(*matches: Match) -> str:
    return aggregate("count", select("", (one_of("__name__", _DCGM), *matches)))


def _twice(label: str) -> str:
    """Engines, told apart by ``label``, that more than one job scrapes."""
    jobs = aggregate("group", ENGINES, ("namespace", label, "job"))
    return f"{aggregate('count', jobs, ('namespace', label))} > 1"


QUESTIONS: Mapping[str, str] = {
    "names": aggregate("group", select("", (one_of("__name__", _TOLD_BY),)), ("__name__",)),
    "dcgm: label Hostname (up to 4.8.2)": _dcgm(Match("Hostname", "", "!=")),
    "dcgm: label hostname (from 4.8.3)": _dcgm(Match("hostname", "", "!=")),
    "dcgm: workloads in exported_pod": _dcgm(Match("exported_pod", "", "!=")),
    "dcgm: workloads in pod": _dcgm(Match("exported_pod", ""), Match("pod", "", "!=")),
    "dcgm: MIG slices": _dcgm(Match("GPU_I_ID", "", "!=")),
    "moved: kube-state-metrics": aggregate("count", select(_KUBE, (_MOVED,))),
    "moved: KEDA": aggregate("count", select(_KEDA, (_MOVED,))),
    "seen: router": aggregate("group", "litellm_in_flight_requests or litellm_deployment_state"),
    "seen: prefix cache": aggregate(
        "group", "vllm:prefix_cache_queries_total or vllm:gpu_prefix_cache_queries_total or sglang:cache_hit_rate"
    ),
    "seen: GPUs": _dcgm(),
    "twice: pod": _twice("pod"),
    "twice: instance": _twice("instance"),
}
"""What to ask the server, by what an answer means. Instant queries that only count what is there now."""

Answers = Mapping[str, Sequence[Mapping[str, str]]]
"""For each question the labels of the series in its answer."""


def check(answers: Answers, read: Collection[str] = ()) -> tuple[Row, ...]:
    """Rows about names and labels; ``read`` are the metrics that our rules ask for."""
    names = _names(answers)
    return (*_old(names), *_moved(answers), *_engines_twice(answers), *_rewritten(names, read))


def facts(answers: Answers) -> tuple[tuple[str, str], ...]:
    """What was found: exporter, and its naming in words."""
    names = _names(answers)
    found = []
    for source, words in _WORDS.items():
        seen = sorted(name for name in names if _TOLD_BY[name].source is source)
        if seen:
            old = [name for name in seen if _TOLD_BY[name].until]
            found.append((words, "names that later versions removed, too" if old else "names of today's versions"))
    gpu = [name for name in names if _TOLD_BY[name].source is Source.DCGM]
    if gpu:
        later, before = (any(getattr(_TOLD_BY[name], end) for name in gpu) for end in ("since", "until"))
        said = ["names of 4.9 and of before" if later and before else "names from 4.9" if later else "names up to 4.8"]
        said += [key.removeprefix("dcgm: ") for key in QUESTIONS if key.startswith("dcgm: ") and answers.get(key)]
        found.append(("DCGM exporter", "; ".join(said)))
    return tuple(found)


def _names(answers: Answers) -> frozenset[str]:
    return frozenset(labels.get("__name__", "") for labels in answers.get("names", ())) & frozenset(_TOLD_BY)


def _old(names: Collection[str]) -> Iterator[Row]:
    for source, words in _WORDS.items():
        old = sorted(name for name in names if _TOLD_BY[name].source is source and _TOLD_BY[name].until)
        if old:
            evidence = tuple(f"{name} = shown up to {_TOLD_BY[name].until}" for name in old)
            yield OLD_NAMES.row(words, f"shows {', '.join(old)}", evidence=evidence, fix="# nothing for our rules")


def _rewritten(names: Collection[str], read: Collection[str]) -> Iterator[Row]:
    """Engines whose own names our rules read, and who are there under the rewritten ones that they do not read."""
    for source, words in _WORDS.items():
        unread = {
            name: metric
            for name in sorted(names)
            if (metric := _TOLD_BY[name]).source is source and metric.name in read
            if name == metric.spellings[Form.FLAT] and name not in read
        }
        if unread:
            first, metric = next(iter(unread.items()))
            alone = not any(metric.name in names for metric in unread.values())
            said = f"is there as {first}, which our rules do not read: they ask for {metric.name}"
            said += "" if alone else "; those that are there under both are counted"
            evidence = tuple(f"{name} has series" for name in list(unread)[:5])
            fix = "rules: {rewritten_names: true}  # in fleet.yaml; then controlplane generate"
            yield REWRITTEN.row(words, said, evidence=evidence, fix=fix, severity=None if alone else Severity.INFO)


def _moved(answers: Answers) -> Iterator[Row]:
    for key in QUESTIONS:
        if key.startswith("moved: ") and answers.get(key):
            owner = key.removeprefix("moved: ")
            said = "its rows name their namespace in exported_namespace: honor_labels is off"
            evidence = (f"{QUESTIONS[key]} has an answer",)
            yield MOVED_LABELS.row(owner, said, evidence=evidence, fix="honor_labels: true  # in its scrape job")


def _engines_twice(answers: Answers) -> Iterator[Row]:
    for label in ("pod", "instance"):
        twice = sorted(labels[label] for labels in answers.get(f"twice: {label}", ()) if labels.get(label))
        if twice:
            said = f"{len(twice)} engines are scraped by more than one job, so they count twice"
            fix = f"# which jobs: group by (job) (vllm:num_requests_running{{{label}={quote(twice[0])}}})\n"
            fix += "# keep one; leave ours out with generate: {monitoring: {scrape: [dcgm, keda, litellm, ourselves]}}"
            yield ENGINE_TWICE.row("scrape jobs", said, evidence=tuple(f"{label} = {t}" for t in twice[:5]), fix=fix)
            return
