"""GPUs that are broken, too hot, or that nobody watches.

An exporter that says nothing raises none of the others, so its silence is an alert of its own: wherever pods hold GPUs.
"""

from collections.abc import Iterator
from datetime import timedelta

from controlplane.generate.alerts.alert import PERCENT, Alert, both
from controlplane.generate.alerts.xid import HARDWARE
from controlplane.generate.rules.gpus import PHYSICAL, ROW_REMAP_FAILED, THROTTLED, XID
from controlplane.generate.rules.nodes import ALLOCATED
from controlplane.generate.rules.rule import on
from controlplane.model.finding import Severity
from controlplane.promql.expr import Match, aggregate, select
from controlplane.promql.recorded import NODE
from controlplane.settings.alerts import AlertName
from controlplane.settings.schema import Settings

_M = timedelta(minutes=1)
BOARD = "llm-gpu"
GPU = (*NODE, "gpu")
WHO = "{{ $labels.node }} GPU {{ $labels.gpu }}"
_EXPORTERS = Match("job", ".*dcgm.*|gpu-metrics", "=~")
"""Jobs that scrape GPU exporters: ours, the GPU operator's and the Helm chart's, and the one in NVIDIA's own guide."""


def gpu_alerts(settings: Settings) -> Iterator[Alert]:
    """Alerts on GPUs, and on their exporter."""
    yield from _xid()
    yield Alert(
        name=AlertName.GPU_ROW_REMAP_FAILED,
        expr=f"{aggregate('max', ROW_REMAP_FAILED, GPU)} > 0",
        hold=_M,
        severity=Severity.CRITICAL,
        summary=f"{WHO}: a bad memory row could not be replaced",
        description="Its spare rows are used up, so whatever is put there dies or computes nonsense. It does not go "
        "away by a reset. First: cordon and drain the node, then have the GPU replaced.",
        dashboard=BOARD,
    )
    hot = select(THROTTLED, (("reason", "thermal"),))
    yield Alert(
        name=AlertName.GPU_THROTTLED,
        expr=f"{aggregate('max', hot, GPU)} > {settings.alerts.limits.throttled_share:g}",
        hold=10 * _M,
        keep=10 * _M,
        severity=Severity.WARNING,
        summary=f"{WHO}: too hot {PERCENT} of the time, and slowed down for it",
        description="Its replica is slower than the others at the same load, and the router does not know. First: "
        "fans, air and neighbours of the node; its temperature against the other GPUs'.",
        dashboard=BOARD,
    )
    yield _silent()


def _silent() -> Alert:
    """Pods hold GPUs on a node of which DCGM says nothing, where DCGM is in use at all."""
    seen, scraped = (
        aggregate("group", PHYSICAL, ("cluster",)),
        aggregate("group", select("up", (_EXPORTERS,)), ("cluster",)),
    )
    return Alert(
        name=AlertName.GPU_EXPORTER_DOWN,
        expr=both(f"{ALLOCATED} > 0 unless {on(NODE)} {PHYSICAL}", f"and on (cluster) ({seen} or {scraped})"),
        hold=10 * _M,
        severity=Severity.WARNING,
        summary='{{ $labels.node }}: {{ printf "%.1f" $value }} GPUs in use that no exporter tells of',
        description="Faults of these GPUs are not seen, their idle money is guessed from requests, and the bill has no "
        "total. First: is the DCGM exporter's pod on the node up, scraped, and does it call the node by its name?",
        dashboard=BOARD,
    )


def _xid() -> Iterator[Alert]:
    broken = aggregate("max", " or ".join(f"{XID} == {code}" for code in HARDWARE), GPU)
    yield Alert(
        name=AlertName.GPU_XID,
        expr=broken,
        hold=_M,
        severity=Severity.CRITICAL,
        summary=f"{WHO}: XID {{{{ $value }}}}, a fault of the GPU",
        description=f"This kind does not go away by restarting the pod: {_meanings()}. First: cordon and drain the "
        "node, then reset or replace the GPU.",
        dashboard=BOARD,
    )
    new = aggregate("max", f"{XID} > 0 and changes({XID}[30m]) > 0", GPU)
    yield Alert(
        name=AlertName.GPU_XID,
        expr=both(new, f"unless {on(GPU)} {broken}"),
        hold=_M,
        severity=Severity.WARNING,
        summary=f"{WHO}: XID {{{{ $value }}}}, usually the program's own fault",
        description="A kernel was stopped or read where it must not. The number stays until the driver is loaded "
        "again, so only a change is told. First: the engine's log at that minute.",
        dashboard=BOARD,
    )


def _meanings() -> str:
    return ", ".join(f"{code} {words}" for code, words in HARDWARE.items())
