"""The Fleet page: every role on one line, the money and the promises above them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from controlplane.model.cycle import Cycle
from controlplane.model.keys import RoleName
from controlplane.model.limit import Limit
from controlplane.model.reading import Reading
from controlplane.model.role import RoleSpec, RoleView
from controlplane.model.units import seconds_text
from controlplane.web import links
from controlplane.web.views import wording
from controlplane.web.views.quantity import NOT_SEEN, Quantity, of_role, short
from controlplane.web.views.spark import Spark, spark

WINDOW = timedelta(minutes=30)
"""How much of the past a sparkline shows."""

MOST_PIPS = 16
"""Replicas drawn one by one; more are only counted."""

SORTS = ("role", "waiting", "kv", "ttft", "tokens", "spend", "mtok", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A word in a coloured capsule; the colour never says more than the word."""

    words: str
    tone: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pips:
    """Replicas as small blocks: ready, starting, still allowed."""

    ready: int
    pending: int
    open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRow:
    """One role in the table."""

    name: str
    href: str
    model: str
    engine: str
    gpus: str
    pips: Pips | None
    replicas: Quantity
    pending: str
    most: int
    waiting: Quantity
    waiting_hot: bool
    kv: Quantity
    kv_percent: float | None
    kv_tone: str
    kv_spark: Spark
    ttft: Quantity
    ttft_hot: bool
    objective: str
    ttft_spark: Spark
    tokens: Quantity
    spend: Quantity
    mtok: Quantity
    tags: tuple[Tag, ...]
    queries: tuple[Quantity, ...]
    keys: Mapping[str, float]
    """What the row sorts by; an unknown value is not in here and sorts last."""


