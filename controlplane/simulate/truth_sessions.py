"""What is true of sessions, from the calls the router answered: tokens by tenant and role, and each session's width.

Written for few calls and read easily: whoever adds up deliveries must come to the same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controlplane.simulate.answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTruth:
    """One session, of the calls given."""

    tenant: str
    role: str
    """Who wrote the answer of the call that ended first."""
    calls: int
    agents: int
    begun: float
    last: float
    fanout: int
    """Most of its calls in flight at once."""
    tokens: Mapping[str, int]
    """By kind: prompt without the cached ones, cached, output."""


def tokens_by_tenant(
    answers: Iterable[Answer], split: Mapping[str, tuple[str, str]]
) -> Mapping[tuple[str, str, str], int]:
    """Tokens by tenant, role and kind. ``split``: role asked for → its pool for prompts, its pool for answers."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for answer in answers:
        reads, writes = split.get(answer.asked, (answer.asked, answer.asked))
        for kind, count in _tokens(answer).items():
            counted[answer.team_alias, writes if kind == "output" else reads, kind] += count
    return counted


def sessions(answers: Iterable[Answer], split: Mapping[str, tuple[str, str]]) -> Mapping[tuple[str, str], SessionTruth]:
    """Every session by tenant and id."""
    calls: defaultdict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in answers:
        calls[answer.team_alias, answer.session].append(answer)
    return {key: _session(of_session, split) for key, of_session in calls.items()}


def _session(calls: Sequence[Answer], split: Mapping[str, tuple[str, str]]) -> SessionTruth:
    first = min(calls, key=lambda call: call.ended)
    tokens: Counter[str] = Counter()
    for call in calls:
        tokens.update(_tokens(call))
    return SessionTruth(
        tenant=first.team_alias,
        role=split.get(first.asked, (first.asked, first.asked))[1],
        calls=len(calls),
        agents=len({call.agent for call in calls}),
        begun=min(call.begun for call in calls),
        last=max(call.ended for call in calls),
        fanout=max(sum(other.begun <= call.begun < other.ended for other in calls) for call in calls),
        tokens=tokens,
    )


def _tokens(answer: Answer) -> dict[str, int]:
    return {"prompt": answer.prompt - answer.cached, "cached": answer.cached, "output": answer.output}
