"""``controlplane doctor``: what is really deployed, held against what is known to bite.

Reads only. Give it a fleet.yaml (its Prometheus and its cluster are looked at), a Prometheus, Kubernetes objects in
files, or all of them: ``kubectl get scaledobjects -A -o yaml | controlplane doctor -``.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import yaml
from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from controlplane.cli.doctor_rights import missing, needed
from controlplane.cli.doctor_sources import OPERATOR, SCALING, Document, Server, Unseen, documents_of, objects, server
from controlplane.cli.terminal import screen
from controlplane.clock import SystemClock
from controlplane.collect.kubernetes_access import Access
from controlplane.collect.kubernetes_api import Connect, KubernetesApi, connection
from controlplane.collect.prometheus_api import PrometheusApi
from controlplane.collect.targets import target
from controlplane.doctor import loaded, naming, operator, rights, rules, scaled_objects, scrapes, series, stages
from controlplane.doctor.report import Report, report
from controlplane.doctor.row import Row
from controlplane.generate.alerts import alert_files
from controlplane.generate.request import request_of
from controlplane.generate.rules import rule_files
from controlplane.model.finding import Severity
from controlplane.model.page import Job
from controlplane.settings.load import Loaded, load_with_lines

HELP = "hold what is deployed against what is known to bite"

STYLES = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.add_argument(
        "file", nargs="*", help="fleet.yaml, and files or folders with Kubernetes objects; - is standard input"
    )
    parser.add_argument(
        "--prometheus", "--rules-from", metavar="URL", help="Prometheus to look at, instead of the one in fleet.yaml"
    )
    parser.add_argument("--namespace", action="append", default=[], metavar="NS", help="look into this one, too")
    parser.add_argument("--context", metavar="C", help="context of the kubeconfig; else what fleet.yaml says")
    parser.add_argument("--kubeconfig", metavar="FILE", help="kubeconfig to use; else the usual one")
    parser.add_argument("--offline", action="store_true", help="look at files only")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    parser.add_argument(
        "--fail-on",
        choices=(*(str(s) for s in Severity), "never"),
        default=str(Severity.WARNING),
        metavar="SEVERITY",
        help="status 1 from this severity on: critical, warning (default), info, never",
    )


def run(args: argparse.Namespace) -> int:
    """0: nothing as bad as ``--fail-on``. 1: something. 2: nothing could be looked at."""
    documents = documents_of(args.file)
    fleets = sorted({name for name, document in documents if _is_fleet(document)})
    if len(fleets) > 1:
        print(f"{fleets[1]}: a second fleet.yaml; give one", file=sys.stderr)
        return 2
    fleet = load_with_lines(fleets[0]) if fleets else None
    given = [document for _, document in documents if not _is_fleet(document)]
    found = examine(args, fleet, given)
    if found is None:
        print("nothing to look at: give fleet.yaml, files with objects, --prometheus or --namespace", file=sys.stderr)
        return 2
    if args.output == "json":
        print(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    else:
        show(found, screen())
    limit = None if args.fail_on == "never" else Severity(args.fail_on)
    return 1 if found.worse_than(limit) else 0


def _is_fleet(document: Document) -> bool:
    return "roles" in document and "apiVersion" not in document


def examine(args: argparse.Namespace, fleet: Loaded | None, given: Sequence[Document]) -> Report | None:
    """Look at everything that was named; ``None`` when nothing was."""
    unseen = Unseen()
    expected = _expected(fleet)
    asked = None if args.offline else _prometheus(args.prometheus, fleet)
    state = server(asked, series.needed(expected), series.recorded(expected), unseen) if asked else None
    there = [] if args.offline else _cluster(args, fleet, unseen)
    if not (given or there or asked or unseen.parts):
        return None
    groups = loaded.served(state.rules) if state else None
    rows: list[Row] = []
    facts: list[tuple[str, str]] = []
    if asked and not state:
        _, why = unseen.parts[0]
        fix = "sources: {prometheus: http://…}  # in fleet.yaml"
        rows.append(rules.UNREACHABLE.row("Prometheus", f"does not show its rules: {why}", fix=fix))
    if state and groups is not None:
        rows += _about_server(state, expected, groups)
        facts += [("Prometheus", f"{state.version or 'version unknown'}; {_counted(expected, groups)}")]
        facts += naming.facts(state.answers)
    names = None if groups is None else {group.name for group in groups}
    for documents in (given, there):  # files are compared with files, a cluster with itself
        rows += operator.check(documents, names if documents is there else None)
        rows += scaled_objects.check(documents, _context(fleet, state))
    if fleet and not args.offline and fleet.settings.sources.kubernetes:
        about, lacking = _rights(args, fleet, unseen)
        facts += about
        rows += lacking
    if fleet and state and groups is not None:
        facts.append(("Adoption", stages.words(_sight(fleet, state, groups, rows))))
    return report(rows, facts=facts, unseen=unseen.parts)


def _sight(fleet: Loaded, state: Server, groups: Sequence[loaded.Group], rows: Sequence[Row]) -> stages.Sight:
    """What was seen of the stages of adoption."""
    there = {rule.name for group in groups for rule in group.rules}
    roles = fleet.settings.roles.values()
    known = bool(state.answers)
    return stages.Sight(
        engines=bool(state.engines),
        router=bool(state.answers["seen: router"]) if known else None,
        prefix_cache=bool(state.answers["seen: prefix cache"]) if known else None,
        gpus=bool(state.answers["seen: GPUs"]) if known else None,
        scaled=all(role.scaled_object for role in roles if role.replicas.max > role.replicas.min),
        cost="llm_model:cost_per_million_tokens:dollars1h" in there,
        alerts="LLMEngineDown" in there,
        sessions=fleet.settings.sessions is not None,
        budget=fleet.settings.budget is not None,
        sound=not any(row.severity is Severity.CRITICAL for row in rows),
    )


def _expected(fleet: Loaded | None) -> tuple[loaded.Group, ...]:
    """The groups ``generate`` makes from the file."""
    if fleet is None:
        return ()
    request = request_of(fleet, Path(fleet.file).read_text(encoding="utf-8-sig"))
    made = {**rule_files(request), **alert_files(request)}
    return tuple(
        group
        for path, text in made.items()
        if path.startswith("rules/")
        for group in loaded.written(yaml.load(text, yaml.CSafeLoader), path)
    )


def _context(fleet: Loaded | None, state: Server | None) -> scaled_objects.Context:
    """What is known besides objects: the roles of fleet.yaml, and how long their answers take."""
    now = SystemClock().now()
    if fleet is None:
        return scaled_objects.Context(now=now)
    roles = fleet.settings.role_specs()
    seconds = state.seconds if state else {}
    answers = {
        f"{role.workload.namespace}/{role.workload.name}": seconds[role.workload.namespace, role.name]
        for role in roles
        if role.workload and (role.workload.namespace, role.name) in seconds
    }
    every = fleet.settings.sources.scrape_interval
    return scaled_objects.Context(now=now, roles=roles, answers=answers, scrape_interval=every)


def _prometheus(url: str | None, fleet: Loaded | None) -> PrometheusApi | None:
    named = fleet.settings.sources.prometheus if fleet else None
    address, token = (url, None) if url or named is None else (named.url, named.bearer_token_file)
    if address is None:
        return None
    if url:
        address = target(url, Job.ENGINE).url.removesuffix(
            "/metrics"
        )  # what is never asked elsewhere is not asked here
    read = token.read_text().strip() if token and token.is_file() else None
    return PrometheusApi(address, monotonic=SystemClock().monotonic, bearer=lambda: read)


def _cluster(args: argparse.Namespace, fleet: Loaded | None, unseen: Unseen) -> list[Document]:
    """Objects of the namespaces that are named on the command line or in fleet.yaml."""
    named = fleet.settings.sources.kubernetes if fleet else None
    if named is None and not args.namespace:
        return []
    api = KubernetesApi(_connect(args, fleet), monotonic=SystemClock().monotonic)
    roles = [role.namespace for role in fleet.settings.roles.values() if role.namespace] if fleet else []
    monitoring = [fleet.settings.generate.monitoring.namespace] if fleet else []
    try:
        return [
            *objects(api, SCALING, [*roles, *args.namespace], unseen),
            *objects(api, OPERATOR, [*monitoring, *args.namespace], unseen),
        ]
    finally:
        api.close()


def _connect(args: argparse.Namespace, fleet: Loaded | None) -> Connect:
    named = fleet.settings.sources.kubernetes if fleet else None
    inside = bool(named and named.in_cluster and not (args.context or args.kubeconfig))
    context = args.context or (named.context if named else None)
    return connection(in_cluster=inside, context=context, file=args.kubeconfig)


def _rights(args: argparse.Namespace, fleet: Loaded, unseen: Unseen) -> tuple[list[tuple[str, str]], list[Row]]:
    """What the control plane's account lacks: ours of the cluster where it runs there, else the one we ask with."""
    cluster, wanted = fleet.settings.sources.kubernetes, needed(fleet.settings)
    ours = bool(cluster and cluster.in_cluster and (args.context or args.kubeconfig))
    access = Access(_connect(args, fleet), monotonic=SystemClock().monotonic)
    try:
        told = unseen.attempt("cluster: what the account may do", lambda: missing(access, wanted, ours=ours))
    finally:
        access.close()
    if told is None:
        return [], []
    account, lacking = told
    return [rights.fact(wanted, lacking, account)], list(rights.check(lacking, account))


