"""A first fleet.yaml as a value, and its text: what was seen is written down, every guess is marked as one."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from controlplane.model.role import Engine
from controlplane.settings.gpus import LIST_PRICES

NAMED_AFTER_MODEL = "named after its model; say what it does for your agents (planner, worker, embedder)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRole:
    """One role as far as it could be seen; ``None`` or empty where it could not."""

    model: str
    engine: Engine
    name: str = ""
    """Left empty, it is named after its model."""
    targets: tuple[str, ...] = ()
    select: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    pods: tuple[str, str, int] | None = None
    """Namespace, label selector, port."""
    gpu: str | None = None
    gpus_per_replica: int | None = None
    mig: str | None = None
    replicas: tuple[int, int] = (1, 1)
    scaled_object: str | None = None
    workload: str | None = None
    guesses: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Key → why it is a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The whole file."""

    roles: tuple[DraftRole, ...]
    prometheus: str | None = None
    kubernetes: str | None = None
    """Context of the kubeconfig; empty for the current one; ``None`` for no cluster."""
    dcgm: tuple[str, ...] = ()
    kube_state_metrics: tuple[str, ...] = ()
    command: str = "controlplane init"


def role_name(model: str) -> str:
    """A role name made of a model's name: its last part, in letters Kubernetes allows."""
    last = model.rstrip("/").rsplit("/", 1)[-1].lower()
    return re.sub(r"[^a-z0-9]+", "-", last).strip("-")[:40].strip("-") or "model"


def named(roles: Sequence[DraftRole]) -> tuple[DraftRole, ...]:
    """The roles with names of their own, sorted by name."""
    taken: set[str] = set()
    made = []
    for role in sorted(roles, key=lambda r: (r.name, r.model, str(dict(r.select)), r.workload or "")):
        stem = role.name or role_name(role.model)
        name, n = stem, 2
        while name in taken:
            name, n = f"{stem}-{n}", n + 1
        taken.add(name)
        guesses = role.guesses if role.name else {**role.guesses, "name": NAMED_AFTER_MODEL}
        made.append(replace(role, name=name, guesses=guesses))
    return tuple(sorted(made, key=lambda r: r.name))


def draft_text(draft: Draft) -> str:
    """The file. It passes ``controlplane config check``."""
    lines = [
        f"# Written by {_one_line(draft.command)}",
        "# What could not be seen is guessed. Each guess is marked: check it and remove the mark.",
        "fleet: my-fleet  # guess: give it a name",
        "",
        *_sources(draft),
        "roles:",
    ]
    for role in named(draft.roles):
        lines += [f"  {line}" for line in _role(role, draft)]
    return "\n".join(lines) + "\n"


def _sources(draft: Draft) -> list[str]:
    lines = []
    if draft.prometheus:
        lines.append(f"  prometheus: {_quoted(draft.prometheus)}")
    if draft.kubernetes is not None:
        inner = f"context: {_quoted(draft.kubernetes)}" if draft.kubernetes else ""
        lines.append(f"  kubernetes: {{{inner}}}")
    if draft.dcgm:
        lines.append(f"  dcgm: {_list(draft.dcgm)}")
    if draft.kube_state_metrics:
        lines.append(f"  kube_state_metrics: {_list(draft.kube_state_metrics)}")
    return ["sources:", *lines, ""] if lines else []


def _role(role: DraftRole, draft: Draft) -> list[str]:
    def line(key: str, value: str) -> str:
        why = role.guesses.get(key)
        return f"  {key}: {value}" + (f"  # guess: {_one_line(why)}" if why else "")

    why = role.guesses.get("name")
    lines = [f"{_quoted(role.name)}:" + (f"  # guess: {_one_line(why)}" if why else "")]
    lines += [line("model", f"{{name: {_quoted(role.model)}}}"), line("engine", role.engine.value), _gpus(role)]
    least, most = role.replicas
    lines.append(line("replicas", f"{{min: {least}, max: {most}}}"))
    if least == 0:
        lines.append("  scale_to_zero: true")
    lines.append("  # slo: {ttft_p95: 1s, itl_p95: 100ms}  what you promise; without it no objective can be missed")
    if role.targets:
        lines.append(line("targets", _list(role.targets)))
    if role.pods and not draft.prometheus:
        namespace, selector, port = role.pods
        where = f"{{namespace: {_quoted(namespace)}, selector: {_quoted(selector)}, port: {port}}}"
        lines.append(line("pods", where))
    if role.select and draft.prometheus:
        pairs = ", ".join(f"{k}: {_quoted(v)}" for k, v in sorted(role.select.items()))
        lines.append(line("select", f"{{{pairs}}}"))
    if role.scaled_object:
        lines.append(line("scaled_object", _quoted(role.scaled_object)))
    if role.workload:
        lines.append(line("workload", _quoted(role.workload)))
    return [*lines, "  mode: observe  # guess: look first; propose lets a person approve changes"]


def _gpus(role: DraftRole) -> str:
    count = role.gpus_per_replica or 1
    mig = f", mig: {role.mig}" if role.mig else ""
    if role.gpu is None or role.gpu not in LIST_PRICES:
        seen = role.gpu or "h100-pcie-80gb"
        hint = "no list price is known: add prices: too" if role.gpu else "not seen; without it cost is unknown"
        return f"  # gpus: {{type: {seen}, per_replica: {count}{mig}}}  {hint}"
    why = role.guesses.get("gpus", "list price; write yours under prices:")
    return f"  gpus: {{type: {role.gpu}, per_replica: {count}{mig}}}  # guess: {_one_line(why)}"


def _list(values: Sequence[str]) -> str:
    return "[" + ", ".join(_quoted(v) for v in values) + "]"


def _quoted(value: str) -> str:
    """A YAML scalar that reads as exactly this text; names and URLs as they are, anything else in quotes."""
    if re.fullmatch(
        r"[a-z][-a-z0-9]*[a-z0-9]|https?://[-A-Za-z0-9._:/]+|[A-Za-z][-A-Za-z0-9._]*/[-A-Za-z0-9._]+", value
    ):
        return value if value not in {"yes", "no", "on", "off", "true", "false", "null"} else f'"{value}"'
    return json.dumps(value, ensure_ascii=True)


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
