"""How many tokens a replica's KV cache holds, as its engine says.

vLLM writes it into a label of ``cache_config_info`` (``kv_cache_size_tokens``, since 0.24), where PromQL can never
read it as a number. Blocks times block size is not it: wrong for models with several kinds of attention. SGLang
has a gauge, one row per rank.
"""

from dataclasses import dataclass
from math import fsum, inf, nan

from controlplane.model.page import Layout

VLLM = frozenset({"vllm:cache_config_info", "vllm_cache_config_info"})
SGLANG = frozenset({"sglang:max_total_num_tokens"})


@dataclass(frozen=True, slots=True)
class CapacityRow:
    """Where one engine of a page says it."""

    engine: str
    """Data-parallel engine: they add up, ranks of one engine repeat."""
    said: float | None
    """The number, where a label holds it."""
    position: int
    """Where it is the row's value instead."""


def capacity_rows(layout: Layout) -> tuple[CapacityRow, ...]:
    """Where a page says it; empty where it does not."""
    rows = []
    for i, key in enumerate(layout.keys):
        if key.name in VLLM and (said := key.label("kv_cache_size_tokens")) is not None:
            rows.append(CapacityRow(key.label("engine") or "", float(said) if said.isdecimal() else nan, i))
        elif key.name in SGLANG:
            rows.append(CapacityRow(key.label("dp_rank") or "", None, i))
    return tuple(rows)


def kv_capacity(rows: tuple[CapacityRow, ...], values: tuple[float, ...]) -> float | None:
    """Tokens over all engines of a page; ``None`` as soon as one of them does not say it."""
    engines: dict[str, float] = {}
    for row in rows:
        value = values[row.position] if row.said is None else row.said
        if not 0 < value < inf:
            return None
        engines[row.engine] = max(engines.get(row.engine, 0.0), value)
    return fsum(engines.values()) or None