def rows(
    roles: tuple[RoleSpec, ...], cycle: Cycle, limits: Mapping[RoleName, tuple[Limit, ...]], *, text: str, sort: str
) -> tuple[RoleRow, ...]:
    """One row per declared role whose name or model holds ``text``, in the order of fleet.yaml unless sorted."""
    needle = text.casefold()
    made = [
        _row(cycle.fleet.roles[spec.name], cycle, limits.get(spec.name, ()))
        for spec in roles
        if spec.name in cycle.fleet.roles and (needle in spec.name.casefold() or needle in spec.model.name.casefold())
    ]
    key = sort.lstrip("-")
    if key not in SORTS:
        return tuple(made)
    if key == "role":
        return tuple(sorted(made, key=lambda r: r.name, reverse=sort.startswith("-")))
    sign = -1 if sort.startswith("-") else 1
    return tuple(sorted(made, key=lambda r: (key not in r.keys, sign * r.keys.get(key, 0.0))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One column's heading; sorting is a link."""

    words: str
    css: str = ""
    href: str = ""
    sorted: str = ""
    """Value of ``aria-sort``: ``ascending``, ``descending`` or nothing."""


_HEADS = (
    ("Role", "", "role"),
    ("Engine", "p3", ""),
    ("Replicas", "", ""),
    ("Waiting / replica", "num", "waiting"),
    ("KV cache, 30 min", "", "kv"),
    ("TTFT p95 / objective", "num", "ttft"),
    ("30 min", "p2", ""),
    ("Tokens/s", "num p2", "tokens"),
    ("$/h", "num p2", "spend"),
    ("$/M tok", "num p3", "mtok"),
    ("State", "", "state"),
)
"""Words, classes (``p2`` and ``p3`` go first when it gets narrow), and what it sorts by."""


def heads(sort: str, text: str) -> tuple[Head, ...]:
    """The headings. Numbers sort from the highest down first; a second click turns it round."""
    made = []
    for words, css, key in _HEADS:
        first, second = (key, f"-{key}") if key == "role" else (f"-{key}", key)
        current = bool(key) and sort in {first, second}
        turn = second if sort == first else first
        made.append(
            Head(
                words=words,
                css=css,
                href=links.address(links.FLEET, q=text, sort=turn) if key else "",
                sorted=("descending" if sort.startswith("-") else "ascending") if current else "",
            )
        )
    return tuple(made)


def limit_of(limits: tuple[Limit, ...], reading: Reading) -> Limit | None:
    """The detectors' threshold that ``reading`` must stay under."""
    return next((x for x in limits if x.reading is reading and x.comparison == ">"), None)


def tokens_per_second(role: RoleView) -> float | None:
    """Prompt and output tokens together; ``None`` when either is unknown."""
    prompt, output = role.now(Reading.PROMPT_TOKENS), role.now(Reading.OUTPUT_TOKENS)
    return None if prompt is None or output is None else prompt + output


def _row(role: RoleView, cycle: Cycle, limits: tuple[Limit, ...]) -> RoleRow:
    spec = role.spec
    objective = spec.slo.ttft_p95
    ready, pending = role.now(Reading.REPLICAS_READY), role.now(Reading.REPLICAS_PENDING) or 0
    kv, ttft, waiting = role.now(Reading.KV_USAGE), role.now(Reading.TTFT_P95), role.now(Reading.WAITING_PER_REPLICA)
    kv_limit, waiting_limit = limit_of(limits, Reading.KV_USAGE), limit_of(limits, Reading.WAITING_PER_REPLICA)
    tokens = tokens_per_second(role)
    quantities = {r: of_role(role, r) for r in _ASKED}
    tags = _tags(role, cycle)
    keys = {
        "waiting": waiting,
        "kv": kv,
        "ttft": None if ttft is None else ttft / (objective or 1.0),
        "tokens": tokens,
        "spend": role.now(Reading.DOLLARS_PER_HOUR),
        "mtok": role.now(Reading.DOLLARS_PER_MTOK),
        "state": float({"": 0, "ok": 0, "idle": 1, "warn": 2, "bad": 3}[tags[0].tone]),
    }
    return RoleRow(
        name=spec.name,
        href=links.role(spec.name),
        model=wording.model(spec),
        engine=engine(role),
        gpus=wording.gpus(spec.gpus),
        pips=_pips(ready, pending, role.in_force.max),
        replicas=quantities[Reading.REPLICAS_READY],
        pending=f"+{pending:g} starting" if pending else "",
        most=role.in_force.max,
        waiting=replace(quantities[Reading.WAITING_PER_REPLICA], text=short(waiting)),
        waiting_hot=_over(waiting, waiting_limit),
        kv=quantities[Reading.KV_USAGE],
        kv_percent=None if kv is None else round(min(max(kv, 0.0), 1.0) * 100, 1),
        kv_tone="hot" if _over(kv, kv_limit) else "low" if kv is not None and kv < 0.1 else "",
        kv_spark=spark(role.series(Reading.KV_USAGE).last(WINDOW), limit=kv_limit.value if kv_limit else None, top=1.0),
        ttft=quantities[Reading.TTFT_P95],
        ttft_hot=ttft is not None and objective is not None and ttft > objective,
        objective=seconds_text(objective) if objective is not None else "",
        ttft_spark=spark(role.series(Reading.TTFT_P95).last(WINDOW), limit=objective),
        tokens=Quantity(
            text=short(tokens),
            known=tokens is not None,
            why=quantities[Reading.PROMPT_TOKENS].why or quantities[Reading.OUTPUT_TOKENS].why,
        ),
        spend=_bare(quantities[Reading.DOLLARS_PER_HOUR]),
        mtok=_bare(quantities[Reading.DOLLARS_PER_MTOK]),
        tags=tags,
        queries=tuple(quantities.values()),
        keys={k: v for k, v in keys.items() if v is not None},
    )


_ASKED = (
    Reading.REPLICAS_READY,
    Reading.WAITING_PER_REPLICA,
    Reading.KV_USAGE,
    Reading.TTFT_P95,
    Reading.PROMPT_TOKENS,
    Reading.OUTPUT_TOKENS,
    Reading.DOLLARS_PER_HOUR,
    Reading.DOLLARS_PER_MTOK,
)
"""The readings behind a row's numbers."""


def _bare(q: Quantity) -> Quantity:
    """The same number without the unit that the column heading already says."""
    return Quantity(text=q.text.partition("/")[0], known=q.known, words=q.words, query=q.query, why=q.why)


def _over(value: float | None, limit: Limit | None) -> bool:
    return value is not None and limit is not None and value > limit.value


def _pips(ready: float | None, pending: float, most: int) -> Pips | None:
    if ready is None or most > MOST_PIPS or ready + pending > MOST_PIPS:
        return None
    return Pips(ready=int(ready), pending=int(pending), open=max(0, most - int(ready) - int(pending)))


def engine(role: RoleView) -> str:
    """``vLLM ≥0.32``: the engine with the version its replicas show, where they agree."""
    versions = {r.version for r in role.replicas if r.version}
    name = wording.ENGINES[role.spec.engine]
    return f"{name} {versions.pop()}" if len(versions) == 1 else name


def _tags(role: RoleView, cycle: Cycle) -> tuple[Tag, ...]:
    found = wording.states(cycle.findings, role.name)
    if found:
        tone = "idle" if all(f.detector in wording.IDLE for f in found) else wording.TONES[found[0].severity]
        if len(found) > 2:
            words = f"{wording.detector(found[0].detector)} +{len(found) - 1}"
        else:
            words = ", ".join(wording.detector(f.detector) for f in found)
        return (Tag(words=words, tone=tone, title="; ".join(f.summary for f in found)),)
    if all(role.now(r) is None for r in (Reading.RUNNING, Reading.KV_USAGE, Reading.WAITING_PER_REPLICA)):
        why = role.missing.get(Reading.RUNNING, NOT_SEEN)
        return (Tag(words="unknown", title=why),)
    unsure = [id_.partition(":")[0] for id_ in cycle.unsure if id_.endswith(f":{role.name}")]
    if unsure:
        words = ", ".join(f"{wording.detector(d)}?" for d in unsure[:2])
        return (Tag(words=words, title="it was found before, and its data is unknown now: nothing is concluded"),)
    if role.scaling:
        return (Tag(words="scaling", tone="warn", title="a replica is on its way"),)
    return (Tag(words="fine", tone="ok", title="nothing was found"),)
