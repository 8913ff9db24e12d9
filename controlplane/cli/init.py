"""``controlplane init``: a first fleet.yaml from engine URLs, a Prometheus or a Kubernetes namespace.

Nothing is asked and nothing is changed. What could be seen is written down, every guess is marked as one, and
the file passes ``controlplane config check``.
"""

import argparse
import asyncio
import logging
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from controlplane.clock import Clock, SystemClock
from controlplane.collect.kubernetes_api import AbsentError, KubernetesApi, connection
from controlplane.collect.kubernetes_kinds import DEPLOYMENT, LEADER_WORKER_SET, SCALED_OBJECT, STATEFUL_SET
from controlplane.collect.prometheus_api import PrometheusApi
from controlplane.collect.scraper import Scraper
from controlplane.collect.targets import target
from controlplane.errors import SourceError
from controlplane.model.page import Job, Scrape
from controlplane.model.role import Engine
from controlplane.observe.identify import PageKind, identify
from controlplane.promql.catalogue import metrics
from controlplane.promql.expr import aggregate, either, relabel, select
from controlplane.promql.metric import Signal, Source
from controlplane.promql.queries import source_of, wire_name
from controlplane.settings.draft import Draft, DraftRole, draft_text
from controlplane.settings.drafting import RUNNING_NOW, EngineRow, Object, roles_from_objects, roles_from_rows
from controlplane.settings.load import examine

HELP = "write a first fleet.yaml from what is there"


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.add_argument("url", nargs="*", help="metrics pages of engines, DCGM exporters, kube-state-metrics")
    parser.add_argument("--prometheus", metavar="URL", help="a Prometheus that scrapes the engines")
    parser.add_argument("--namespace", metavar="NS", help="a Kubernetes namespace with GPU workloads")
    parser.add_argument("--context", metavar="C", help="context of the kubeconfig; the current one by default")
    parser.add_argument("-o", "--output", default="fleet.yaml", help="file to write; - prints; never overwritten")


def run(args: argparse.Namespace) -> int:
    """0 when a file with at least one role was written; 2 when nothing could be seen."""
    logging.getLogger("controlplane.collect").setLevel(logging.CRITICAL)  # what failed is said once, below
    if not (args.url or args.prometheus or args.namespace):
        print("say where to look: engine URLs, --prometheus URL, or --namespace NS", file=sys.stderr)
        return 2
    out = Path(args.output)
    if args.output != "-" and out.exists():
        print(f"{out} is there already; name another file with -o", file=sys.stderr)
        return 2
    clock = SystemClock()
    draft = merged(
        [
            from_urls(args.url, clock),
            from_prometheus(args.prometheus, clock),
            from_namespace(args.namespace, args.context, clock),
        ]
    )
    if not draft.roles:
        print("no engine was seen, so there is nothing to write", file=sys.stderr)
        return 2
    written = draft_text(replace(draft, command=_command(args)))
    examine(written.encode(), file=args.output)
    if args.output == "-":
        print(written, end="")
        return 0
    out.write_text(written, encoding="utf-8")
    guesses = written.count("# guess:")
    print(f"{out}: {len(draft.roles)} role{'s' if len(draft.roles) != 1 else ''}, {guesses} guesses to check")
    return 0


def merged(drafts: Sequence[Draft]) -> Draft:
    """What was seen in several places. A cluster tells more about a role than Prometheus, and that more than a page."""
    prometheus = next((d.prometheus for d in drafts if d.prometheus), None)
    roles: list[DraftRole] = []
    for draft in reversed(drafts):
        before = {(role.model, place) for role in roles for place in (role.select.get("namespace"), None)}
        for role in draft.roles:
            place = (role.model, role.select.get("namespace"))
            if place in before:
                continue
            if prometheus and any(place == (r.model, r.select.get("namespace")) for r in roles):
                _tell(
                    role.name or role.model, "Prometheus cannot tell it from another role of the same model: left out"
                )
                continue
            roles.append(role)
    return Draft(
        roles=tuple(roles),
        prometheus=prometheus,
        kubernetes=next((d.kubernetes for d in drafts if d.kubernetes is not None), None),
        dcgm=tuple(url for d in drafts for url in d.dcgm),
        kube_state_metrics=tuple(url for d in drafts for url in d.kube_state_metrics),
    )


def _command(args: argparse.Namespace) -> str:
    parts = ["controlplane init", *args.url]
    for name in ("prometheus", "namespace", "context"):
        value = getattr(args, name)
        parts += [f"--{name} {value}"] if value else []
    return " ".join(parts)


