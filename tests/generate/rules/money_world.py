"""A fleet whose bill can be added up by hand: whole GPUs, slices, a split pair, an idle role, strangers.

| node | GPUs | $/h each | who holds them |
|---|---|---|---|
| n1 | 2 | 4 | planner-0 both |
| n2 | 1 | 2 | worker-0 a half (3g.40gb), worker-1 two sevenths (2g.20gb), the rest is stranded |
| n3 | 2 | 4 | coder-p and coder-d, one each: prefill and decode |
| n4 | 2 | 2 | training-0 one; job-0 is finished and holds none |
| n5 | 1 | 2 | embedder-0, to which nobody speaks |
| n6 | 1 | 2 | nobody |
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.generate.rules.engine_pages import Pod
from tests.generate.rules.scenario import constant, steady
from tests.generate.rules.scenarios_gpus import Device, rows

PRICES = {"n1": 4.0, "n2": 2.0, "n3": 4.0, "n4": 2.0, "n5": 2.0, "n6": 2.0}
BILL = 26.0
PLANNER = Pod(pod="planner-0", model="big")
WORKERS = (Pod(pod="worker-0", model="small"), Pod(pod="worker-1", model="small"))
PREFILL = Pod(pod="coder-p", model="code", prompt=200, cached=80, output=2)
DECODE = Pod(pod="coder-d", model="code", prompt=200, cached=0, output=100)
EMBEDDER = replace(
    Pod(pod="embedder-0", model="vectors"), running=0, waiting=0, preempted=0, prompt=0, cached=0, output=0, finished=0
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a pod holds, and how busy it is."""

    pod: str
    node: str
    gpus: float
    resource: str = "nvidia_com_gpu"
    count: float = 1
    role: str = ""
    """Empty: no role's."""
    model: str = ""
    pool: str = "both"
    phase: str = "Running"


HELD = (
    Held(pod="planner-0", node="n1", gpus=2, count=2, role="planner", model="big"),
    Held(pod="worker-0", node="n2", gpus=0.5, resource="nvidia_com_mig_3g_40gb", role="worker", model="small"),
    Held(pod="worker-1", node="n2", gpus=2 / 7, resource="nvidia_com_mig_2g_20gb", role="worker", model="small"),
    Held(pod="coder-p", node="n3", gpus=1, role="coder", model="code", pool="prefill"),
    Held(pod="coder-d", node="n3", gpus=1, role="coder", model="code", pool="decode"),
    Held(pod="training-0", node="n4", gpus=1),
    Held(pod="job-0", node="n4", gpus=1, phase="Succeeded"),
    Held(pod="embedder-0", node="n5", gpus=1, role="embedder", model="vectors"),
    Held(pod="queued-0", node="", gpus=1, phase="Pending"),
)
DEVICES = (
    Device(node="n1", uuid="GPU-1", pod="planner-0", active=0.75),
    Device(node="n1", uuid="GPU-2", pod="planner-0", active=0.25),
    Device(node="n2", uuid="GPU-3", pod="worker-0", profile="3g.40gb", instance="1", active=1.0),
    Device(node="n2", uuid="GPU-3", pod="worker-1", profile="2g.20gb", instance="5", active=0.5),
    Device(node="n3", uuid="GPU-4", pod="coder-p", active=1.0),
    Device(node="n3", uuid="GPU-5", pod="coder-d", active=0.5),
    Device(node="n4", uuid="GPU-6", pod="training-0", active=0.0),
    Device(node="n4", uuid="GPU-7", active=0.0),
    Device(node="n5", uuid="GPU-8", pod="embedder-0", active=0.0),
    Device(node="n6", uuid="GPU-9", active=0.0),
)
DOLLARS = {("planner", "big"): 8.0, ("worker", "small"): 11 / 7, ("coder", "code"): 8.0, ("embedder", "vectors"): 2.0}
"""What each role costs, as the control plane reckons it and as the nodes' prices give it, too."""
SESSION_TOKENS = {"prompt": 30.0, "cached": 20.0, "output": 25.0}
"""A second, of tenant acme's sessions."""


