"""GPUs and slices under every label and name the DCGM exporter has given them."""

from dataclasses import dataclass

from tests.generate.rules.engine_pages import Pod
from tests.generate.rules.fleets import IN_KUBERNETES
from tests.generate.rules.scenario import NOTHING, Scenario, constant, steady

MIB = 1048576
OLD, NEW = "4.8", "4.9"
FIELDS = {
    OLD: {
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE": 1.0,
        "DCGM_FI_PROF_DRAM_ACTIVE": 0.5,
        "DCGM_FI_DEV_FB_USED": 1000.0,
        "DCGM_FI_DEV_POWER_USAGE": 300.0,
        "DCGM_FI_DEV_GPU_TEMP": 60.0,
        "DCGM_FI_DEV_XID_ERRORS": 31.0,
        "DCGM_FI_DEV_ROW_REMAP_FAILURE": 1.0,
    },
    NEW: {
        "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO": 1.0,
        "DCGM_FI_PROF_DRAM_UTIL_RATIO": 0.5,
        "DCGM_FI_DEV_FB_USED_BYTES": 1000.0 * MIB,
        "DCGM_FI_DEV_BOARD_POWER_WATTS": 300.0,
        "DCGM_FI_DEV_GPU_TEMP_CELSIUS": 60.0,
        "DCGM_FI_DEV_XID_ERROR": 31.0,
        "DCGM_FI_DEV_ROW_REMAP_FAILED": 1.0,
    },
}
"""Exporter version → fields, and what a device says whose engine is always active."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A GPU or a slice, and how busy it is."""

    node: str
    uuid: str
    pod: str = ""
    namespace: str = "llm"
    profile: str = ""
    instance: str = ""
    model: str = "NVIDIA H100 80GB HBM3"
    active: float = 0.25

    def rows(self, *, version: str = OLD, honor: bool = False, host: str = "Hostname") -> dict[str, str]:
        """Its rows, of one exporter version, with the workload's labels kept or moved."""
        labels = f'gpu="0",UUID="{self.uuid}",modelName="{self.model}",{host}="{self.node}",instance="{self.node}:9400"'
        if self.profile:
            labels += f',GPU_I_PROFILE="{self.profile}",GPU_I_ID="{self.instance}"'
        exporter = f'namespace="gpu-operator",pod="nvidia-dcgm-exporter-{self.node}",container="nvidia-dcgm-exporter"'
        holder = f'namespace="{self.namespace}",pod="{self.pod}",container="engine"'
        if not self.pod:
            labels += f",{exporter}"
        elif honor:
            labels += f",{holder}"
        else:
            moved = ",".join(f"exported_{pair}" for pair in holder.split(","))
            labels += f",{exporter},{moved}"
        return {
            f"{name}{{{labels}}}": constant(value * self.active if "PROF_GR" in name else value)
            for name, value in FIELDS[version].items()
        }

    @property
    def recorded(self) -> str:
        """Its labels in our words."""
        pod = f'namespace="{self.namespace}",pod="{self.pod}",' if self.pod else ""
        cut = f',GPU_I_ID="{self.instance}",GPU_I_PROFILE="{self.profile}"' if self.profile else ""
        return f'{pod}node="{self.node}",UUID="{self.uuid}"{cut}'


def rows(*devices: Device, **how: object) -> dict[str, str]:
    """All rows of several devices of one exporter."""
    return {name: values for device in devices for name, values in device.rows(**how).items()}  # type: ignore[arg-type]


WHOLE = Device(node="n1", uuid="GPU-a", pod="planner-0")
STYLES = tuple(
    Scenario(
        name=f"dcgm {version}, labels {'kept' if honor else 'moved'}, {host}",
        fleet=IN_KUBERNETES,
        series=WHOLE.rows(version=version, honor=honor, host=host),
        expect={
            "llm_gpu:engine_active:ratio": {WHOLE.recorded: 0.25},
            "llm_gpu:dram_active:ratio": {WHOLE.recorded: 0.5},
            "llm_gpu:memory_used:bytes": {WHOLE.recorded: 1000 * MIB},
            "llm_gpu:gpu_equivalents:value": {WHOLE.recorded: 1},
            "llm_gpu:info": {f'{WHOLE.recorded},gpu="0",modelName="{WHOLE.model}"': 1},
            "llm_gpu:power:watts": {'node="n1",UUID="GPU-a",gpu="0"': 300},
            "llm_gpu:temperature:celsius": {'node="n1",UUID="GPU-a",gpu="0"': 60},
            "llm_gpu:xid_last:code": {'node="n1",UUID="GPU-a",gpu="0"': 31},
            "llm_gpu:row_remap_failed:bool": {'node="n1",UUID="GPU-a",gpu="0"': 1},
            "llm_gpu:throttled:ratio5m": NOTHING,
            "llm_pod:gpu_engine_active:avg": {'namespace="llm",pod="planner-0"': 0.25},
            "llm_node:gpus_physical:count": {'node="n1"': 1},
        },
    )
    for version in (OLD, NEW)
    for honor in (False, True)
    for host in ("Hostname", "hostname")
)

