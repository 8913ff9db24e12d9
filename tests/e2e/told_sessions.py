"""What the router told the service, held beside what Prometheus scraped of it: the books of sessions.

Every scrape of the service holds exactly the calls of some whole number of deliveries, so what was told by then is
found by its number of tokens, and all else is compared with that.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controlplane.simulate.answer import Answer
from controlplane.simulate.mixed import mixed_cluster
from controlplane.simulate.truth_sessions import SessionTruth, sessions, tokens_by_tenant
from tests.e2e.live_fleet import IDLE, PACE, LiveFleet

SPLIT = mixed_cluster().split
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
    """What the gauges of a tenant and role may say: sessions end with a tick, so some may just have or have not."""

    least: int
    most: int
    fanout: tuple[int, ...]
    """The widest of those surely active, and wider ones that may be."""


def active(scrape: Scrape, start: float) -> Mapping[tuple[str, str], Active]:
    """By tenant and the role they began at. ``start``: of the simulation, Unix time."""
    found: defaultdict[tuple[str, str], list[tuple[SessionTruth, bool]]] = defaultdict(list)
    ticks = 2 * PACE.total_seconds()
    for session in sessions(scrape.told, SPLIT).values():
        idle = scrape.at - start - session.last
        if idle < IDLE.total_seconds() + ticks:
            found[session.tenant, session.role].append((session, idle < IDLE.total_seconds()))
    return {
        key: Active(
            least=sum(surely for _, surely in those),
            most=len(those),
            fanout=_widest(those),
        )
        for key, those in found.items()
    }


def _widest(those: Sequence[tuple[SessionTruth, bool]]) -> tuple[int, ...]:
    surely = max((session.fanout for session, sure in those if sure), default=0)
    return (surely, *(session.fanout for session, sure in those if not sure and session.fanout > surely))


def weighted(tokens: Mapping[str, float]) -> float:
    """Tokens by kind, by their weights."""
    return sum(count * {"prompt": 1, "cached": 0.1, "output": 4}[kind] for kind, count in tokens.items())