def engines() -> dict[str, str]:
    """Pages of all engines."""
    made: dict[str, str] = {}
    for pod in (PLANNER, *WORKERS, EMBEDDER):
        made |= pod.vllm()
    return made | PREFILL.sglang() | DECODE.sglang()


def gpus() -> dict[str, str]:
    """Pages of the DCGM exporters."""
    return rows(*DEVICES)


def kube(*, moved: bool = False, held: tuple[Held, ...] = HELD) -> dict[str, str]:
    """kube-state-metrics' page, twice: a restart of it shows both pods' rows for a while."""
    made: dict[str, str] = {}
    for row in held:
        for exporter in ("ksm-0", "ksm-1"):
            pod = {"namespace": "llm", "pod": row.pod, "container": "engine"}
            pod |= {"node": row.node} if row.node else {}
            asks = _told(pod, {"resource": row.resource, "unit": "integer"}, exporter, moved=moved)
            made[f"kube_pod_container_resource_requests{{{asks}}}"] = constant(row.count)
            memory = _told(pod, {"resource": "memory", "unit": "byte"}, exporter, moved=moved)
            made[f"kube_pod_container_resource_requests{{{memory}}}"] = constant(2**34)
            for phase in ("Pending", "Running", "Succeeded"):
                labels = _told({"namespace": "llm", "pod": row.pod}, {"phase": phase}, exporter, moved=moved)
                made[f"kube_pod_status_phase{{{labels}}}"] = constant(1 if phase == row.phase else 0)
            pod = {"namespace": "llm", "pod": row.pod}
            for condition, holds in (("true", bool(row.node)), ("false", not row.node)):
                labels = _told(pod, {"condition": condition}, exporter, moved=moved)
                made[f"kube_pod_status_scheduled{{{labels}}}"] = constant(holds)
    return made


def opencost(prices: dict[str, float]) -> dict[str, str]:
    """OpenCost's page."""
    return {
        f'node_gpu_hourly_cost{{node="{node}",instance="{node}",provider_id="x"}}': constant(price)
        for node, price in prices.items()
    }


def ours(*, moved: bool = False, prices: dict[str, float] | None = None, dollars: bool = True) -> dict[str, str]:
    """Pages of two replicas of the control plane; it knows prices of nodes with replicas only."""
    made: dict[str, str] = {}
    known = {node: PRICES[node] for node in ("n1", "n2", "n3", "n5")} if prices is None else prices
    for name, own, more, values in _facts(known, dollars=dollars):
        for replica in ("ours-0", "ours-1"):
            made[f"llm_fleet_{name}{{{_told(own, more, replica, moved=moved)}}}"] = values
    return made


def _facts(prices: dict[str, float], *, dollars: bool) -> Iterator[tuple[str, dict[str, str], dict[str, str], str]]:
    for row in HELD:
        if row.role:
            pod = {"namespace": "llm", "pod": row.pod, "node": row.node}
            more = {"model": row.model, "role": row.role, "phase": row.pool}
            yield "pod_info", pod, more, constant(1)
            yield "pod_gpus", pod, {}, constant(row.gpus)
    for node, price in prices.items():
        yield "gpu_price_dollars_per_hour", {"node": node}, {"gpu_model": "x", "source": "file"}, constant(price)
    for (role, model), value in ({**DOLLARS, ("researcher", "deep"): 0.0} if dollars else {}).items():
        yield "role_dollars_per_hour", {"namespace": "llm"}, {"role": role, "model": model}, constant(value)
    for kind, rate in SESSION_TOKENS.items():
        who = {"tenant": "acme", "role": "planner", "model": "big", "kind": kind}
        yield "session_tokens_total", {"namespace": "llm"}, who, steady(rate)


def _told(own: dict[str, str], more: dict[str, str], exporter: str, *, moved: bool) -> str:
    """Labels as they are with ``honorLabels``, or moved aside by those of the target."""
    target = {"namespace": "ops", "pod": exporter, "node": "n9", "container": "main"} if moved else {}
    put = {f"exported_{name}" if name in target else name: value for name, value in own.items()}
    labels = {**target, **put, **more, "instance": f"{exporter}:80"}
    return ",".join(f'{name}="{value}"' for name, value in labels.items())