BIG, HALF, SMALL = (
    Device(node="n2", uuid="GPU-m", pod=pod, profile=profile, instance=instance, active=active)
    for pod, profile, instance, active in (
        ("worker-0", "4g.40gb", "1", 1.0),
        ("worker-0", "2g.20gb", "5", 0.0),
        ("worker-1", "1g.10gb", "9", 0.5),
    )
)
FREE = Device(node="n2", uuid="GPU-f", active=0)
QUARTER = Device(node="n3", uuid="GPU-q", profile="1g.6gb", instance="3", model="NVIDIA A30", active=0)
WORKERS = (Pod(pod="worker-0", model="small"), Pod(pod="worker-1", model="small"))
MIG = Scenario(
    name="slices weigh by their size; a device nobody holds is nobody's",
    fleet=IN_KUBERNETES,
    series={**rows(BIG, HALF, SMALL, FREE, QUARTER), **WORKERS[0].vllm(), **WORKERS[1].vllm()},
    expect={
        "llm_gpu:gpu_equivalents:value": {
            BIG.recorded: 4 / 7,
            HALF.recorded: 2 / 7,
            SMALL.recorded: 1 / 7,
            FREE.recorded: 1,
            QUARTER.recorded: 1 / 4,
        },
        "llm_pod:gpu_engine_active:avg": {
            'namespace="llm",pod="worker-0"': 4 / 6,
            'namespace="llm",pod="worker-1"': 0.5,
        },
        "llm_role:gpu_engine_active:avg": {'namespace="llm",role="worker",model="small",phase="both"': 4.5 / 7},
        "llm_node:gpus_physical:count": {'node="n2"': 2, 'node="n3"': 1},
        "llm_gpu:power:watts": {
            f'node="{node}",UUID="{uuid}",gpu="0"': 300
            for node, uuid in (("n2", "GPU-m"), ("n2", "GPU-f"), ("n3", "GPU-q"))
        },
    },
)

_ROW = 'gpu="0",modelName="NVIDIA H100 80GB HBM3",Hostname="n1",instance="n1:9400"'
_HELD = 'exported_namespace="llm",namespace="ops",pod="dcgm-exporter-x",container="dcgm-exporter"'
_SLICE = 'GPU_I_PROFILE="1g.10gb",GPU_I_ID="7"'
UTIL = Scenario(
    name="GPU_UTIL stands in where the better measure is missing, in percent, and never for a slice",
    fleet=IN_KUBERNETES,
    series={
        f'DCGM_FI_DEV_GPU_UTIL{{{_ROW},{_HELD},UUID="GPU-a",exported_pod="planner-0"}}': constant(40),
        f'DCGM_FI_DEV_GPU_UTIL_RATIO{{{_ROW},{_HELD},UUID="GPU-b",exported_pod="planner-1"}}': constant(60),
        f'DCGM_FI_DEV_GPU_UTIL_RATIO{{{_ROW},{_HELD},UUID="GPU-c",exported_pod="planner-2"}}': constant(0.8),
        f'DCGM_FI_DEV_GPU_UTIL{{{_ROW},{_HELD},UUID="GPU-d",exported_pod="planner-3"}}': constant(90),
        f'DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{_ROW},{_HELD},UUID="GPU-d",exported_pod="planner-3"}}': constant(0.3),
        f'DCGM_FI_DEV_GPU_UTIL{{{_ROW},{_HELD},{_SLICE},UUID="GPU-e",exported_pod="planner-4"}}': constant(0),
    },
    expect={
        "sum by (pod) (llm_gpu:engine_active:ratio)": {
            'pod="planner-0"': 0.4,
            'pod="planner-1"': 0.6,
            'pod="planner-2"': 0.8,
            'pod="planner-3"': 0.3,
        }
    },
)
SHARED = Scenario(
    name="one device under several pods is one device",
    fleet=IN_KUBERNETES,
    series=rows(*(Device(node="n1", uuid="GPU-a", pod=f"worker-{n}", active=0.5) for n in (0, 1))),
    expect={
        "llm_node:gpus_physical:count": {'node="n1"': 1},
        "llm_pod:gpu_engine_active:avg": {f'namespace="llm",pod="worker-{n}"': 0.5 for n in (0, 1)},
        "llm_gpu:power:watts": {'node="n1",UUID="GPU-a",gpu="0"': 300},
    },
)
NS = 1e9
HOT = Scenario(
    name="time in which a GPU was slowed down, where somebody turned the counters on; slices repeat their GPU's",
    fleet=IN_KUBERNETES,
    series={
        f'DCGM_FI_DEV_THERMAL_VIOLATION{{{_ROW},{_HELD},UUID="GPU-a",exported_pod="planner-0"}}': steady(0.25 * NS),
        f'DCGM_FI_DEV_POWER_VIOLATION{{{_ROW},{_HELD},UUID="GPU-a",exported_pod="planner-0"}}': steady(1.001 * NS),
        **{
            f'DCGM_FI_DEV_THERMAL_VIOLATION{{{_ROW},{_HELD},UUID="GPU-b",{_SLICE},exported_pod="worker-{n}"}}': steady(
                0.1 * NS
            )
            for n in (0, 1)
        },
    },
    expect={
        "llm_gpu:throttled:ratio5m": {
            'node="n1",UUID="GPU-a",gpu="0",reason="thermal"': 0.25,
            'node="n1",UUID="GPU-a",gpu="0",reason="power"': 1,
            'node="n1",UUID="GPU-b",gpu="0",reason="thermal"': 0.1,
        }
    },
)
BLIND = Scenario(
    name="without DCGM nothing is known of GPUs",
    fleet=IN_KUBERNETES,
    series=Pod(pod="planner-0", model="big").vllm(),
    expect={
        "llm_gpu:info": NOTHING,
        "llm_node:gpus_physical:count": NOTHING,
        "llm_role:gpu_engine_active:avg": NOTHING,
    },
)

SCENARIOS = (*STYLES, MIG, UTIL, SHARED, HOT, BLIND)