def _about_server(state: Server, expected: Sequence[loaded.Group], groups: Sequence[loaded.Group]) -> list[Row]:
    alerts = [rule.query for group in groups for rule in group.rules if rule.alerts]
    rows = [*rules.check(expected, groups), *naming.check(state.answers, series.needed(expected))]
    rows += scrapes.check(state.configuration, state.targets, state.engines, alerts)
    if state.ever is not None and state.now is not None:
        rows += series.check(expected, {group.name for group in groups}, state.ever, state.now)
    return rows


def _counted(expected: Sequence[loaded.Group], groups: Sequence[loaded.Group]) -> str:
    there = {group.name for group in groups}
    if not expected:
        return f"{len(groups)} groups of rules"
    return f"{sum(group.name in there for group in expected)} of our {len(expected)} groups of rules are loaded"


def show(found: Report, console: Console) -> None:
    """Write the report for a person: facts, then a row each, worst first, then what could not be seen."""
    for what, words in found.facts:
        console.print(f"[bold]{escape(what)}[/]  {escape(words)}")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 1, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in found.rows:
        parts = [f"[bold]{escape(row.subject)}[/] {escape(row.said)}  [dim]{escape(row.check)}[/]"]
        parts += [f"[dim]{escape(line)}[/]" for line in row.evidence]
        body = Group(*parts, Padding(escape(row.fix), (0, 0, 0, 4))) if row.fix else Group(*parts)
        table.add_row(f"[{STYLES[row.severity]}]{row.severity}[/]", body)
    if found.rows:
        console.print()
        console.print(table)
    for why, missed in _by_reason(found.unseen):
        console.print(f"[yellow]not looked at[/]  {escape(missed)}: {escape(why)}")
    counts = ", ".join(f"{found.count(severity)} {severity}" for severity in Severity if found.count(severity))
    console.print(counts or "nothing found")


def _by_reason(unseen: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Parts that could not be seen for the same reason, together."""
    reasons: dict[str, list[str]] = {}
    for what, why in unseen:
        reasons.setdefault(why, []).append(what)
    return [(why, ", ".join(parts)) for why, parts in reasons.items()]
