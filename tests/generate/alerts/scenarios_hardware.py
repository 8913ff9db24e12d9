"""Stories about GPUs that break, run hot, or that nobody watches any more."""

from controlplane.settings.alerts import AlertName
from tests.generate.alerts.scenario import NOTHING, Scenario, run

GPU = 'node="n",gpu="0",UUID="u"'
XID = f"llm_gpu:xid_last:code{{{GPU}}}"
BROKEN = (48, 63, 64, 74, 79, 94, 95)
REMAP = f"llm_gpu:row_remap_failed:bool{{{GPU}}}"
HOT = f'llm_gpu:throttled:ratio5m{{{GPU},reason="thermal"}}'
HELD = 'llm_node:gpus_allocated:sum{node="n"}'
SEEN = 'llm_node:gpus_physical:count{node="n"}'
ELSEWHERE = 'llm_node:gpus_physical:count{node="other"}'
_GPU, _NODE, _SEVERITY = ("gpu",), ("node",), ("severity",)
ZERO, ON_N = ({"gpu": "0"},), ({"node": "n"},)

HARDWARE = (
    Scenario(
        alert=AlertName.GPU_XID,
        what="these are the GPU's fault, until somebody does something",
        series={XID.replace('gpu="0"', f'gpu="{code}"'): run((0, 10), (code, 40)) for code in BROKEN},
        then={
            "10m": NOTHING,
            "12m": tuple({"gpu": f"{code}", "severity": "critical"} for code in BROKEN),
            "45m": tuple({"gpu": f"{code}", "severity": "critical"} for code in BROKEN),
        },
        labels=("gpu", "severity"),
    ),
    Scenario(
        alert=AlertName.GPU_XID,
        what="XID 31 is usually a program's fault, told once",
        series={XID: run((0, 10), (31, 60))},
        then={"10m": NOTHING, "12m": ({"severity": "warning"},), "30m": ({"severity": "warning"},), "45m": NOTHING},
        labels=_SEVERITY,
    ),
    Scenario(
        alert=AlertName.GPU_XID,
        what="the driver was loaded again",
        series={XID: run((31, 60), (0, 30))},
        then={"65m": NOTHING},
        labels=_SEVERITY,
    ),
    Scenario(
        alert=AlertName.GPU_XID,
        what="there was none",
        series={XID: "0x30"},
        then={"20m": NOTHING},
        labels=_SEVERITY,
    ),
    Scenario(
        alert=AlertName.GPU_ROW_REMAP_FAILED,
        what="no spare row was left; told until the GPU is another",
        series={REMAP: run((0, 10), (1, 60), ("_", 20))},
        then={"10m": NOTHING, "12m": ZERO, "60m": ZERO, "80m": NOTHING},
        labels=_GPU,
    ),
    Scenario(
        alert=AlertName.GPU_ROW_REMAP_FAILED,
        what="one of two GPUs",
        series={
            REMAP: run((0, 60)),
            REMAP.replace('gpu="0",UUID="u"', 'gpu="1",UUID="v"'): run((1, 60)),
        },
        then={"20m": ({"gpu": "1"},)},
        labels=_GPU,
    ),
    Scenario(
        alert=AlertName.GPU_ROW_REMAP_FAILED,
        what="all rows are good",
        series={REMAP: "0x60"},
        then={"30m": NOTHING},
        labels=_GPU,
    ),
    Scenario(
        alert=AlertName.GPU_THROTTLED,
        what="a fan stands still for half an hour",
        series={HOT: run((0, 10), (0.3, 30), (0, 40))},
        then={"18m": NOTHING, "22m": ZERO, "40m": ZERO, "48m": ZERO, "55m": NOTHING},
        labels=_GPU,
    ),
    Scenario(
        alert=AlertName.GPU_THROTTLED,
        what="hot for a moment at the start of a batch",
        series={HOT: run((0, 10), (0.3, 8), (0, 40))},
        then={"17m": NOTHING, "25m": NOTHING},
        labels=_GPU,
    ),
    Scenario(
        alert=AlertName.GPU_THROTTLED,
        what="three per cent is no fault",
        series={HOT: "0.03x60"},
        then={"40m": NOTHING},
        labels=_GPU,
    ),
    Scenario(
        alert=AlertName.GPU_THROTTLED,
        what="a GPU at its power limit does what it was bought for",
        series={HOT.replace("thermal", "power"): "0.9x60", HOT: "0x60"},
        then={"40m": NOTHING},
        labels=_GPU,
    ),
    Scenario(
        alert=AlertName.GPU_EXPORTER_DOWN,
        what="the exporter of one node is gone, and comes back",
        series={
            HELD: "2x80",
            SEEN: run((8, 10), ("_", 30), (8, 40)),
            HELD.replace('"n"', '"other"'): "2x80",
            ELSEWHERE: "8x80",
        },
        then={"10m": NOTHING, "22m": NOTHING, "27m": ON_N, "39m": ON_N, "42m": NOTHING},
        labels=_NODE,
    ),
    Scenario(
        alert=AlertName.GPU_EXPORTER_DOWN,
        what="the only exporter does not answer",
        series={HELD: "1x60", 'up{job="gpu-operator/nvidia-dcgm-exporter",instance="n:9400"}': "0x60"},
        then={"9m": NOTHING, "12m": ON_N},
        labels=_NODE,
    ),
    Scenario(
        alert=AlertName.GPU_EXPORTER_DOWN,
        what="nobody runs DCGM here",
        series={HELD: "1x60", 'up{job="kube-state-metrics",instance="k:8080"}': "1x60"},
        then={"40m": NOTHING},
        labels=_NODE,
    ),
    Scenario(
        alert=AlertName.GPU_EXPORTER_DOWN,
        what="nobody holds a GPU of the node that is silent",
        series={HELD: "0x60", ELSEWHERE: "8x60"},
        then={"40m": NOTHING},
        labels=_NODE,
    ),
)