def _tell(where: str, what: str) -> None:
    print(f"{where}: {what}", file=sys.stderr)


def from_urls(urls: Sequence[str], clock: Clock) -> Draft:
    """Each page is read once; engines with the same model are one role."""
    scraper = Scraper(tuple, interval=timedelta(seconds=15), clock=clock)

    async def look() -> list[Scrape]:
        targets = [target(u if "://" in u else f"http://{u}", Job.ENGINE) for u in dict.fromkeys(urls)]
        return list(await asyncio.gather(*(scraper.scrape_once(t) for t in targets)))

    found: dict[tuple[Engine, str], list[str]] = defaultdict(list)
    others: dict[PageKind, list[str]] = defaultdict(list)
    for scrape in asyncio.run(look()):
        url = scrape.target.url
        if scrape.page is None:
            _tell(url, f"{scrape.fault}; {scrape.detail}".rstrip("; "))
            continue
        identity = identify(scrape.page)
        if identity.engine is None:
            others[identity.kind].append(url)
            if identity.kind not in {PageKind.DCGM, PageKind.KUBE_STATE}:
                _tell(url, f"{identity.kind}, not an engine's page: left out")
        elif not identity.models:
            _tell(url, "an engine's page that names no model: left out")
        else:
            found[identity.engine, identity.models[0]].append(url)
            if len(identity.models) > 1:
                _tell(url, f"serves {', '.join(identity.models)}; taken as {identity.models[0]}")
    roles = tuple(
        DraftRole(
            model=model,
            engine=engine,
            targets=tuple(pages),
            replicas=(len(pages), len(pages)),
            guesses={"replicas": RUNNING_NOW},
        )
        for (engine, model), pages in sorted(found.items())
    )
    return Draft(roles=roles, dcgm=tuple(others[PageKind.DCGM]), kube_state_metrics=tuple(others[PageKind.KUBE_STATE]))


def from_prometheus(url: str | None, clock: Clock) -> Draft:
    """Series of running requests say which models are served where; DCGM series say on what."""
    if url is None:
        return Draft(roles=())
    base = target(url, Job.ENGINE).url.removesuffix("/metrics")  # the same addresses are refused as when scraping
    api = PrometheusApi(base, monotonic=clock.monotonic)
    rows, gpus = [], defaultdict(list)
    try:
        for engine in Engine:
            names = [select(wire_name(m, engine)) for m in metrics(source_of(engine), Signal.RUNNING) if not m.adds]
            for sample in api.query(aggregate("group", either(names), ("model_name", "namespace", "pod"))):
                labels = sample.labels
                rows.append(
                    EngineRow(engine, labels.get("model_name", ""), labels.get("namespace", ""), labels.get("pod", ""))
                )
        memory = [select(m.name) for m in metrics(Source.DCGM, Signal.GPU_MEMORY_USED)]
        devices = relabel(relabel(either(memory), "pod", "exported_pod"), "namespace", "exported_namespace")
        for sample in api.query(aggregate("group", devices, ("namespace", "pod", "UUID", "modelName"))):
            place = (sample.labels.get("namespace", ""), sample.labels.get("pod", ""))
            gpus[place].append(sample.labels.get("modelName", ""))
    except SourceError as error:
        raise SourceError(error.fault, f"{base} {error.detail}".strip()) from None
    finally:
        api.close()
    roles = roles_from_rows(rows, gpus)
    if not roles:
        _tell(base, "holds no series of a vLLM, SGLang or Ray Serve engine")
    return Draft(roles=roles, prometheus=base)


def from_namespace(namespace: str | None, context: str | None, clock: Clock) -> Draft:
    """Workloads that ask for GPUs, and the ScaledObjects that scale them."""
    if namespace is None:
        return Draft(roles=())
    api = KubernetesApi(connection(context=context), monotonic=clock.monotonic)
    found: dict[str, list[Object]] = {}
    try:
        for kind in (DEPLOYMENT, STATEFUL_SET, LEADER_WORKER_SET, SCALED_OBJECT):
            try:
                found[kind.name] = [{"kind": kind.name, **item} for item in api.list(kind, namespace)]
            except AbsentError:
                found[kind.name] = []
    except SourceError as error:
        raise SourceError(error.fault, f"namespace {namespace}: {error.detail}") from None
    finally:
        api.close()
    scaled = found.pop(SCALED_OBJECT.name)
    roles = roles_from_objects(namespace, [w for items in found.values() for w in items], scaled)
    if not roles:
        _tell(f"namespace {namespace}", "holds no workload that asks for GPUs")
    return Draft(roles=roles, kubernetes=context or "")
