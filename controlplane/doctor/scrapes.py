"""How are the engines scraped: often enough, within limits, and does it work?"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from controlplane.doctor.check import Check
from controlplane.doctor.plain import items, labels, part, seconds, text
from controlplane.doctor.row import Row
from controlplane.model.finding import Severity

NO_LIMITS = Check(
    id="scrape-no-limits",
    severity=Severity.WARNING,
    title="an engine's scrape job has no sample_limit or no body_size_limit",
    why="One engine with a broken or hostile page fills the memory of Prometheus, and then nobody sees any engine.",
    fix="Set both on the job, or under global (Prometheus ≥ 2.45), or enforcedSampleLimit and enforcedBodySizeLimit.",
)
SLOW = Check(
    id="scrape-too-rare",
    severity=Severity.WARNING,
    title="engines are scraped less often than every 30 s",
    why="A queue fills in half a minute. Rates of few samples jump, and an autoscaler acts on what was a minute ago.",
    fix="Set scrape_interval to 15s for the job.",
)
FAILING = Check(
    id="scrape-failing",
    severity=Severity.WARNING,
    title="engines cannot be scraped",
    why="A replica that is not scraped has no queue and no tokens: sums miss it, and cost per token is too high.",
    fix="Read the error: refused and time-outs are the engine's, limits are the job's.",
)
NO_UP_ALERT = Check(
    id="no-up-alert",
    severity=Severity.INFO,
    title="no alert watches whether targets can be scraped",
    why="A page that is gone looks like an idle engine. An alert on up, or on absent(…), tells the two apart.",
    fix="Load our alerts (LLMEngineDown), or add an alert on up == 0 for the engines' jobs.",
)
CHECKS = (NO_LIMITS, SLOW, FAILING, NO_UP_ALERT)

LONGEST = 30.0
"""Seconds between two scrapes: rates over 5 minutes then have ten samples."""

OURS = "llm-engine-"
"""In the name of every job we generate for engines: one whose targets all fail has no series to know it by."""

Engine = tuple[str, str]
"""``job`` and ``instance`` of an engine's series."""


def check(config: object, targets: object, engines: Collection[Engine], alerts: Sequence[str]) -> tuple[Row, ...]:
    """Rows about scrapes.

    Args:
        config: the server's configuration, parsed; ``None`` where it may not be read.
        targets: the answer of ``/api/v1/targets``; ``None`` where it may not be read.
        engines: job and instance of every engine's series.
        alerts: queries of all alerting rules of the server.
    """
    active = items(targets, "activeTargets")
    pools = {text(t, "scrapePool") for t in active if _engine(t) in engines or OURS in text(t, "scrapePool")}
    pools = pools or {job for job, _ in engines}
    rows = [*_jobs(config, pools), *_failing(active, pools)]
    if alerts and not any(re.search(r"\bup\b|absent", query) for query in alerts):
        said = f"none of the {len(alerts)} alerts of the server asks for up or absent"
        rows.append(NO_UP_ALERT.row("alerts", said, fix='- alert: EngineDown\n  expr: up{job=~"llm-engine-.*"} == 0'))
    return tuple(rows)


def _engine(target: Mapping[str, Any]) -> Engine:
    carried = labels(target)
    return carried.get("job", ""), carried.get("instance", "")


def _jobs(config: object, pools: Collection[str]) -> Iterator[Row]:
    everywhere = part(config, "global")
    for job in items(config, "scrape_configs"):
        name = text(job, "job_name")
        if name not in pools:
            continue
        limits = ("sample_limit", "body_size_limit")
        lacking = [limit for limit in limits if str(job.get(limit, everywhere.get(limit, 0))) in {"0", "0B"}]
        if lacking:
            said = f"scrapes engines without {' and '.join(lacking)}"
            values = {"sample_limit": "50000", "body_size_limit": "16MiB"}
            fix = "\n".join([f"- job_name: {name}", *(f"  {limit}: {values[limit]}" for limit in lacking)])
            yield NO_LIMITS.row(f"scrape job {name}", said, evidence=tuple(f"{x} = unset" for x in lacking), fix=fix)
        interval = text(job, "scrape_interval") or text(everywhere, "scrape_interval") or "1m"
        if seconds(interval) > LONGEST:
            said = f"reads its engines every {interval} only"
            fix = f"- job_name: {name}\n  scrape_interval: 15s"
            yield SLOW.row(f"scrape job {name}", said, evidence=(f"scrape_interval = {interval}",), fix=fix)


def _failing(active: Sequence[Mapping[str, Any]], pools: Collection[str]) -> Iterator[Row]:
    for pool in sorted(pools):
        mine = [target for target in active if text(target, "scrapePool") == pool]
        down = [target for target in mine if text(target, "health") == "down"]
        if down:
            error = text(down[0], "lastError")
            evidence = tuple(f"{text(t, 'scrapeUrl')}: {text(t, 'lastError')}" for t in down[:5])
            said = f"{len(down)} of {len(mine)} targets cannot be scraped: {error}"
            yield FAILING.row(f"scrape job {pool}", said, evidence=evidence, fix=_cure(error))


def _cure(error: str) -> str:
    if "limit" in error:
        return "# the page is over a limit of the job: look at it, then raise the limit"
    if "401" in error or "403" in error:
        return "authorization: {credentials_file: /etc/prometheus/secrets/…}  # the page wants a token"
    if "refused" in error:
        return "# nothing listens there: is the port the engine's, and the engine up?"
    return "# open the page from where Prometheus runs"
