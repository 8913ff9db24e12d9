"""A thousand replicas as Prometheus holds them: real pages under a thousand names, and what others say of them.

Written as OpenMetrics with times, to be made into blocks by ``promtool tsdb create-blocks-from openmetrics``.
"""

from collections.abc import Iterator
from pathlib import Path

from controlplane.promql.catalogue import KNOWN

REPLICAS, ROLES = 1000, 25
PER_ROLE = REPLICAS // ROLES
PER_NODE = 8
STEP = 30
DATA = Path(__file__).parents[1] / "collect" / "data"
PAGES = tuple(DATA / f"vllm-0.32.0-planner-{n}.prom" for n in (1, 2))

Row = tuple[str, float, float]
"""Series, value at the first moment, growth per step."""


def fleet_yaml(pod_buckets: str) -> str:
    """The fleet.yaml of it."""
    rest = f"replicas: {{min: 1, max: {PER_ROLE}}}, select: {{namespace: llm}}"
    roles = "\n".join(f"  role-{n}: {{model: {{name: model-{n}}}, {rest}}}" for n in range(ROLES))
    head = 'fleet: large\nsources: {prometheus: "http://127.0.0.1:9090"}\n'
    return f"{head}rules: {{pod_buckets: {pod_buckets}}}\nroles:\n{roles}\n"


def openmetrics(path: Path, begin: int, steps: int) -> int:
    """Write all samples, ``steps`` of them from ``begin`` on; how many series there are."""
    rows = [row for number in range(REPLICAS) for row in _replica(number)]
    rows += [row for node in range(REPLICAS // PER_NODE) for row in _node(f"node-{node}")]
    with path.open("w", encoding="utf-8") as out:
        for step in range(steps):
            at = begin + step * STEP
            out.writelines(f"{series} {value + growth * step:.12g} {at}\n" for series, value, growth in rows)
        out.write("# EOF\n")
    return len(rows)


def _page(path: Path) -> dict[str, float]:
    """Samples of a real page that recording rules may ask for."""
    lines = (line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("vllm:"))
    pairs = (line.rsplit(" ", 1) for line in lines)
    return {series: float(value) for series, value in pairs if series.split("{", 1)[0] in KNOWN}


_FIRST, _SECOND = (_page(path) for path in PAGES)


def _replica(number: int) -> Iterator[Row]:
    role, node = number // PER_ROLE, f"node-{number // PER_NODE}"
    pod = f'namespace="llm",pod="pod-{number}"'
    for series, value in _SECOND.items():
        named = series.replace('model_name="planner"', f'model_name="model-{role}"').replace("{", f"{{{pod},", 1)
        counts = series.split("{")[0].endswith(("_total", "_bucket"))
        yield named, value, (value - _FIRST.get(series, value)) if counts else 0
    more = f'{pod},node="{node}"'
    yield f'llm_fleet_pod_info{{{more},model="model-{role}",role="role-{role}",phase="both"}}', 1, 0
    yield f"llm_fleet_pod_gpus{{{more}}}", 1, 0
    yield f'kube_pod_container_resource_requests{{{more},container="e",resource="nvidia_com_gpu",unit="integer"}}', 1, 0
    for phase in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
        yield f'kube_pod_status_phase{{{pod},phase="{phase}"}}', float(phase == "Running"), 0
    for condition in ("true", "false", "unknown"):
        yield f'kube_pod_status_scheduled{{{pod},condition="{condition}"}}', float(condition == "true"), 0
    device = f'UUID="GPU-{number}",gpu="{number % PER_NODE}",modelName="NVIDIA H100 80GB HBM3",Hostname="{node}",{pod}'
    for field, said in (
        ("PROF_GR_ENGINE_ACTIVE", 0.5),
        ("PROF_DRAM_ACTIVE", 0.3),
        ("DEV_FB_USED", 70000.0),
        ("DEV_GPU_UTIL", 90.0),
        ("DEV_GPU_TEMP", 60.0),
        ("DEV_POWER_USAGE", 400.0),
        ("DEV_XID_ERRORS", 0.0),
    ):
        yield f"DCGM_FI_{field}{{{device}}}", said, 0


def _node(node: str) -> Iterator[Row]:
    yield f'llm_fleet_gpu_price_dollars_per_hour{{node="{node}",gpu_model="h100-sxm-80gb",source="file"}}', 3.2, 0
