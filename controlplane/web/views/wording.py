"""Words the pages use for things whose ids are too long, too short or too technical for a table."""

from controlplane.model.finding import Finding, Severity
from controlplane.model.keys import RoleName
from controlplane.model.page import Fault
from controlplane.model.recommendation import State
from controlplane.model.role import Engine, GpuSpec, RoleSpec

ENGINES = {Engine.VLLM: "vLLM", Engine.SGLANG: "SGLang", Engine.RAY_SERVE: "Ray Serve LLM"}

SHORT = {
    "queue-buildup": "queue",
    "ttft-objective": "TTFT",
    "itl-objective": "ITL",
    "kv-pressure": "KV",
    "preemption-storm": "preemptions",
    "low-utilisation": "idle",
    "prefix-collapse": "prefix cache",
    "runaway-session": "runaway",
    "blind-spot": "blind",
    "scaler-blind": "autoscaler",
}
"""Detectors in one or two words; any other id is written with spaces."""

NAMES = {
    "queue-buildup": "queue build-up",
    "ttft-objective": "TTFT over its objective",
    "itl-objective": "ITL over its objective",
    "kv-pressure": "KV cache pressure",
    "preemption-storm": "preemption storm",
    "prefix-collapse": "prefix cache collapse",
    "runaway-session": "runaway session",
    "scaler-blind": "blind autoscaler",
}
"""Detectors as a sentence names them; any other id is written with spaces."""

IDLE = frozenset({"low-utilisation"})
"""Detectors whose money is money spent on nothing."""

TONES = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.INFO: ""}

STATE_WORDS = {
    State.OPEN: ("waiting for you", "acc"),
    State.APPROVED: ("approved", "ok"),
    State.DISMISSED: ("dismissed", ""),
    State.APPLIED: ("applied", "ok"),
    State.SUPERSEDED: ("superseded", ""),
    State.EXPIRED: ("expired", ""),
}

FIXES = {
    Fault.REFUSED: "nothing listens there: is the server running, and is the port right?",
    Fault.UNREACHABLE: "no route to it: check the address, network policy and firewall",
    Fault.NAME: "the name is not known here: check the spelling and the namespace",
    Fault.TIMEOUT: "it took too long: is the server overloaded, or the address a black hole?",
    Fault.TLS: "the certificate was not accepted: check http against https, and the host name",
    Fault.UNAUTHORISED: "it wants a token: set bearer_token_file for this source",
    Fault.STATUS: "it answered with an error: open the address and read what it says",
    Fault.REDIRECT: "redirects are not followed: write the final address",
    Fault.ENCODING: "the body could not be decoded: is a proxy in between?",
    Fault.TOO_LARGE: "the page is over the limit: raise sources.limits.body if that is right",
    Fault.TOO_MANY: "more series than the limit: raise sources.limits.samples if that is right",
    Fault.TRUNCATED: "the page ended in the middle; it is tried again at the next tick",
    Fault.MALFORMED: "that is not a metrics page: is the path right (usually /metrics)?",
    Fault.EMPTY: "the page is empty: does the engine run with its statistics off?",
    Fault.DUPLICATE: "the page holds a series twice: are two exporters merged in front of it?",
    Fault.STALE: "its numbers stopped moving: is the exporter stuck?",
    Fault.PARTIAL: "only a part answered: look at the server's own warnings",
    Fault.FORBIDDEN: "that address is not allowed as a target (link-local, or user info in it)",
    Fault.INTERNAL: "this is our fault: the log has the details, please report it",
}


def detector(id_: str) -> str:
    """A detector in the fewest words."""
    return SHORT.get(id_, id_.replace("-", " "))


def named(id_: str) -> str:
    """A detector as a sentence names it."""
    return NAMES.get(id_, id_.replace("-", " "))


def finding_words(ids: tuple[str, ...]) -> str:
    """``queue build-up, KV cache pressure`` from finding ids (detector and role)."""
    return ", ".join(named(id_.partition(":")[0]) for id_ in ids)


def gpus(spec: GpuSpec) -> str:
    """``2× H100 PCIe``, ``MIG 1g.10gb``."""
    parts = [p for p in spec.type.split("-") if not p.endswith("gb")]
    named = {"pcie": "PCIe", "sxm": "SXM", "nvl": "NVL"}
    said = " ".join(named.get(p, p.upper()) for p in parts) or spec.type
    if spec.mig:
        said = f"MIG {spec.mig}"
    return f"{spec.per_replica:g}× {said}" if spec.per_replica != 1 or not spec.mig else said


def model(spec: RoleSpec) -> str:
    """The model's name without its owner, and its precision where it is not the usual one."""
    name = spec.model.name.rsplit("/", 1)[-1]
    precision = spec.model.precision.lower()
    return name if precision in {"fp16", "bf16", "auto"} else f"{name} · {precision.upper()}"


def states(findings: tuple[Finding, ...], role: RoleName) -> list[Finding]:
    """The findings of one role, worst first."""
    order = list(Severity)
    return sorted((f for f in findings if f.role == role), key=lambda f: (order.index(f.severity), f.since))
