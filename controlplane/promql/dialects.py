"""Under which names a Prometheus holds an engine's metrics: Ray spells them its own way, and so do some pipelines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from controlplane.model.role import Engine
from controlplane.promql.metric import Kind, Metric, Source


class Form(IntEnum):
    """A way to spell a metric's name; the value is its place in :attr:`Metric.spellings`."""

    OWN = 0
    """``vllm:x``, as the engine writes it."""
    FLAT = 1
    """``vllm_x``, as pipelines rewrite it that take a colon for a mistake."""
    RAY = 2
    """``ray_vllm_x``."""
    RAY_COLON = 3
    """``ray_vllm:x``, until vLLM 0.11."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One program's metrics as one way of collecting them spells and labels them."""

    source: Source
    forms: tuple[Form, ...]
    """Most wanted first. All of them name the same rows."""
    processes: tuple[str, ...] = ()
    """Labels that only tell the processes of one replica apart, as ranks do."""
    replicas: tuple[str, ...] = ()
    """Labels that tell the replicas of one pod apart, where not all of its processes carry them."""

    def names(self, metric: Metric) -> tuple[str, ...]:
        """Names on the wire; of a histogram its buckets."""
        suffix = "_bucket" if metric.kind is Kind.HISTOGRAM else ""
        return tuple(metric.spellings[form] + suffix for form in self.forms)


_SGLANG_IN_RAY = Dialect(
    source=Source.SGLANG,
    forms=(Form.RAY,),
    processes=("WorkerId",),
    replicas=("ReplicaId", "application", "deployment", "replica"),
)
"""Since Ray 2.60. A replica tells from two processes: of requests from one, of the scheduler from another."""

_DIALECTS: Mapping[Engine, tuple[Dialect, ...]] = MappingProxyType(
    {
        Engine.VLLM: (Dialect(source=Source.VLLM, forms=(Form.OWN,)),),
        Engine.SGLANG: (Dialect(source=Source.SGLANG, forms=(Form.OWN,)),),
        Engine.RAY_SERVE: (Dialect(source=Source.VLLM, forms=(Form.RAY, Form.RAY_COLON)), _SGLANG_IN_RAY),
    }
)


def dialects(engine: Engine, *, rewritten: bool = False) -> tuple[Dialect, ...]:
    """Everything a Prometheus may hold of an engine; with ``rewritten`` also what a pipeline made of its names.

    Ray's names have no colon that could be rewritten.
    """
    known = _DIALECTS[engine]
    return known + (_flat(known) if rewritten else ())


def spoken(engines: Sequence[Engine], *, rewritten: bool = False) -> tuple[Dialect, ...]:
    """What engines of today say, and with ``rewritten`` also what a pipeline made of it."""
    known = tuple(today(engine) for engine in engines)
    return known + (_flat(known) if rewritten else ())


def _flat(known: Sequence[Dialect]) -> tuple[Dialect, ...]:
    return tuple(Dialect(source=one.source, forms=(Form.FLAT,)) for one in known if Form.OWN in one.forms)


def today(engine: Engine) -> Dialect:
    """What an engine of today says, without the names of the past."""
    first = _DIALECTS[engine][0]
    return Dialect(source=first.source, forms=first.forms[:1])
