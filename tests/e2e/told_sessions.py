"""What the router told the service, held beside what Prometheus scraped of it: the books of sessions.

Every scrape of the service holds exactly the calls of some whole number of deliveries, so what was told by then is
found by its number of tokens, and all else is compared with that.
"""

import json
import threading
import urllib.request
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.simulate.answer import Answer
from controlplane.simulate.mixed import mixed_cluster
from controlplane.simulate.truth_sessions import SessionTruth, sessions, tokens_by_tenant
from tests.e2e.live_fleet import IDLE, PACE, LiveFleet

SPLIT = mixed_cluster().split
TOLD_AFTER = 6.0
"""Seconds after its end at which a call is told at the latest, and acknowledged."""
TOKENS = "llm_fleet_session_tokens_total"


@dataclass(frozen=True, kw_only=True)
class Scrape:
    """One scrape of the service."""

    at: float
    """Unix time."""
    tokens: Mapping[tuple[str, str, str], int]
    """Tenant, role, kind → tokens, without those of which there are none."""
    told: Sequence[Answer]
    """The calls the service had been told of."""


def scrapes(live: LiveFleet) -> list[Scrape]:
    """All scrapes so far that hold any call; each holds the first so many of the calls, to the token."""
    seen: defaultdict[float, dict[tuple[str, str, str], int]] = defaultdict(dict)
    for labels, samples in live.matrix(f"{TOKENS}[10m]"):
        for at, value in samples:
            if value:
                seen[at][labels["tenant"], labels["role"], labels["kind"]] = int(value)
    answers = list(live.calls.answers)
    by_total, total = {0: 0}, 0
    for number, answer in enumerate(answers, 1):
        total += answer.prompt + answer.output
        by_total[total] = number
    found = []
    for at, tokens in sorted(seen.items()):
        told = by_total.get(sum(tokens.values()))
        assert told is not None, f"at {at} the service knew of no whole number of calls"
        found.append(Scrape(at=at, tokens=tokens, told=answers[:told]))
    return found


def expected(scrape: Scrape) -> Mapping[tuple[str, str, str], int]:
    """What its counters must be."""
    return {key: count for key, count in tokens_by_tenant(scrape.told, SPLIT).items() if count}


@dataclass(frozen=True, kw_only=True)
class Active:
    """What the gauges of a tenant and role may say: a session ends with a tick, so some may just have or have not."""

    least: int = 0
    most: int = 0
    narrowest: int = 0
    """Calls in flight at once: one that was taken to be finished and went on has forgotten what was before."""
    widest: int = 0


def active(scrape: Scrape, start: float) -> Mapping[tuple[str, str], Active]:
    """By tenant and the role they began at. ``start``: of the simulation, Unix time."""
    found: defaultdict[tuple[str, str], list[tuple[SessionTruth, SessionTruth, bool]]] = defaultdict(list)
    idle, ticks = IDLE.total_seconds(), 2 * PACE.total_seconds()
    since = sessions(after_their_last_pause(scrape.told), SPLIT)
    for key, session in sessions(scrape.told, SPLIT).items():
        silent = scrape.at - start - session.last
        if silent < idle + ticks:
            found[session.tenant, session.role].append((session, since[key], silent < idle))
    return {
        key: Active(
            least=sum(sure for _, _, sure in those),
            most=len(those),
            narrowest=max((lately.fanout for _, lately, sure in those if sure), default=0),
            widest=max(session.fanout for session, _, _ in those),
        )
        for key, those in found.items()
    }


def listed(live: LiveFleet) -> tuple[list[dict[str, Any]], Sequence[Answer]]:
    """Sessions as the service's API tells of them, and the calls it was told of; while no delivery is under way."""
    pause = threading.Event()
    for _ in range(100):
        before = live.calls.settled
        with urllib.request.urlopen(f"{live.service}/api/v1/sessions?limit=1000&order=recent", timeout=10) as reply:
            found: list[dict[str, Any]] = json.load(reply)
        if before is not None and before == live.calls.settled:
            return found, live.calls.answers[:before]
        pause.wait(0.1)
    raise AssertionError("a delivery was under way each time")


def after_their_last_pause(told: Sequence[Answer]) -> Sequence[Answer]:
    """The calls of each session since it was last, or may have been, taken to be finished."""
    by_session: defaultdict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in sorted(told, key=lambda answer: answer.ended):
        calls = by_session[answer.team, answer.session]
        if calls and answer.ended - calls[-1].ended > IDLE.total_seconds() - TOLD_AFTER:
            calls.clear()
        calls.append(answer)
    return [answer for calls in by_session.values() for answer in calls]


def weighted(tokens: Mapping[str, float]) -> float:
    """Tokens by kind, by their weights."""
    return sum(count * {"prompt": 1, "cached": 0.1, "output": 4}[kind] for kind, count in tokens.items())
