"""``controlplane inspect URL|FILE``: one metrics page, understood. Needs no fleet.yaml.

From a URL two pages are read a few seconds apart, so that there are rates; a file gives what one page can give.
"""

import argparse
import asyncio
import json
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controlplane.cli.terminal import screen
from controlplane.clock import SystemClock
from controlplane.collect.exposition import PageReader
from controlplane.collect.limits import Limits
from controlplane.collect.scraper import Scraper
from controlplane.collect.targets import target
from controlplane.detect import DEFAULT_DETECTORS
from controlplane.errors import ControlPlaneError, ExpositionError, SourceError
from controlplane.model.page import Fault, Job, Page, Scrape
from controlplane.model.reading import Reading
from controlplane.model.units import text
from controlplane.observe.report import PageReport, When, understand

HELP = "explain one metrics page: engine, version, readings with units, what is missing and what that costs"

_SECONDS = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,3})?)\s*s?")
_HINTS = {
    Fault.REFUSED: "is the server running, and is the port right?",
    Fault.NAME: "check the host name",
    Fault.TIMEOUT: "the page takes too long: is the engine overloaded?",
    Fault.UNAUTHORISED: "give a token: --token-file (LiteLLM: any key, or require_auth_for_metrics_endpoint: false)",
    Fault.REDIRECT: "write the address it redirects to (LiteLLM: /metrics/ with the slash)",
    Fault.STATUS: "is /metrics served there?",
    Fault.EMPTY: "the page is there but holds nothing",
}


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.add_argument(
        "page", metavar="URL|FILE", help="http://host:8000/metrics, host:8000, or a saved page; - is stdin"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument(
        "--for",
        dest="seconds",
        type=_seconds,
        default=5.0,
        metavar="5s",
        help="time between the two pages of a URL; 0 reads one",
    )
    parser.add_argument("--token-file", type=Path, help="file with a bearer token for the URL")


def run(args: argparse.Namespace) -> int:
    """0 when the page was understood, whatever it is; 2 when there is no metrics page."""
    logging.getLogger("controlplane.collect").setLevel(logging.CRITICAL)  # what failed is said once, below
    try:
        if _is_file(args.page):
            report = understand(_from_file(args.page), blind=_needs())
        else:
            report = _from_url(args.page, args.seconds, args.token_file)
    except (SourceError, ExpositionError) as error:
        return _refused(args, error)
    if args.output == "json":
        print(as_json(report))
    else:
        show(report, screen())
    return 0


def _seconds(written: str) -> float:
    match = _SECONDS.fullmatch(written.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{written!r} is not a number of seconds; write 5s")
    return float(match[1])


def _is_file(page: str) -> bool:
    return page == "-" or (not page.startswith(("http://", "https://")) and Path(page).is_file())


def _from_file(name: str) -> Page:
    limits = Limits()
    if name == "-":
        body = sys.stdin.buffer.read(limits.body + 1)
    else:
        with Path(name).open("rb") as file:
            body = file.read(limits.body + 1)
    if len(body) > limits.body:
        raise ExpositionError(Fault.TOO_LARGE, f"more than {limits.body} bytes")
    kind = _not_metrics(body)
    if kind:
        raise ExpositionError(Fault.MALFORMED, kind)
    openmetrics = body.rstrip().endswith(b"# EOF")
    return PageReader(limits).read(body, "application/openmetrics-text" if openmetrics else "text/plain")


def _not_metrics(body: bytes) -> str:
    """What a body is that is plainly not a metrics page; empty when it may be one."""
    start = body[:200].lstrip().lower()
    if not start:
        return "the file is empty"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "this is an HTML page: a web page, not the metrics page behind it"
    if re.match(rb"[{\[]\s*[\"{\[]", start):
        return "this is JSON: an API's answer, not a metrics page"
    return ""


def _from_url(written: str, seconds: float, token_file: Path | None) -> PageReport:
    url = written if "://" in written else f"http://{written}"
    if re.fullmatch(r"https?://[^/]+/?", url):
        url = url.rstrip("/") + "/metrics"
    token = token_file.read_text().strip() if token_file else None
    scraper = Scraper(tuple, interval=timedelta(seconds=15), clock=SystemClock(), bearer=lambda _: token)
    asked = target(url, Job.ENGINE)

    async def look() -> tuple[Scrape, Scrape | None]:
        first = await scraper.scrape_once(asked)
        if first.page is None or seconds <= 0 or not understand(first.page).is_engine:
            return first, None
        await asyncio.sleep(seconds)
        return first, await scraper.scrape_once(asked)

    first, second = asyncio.run(look())
    if first.page is None:
        raise SourceError(first.fault or Fault.INTERNAL, first.detail)
    if second is None or second.page is None:
        return understand(first.page, blind=_needs())
    apart = (second.at - first.at).total_seconds()
    return understand(second.page, earlier=first.page, seconds=apart, blind=_needs())


def _needs() -> Mapping[Reading, Sequence[str]]:
    """Reading → detectors that see nothing without it."""
    table: dict[Reading, list[str]] = {}
    for detector in DEFAULT_DETECTORS:
        for reading in detector.needs:
            table.setdefault(reading, []).append(detector.id)
    return table


def _refused(args: argparse.Namespace, error: ControlPlaneError) -> int:
    fault = error.fault if isinstance(error, (SourceError, ExpositionError)) else Fault.INTERNAL
    detail = error.detail if isinstance(error, (SourceError, ExpositionError)) else str(error)
    hint = _HINTS.get(fault, "")
    if not _is_file(args.page) and "://" not in args.page and "/" in args.page:
        hint = "there is no such file here either"
    if args.output == "json":
        print(json.dumps({"page": args.page, "fault": str(fault), "detail": detail, "hint": hint}, indent=2))
    parts = [f"{args.page}: {fault}", detail, hint]
    print("; ".join(part for part in parts if part), file=sys.stderr)
    return 2


def as_json(report: PageReport) -> str:
    """The whole report; numbers in base units, absent ones null."""
    whole = asdict(report)
    whole["is_engine"] = report.is_engine
    for line in whole["lines"]:
        line["text"] = text(line["value"], line["unit"])
    whole["facts"] = dict(report.facts)
    return json.dumps(whole, indent=2, allow_nan=False, ensure_ascii=False)


def _names(series: str) -> str:
    """Series without their labels: those are in the JSON."""
    return re.sub(r"\{.*\}", "", series)


def show(report: PageReport, console: Console) -> None:
    """Write the report for a person."""
    console.print(f"[bold]{escape(report.summary)}[/]")
    if report.is_engine:
        served = ", ".join(report.models) or "model unknown"
        replicas = f"{report.replicas} replica{'s' if report.replicas != 1 else ''}"
        engines = f"{report.engines} engine{'s' if report.engines != 1 else ''}"
        console.print(f"{escape(served)} · {replicas} · {engines} · {report.series} series")
    for words, value in report.facts:
        console.print(f"  {escape(words)}: {escape(value)}")
    for when, title in (
        (When.NOW, "Now"),
        (When.BETWEEN, f"Between two pages, {report.seconds or 0:.1f} s apart"),
        (When.SINCE_START, "Since the process started (a mean of its whole life, not how it is now)"),
    ):
        lines = [line for line in report.lines if line.when is when]
        if not lines:
            continue
        table = Table(
            title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
        )
        table.add_column("reading", no_wrap=True)
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("from", overflow="fold", style="dim")
        for line in lines:
            note = f" — {line.note}" if line.note else ""
            table.add_row(
                escape(line.words), escape(text(line.value, line.unit)), escape(f"{_names(line.series)}{note}")
            )
        console.print()
        console.print(table)
    if report.missing:
        console.print("\n[bold]Missing[/]")
        for lack in report.missing:
            blind = f" → blind: {', '.join(lack.blind)}" if lack.blind else ""
            console.print(f"  {escape(lack.reading.about.words)}: {escape(lack.why)}[yellow]{escape(blind)}[/]")
    if report.notes:
        console.print("\n[bold]To know[/]")
        for note in report.notes:
            console.print(f"  {escape(note)}")
