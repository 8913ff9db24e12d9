"""Panels that several dashboards have: a chart per role, a number, where a click leads."""

from collections.abc import Sequence
from typing import Any

from controlplane.generate.dashboards.asked import address, asked, once, per_role
from controlplane.generate.dashboards.panel import Key, Kind, Link, Panel, Query, Row, Step
from controlplane.promql.expr import Match

DOLLARS = "currencyUSD"
SHARE = "percentunit"
TOKENS = "count:tok/s"
GPUS = "suffix:GPU"

GOOD, FAIR, BAD = "green", "orange", "red"

TO_ROLE = Link("Role", address("llm-role", role="__data.fields.Role"))
SERIES_TO_ROLE = Link("Role", address("llm-role", role="__field.labels.role"))
TO_VLLM = Link(
    "vLLM's own view of the model (needs vLLM's dashboards)",
    address("vllm-overview", model_name="__data.fields.Model"),
)
TO_VLLM_KV = Link(
    "vLLM's own view of its KV cache (needs vLLM's dashboards)",
    address("vllm-kv-cache", model_name="__data.fields.Model"),
)
TO_VLLM_INSTANCES = Link(
    "vLLM's own view of its instances (needs vLLM's dashboards)",
    address("vllm-instances", model_name="__data.fields.Model"),
)
"""uids and variables of the dashboards that vLLM generates itself; a click finds nothing where they are not loaded."""

ROLE_KEY = Key(label="role", title="Role", links=(TO_ROLE,))
MODEL_KEY = Key(label="model", title="Model", links=(TO_VLLM,))
POD_KEY = Key(label="pod", title="Pod", links=(TO_VLLM_INSTANCES,))


def chart(title: str, name: str, operator: str, unit: str, words: str, *matches: Match, **also: Any) -> Panel:
    """One series per role of one name; a click on a series opens its role."""
    query = per_role(name, operator, *matches)
    return Panel(title=title, words=words, unit=unit, queries=(query,), links=(SERIES_TO_ROLE,), **also)


def number(title: str, expr: str, unit: str, words: str, **also: Any) -> Panel:
    """One number, now."""
    return Panel(
        title=title,
        words=words,
        unit=unit,
        kind=Kind.STAT,
        queries=(Query(expr=expr),),
        **{"width": 4, "height": 4, **also},
    )


def above(limit: float | None, colour: str = BAD) -> tuple[Step, ...]:
    """Good below a limit; no judgement where there is none."""
    return () if limit is None else (Step(GOOD), Step(colour, limit))


def below(*limits: float) -> tuple[Step, ...]:
    """Bad below the first limit, fair below the second, good from there on."""
    colours = (BAD, GOOD) if len(limits) == 1 else (BAD, FAIR, GOOD)
    return (Step(colours[0]), *(Step(colour, limit) for colour, limit in zip(colours[1:], limits, strict=True)))


def table(title: str, words: str, keys: Sequence[Key], columns: Sequence[Query], **also: Any) -> Panel:
    """Rows by label, a column per query."""
    return Panel(
        title=title, words=words, kind=Kind.TABLE, keys=tuple(keys), queries=tuple(columns), **{"width": 24, **also}
    )


def text(title: str, words: str, content: str, **also: Any) -> Panel:
    """Markdown."""
    return Panel(title=title, words=words, kind=Kind.TEXT, text=content, **also)


def unused(title: str, why: str) -> Row:
    """In place of a row that could only be empty."""
    return Row(title=title, panels=(text(title, "Why this row is empty.", why, width=24, height=3),))


def total(name: str, *matches: Match) -> str:
    """The sum over everything chosen."""
    return f"sum({asked(name, *matches) if ':' in name else once(name, *matches)})"
