"""What the DCGM exporter says about GPUs, kube-state-metrics about replicas and pods, OpenCost about prices.

dcgm-exporter 4.9.0 renamed its default fields and changed the unit of eleven; both names are known here with
their own scale. A utilisation is checked once more when read: over 1.5 it can only be percent. The names of
4.9.0 are second-hand (release note and a field list), so neither spelling is trusted to tell the unit alone.
"""

from functools import partial

from controlplane.promql.metric import Fold, Kind, Metric, Signal, Source

MIB = 1048576.0
PERCENT = 0.01
NANOSECOND = 1e-9

_DEVICE = ("gpu", "UUID", "GPU_I_ID", "GPU_I_PROFILE", "Hostname", "hostname", "namespace", "pod", "exported_pod")
_gpu = partial(Metric, source=Source.DCGM, kind=Kind.GAUGE, labels=_DEVICE)
_ruled_gpu = partial(_gpu, scraped=False)
_throttled = partial(
    Metric,
    source=Source.DCGM,
    kind=Kind.COUNTER,
    unit="nanoseconds",
    scale=NANOSECOND,
    labels=_DEVICE,
    fold=Fold.MAX,
    scraped=False,
    off=True,
)
_kube = partial(Metric, source=Source.KUBE, kind=Kind.GAUGE)

DCGM: tuple[Metric, ...] = (
    _gpu(
        name="DCGM_FI_PROF_GR_ENGINE_ACTIVE",
        unit="0..1",
        feeds=(Signal.GPU_ACTIVITY,),
        until="4.8.4",
        note="on a MIG row the share of that slice; busy time, not load: one small kernel makes it 1",
    ),
    _gpu(name="DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", unit="0..1", feeds=(Signal.GPU_ACTIVITY,), since="4.9.0"),
    _gpu(name="DCGM_FI_DEV_GPU_UTIL_RATIO", unit="0..1", feeds=(Signal.GPU_ACTIVITY,), since="4.9.0"),
    _gpu(
        name="DCGM_FI_DEV_GPU_UTIL",
        unit="percent",
        scale=PERCENT,
        feeds=(Signal.GPU_ACTIVITY,),
        until="4.8.4",
        note="not produced for MIG slices; old exporters wrote 0 there",
    ),
    _gpu(name="DCGM_FI_PROF_DRAM_ACTIVE", unit="0..1", feeds=(Signal.GPU_DRAM_ACTIVITY,), until="4.8.4"),
    _gpu(name="DCGM_FI_PROF_DRAM_UTIL_RATIO", unit="0..1", feeds=(Signal.GPU_DRAM_ACTIVITY,), since="4.9.0"),
    _gpu(name="DCGM_FI_DEV_FB_USED_BYTES", unit="bytes", feeds=(Signal.GPU_MEMORY_USED,), since="4.9.0"),
    _gpu(name="DCGM_FI_DEV_FB_USED", unit="MiB", scale=MIB, feeds=(Signal.GPU_MEMORY_USED,), until="4.8.4"),
    _ruled_gpu(
        name="DCGM_FI_DEV_POWER_USAGE",
        unit="watts",
        feeds=(Signal.GPU_POWER,),
        fold=Fold.MAX,
        until="4.8.4",
        note="of the whole board: slices may repeat it",
    ),
    _ruled_gpu(
        name="DCGM_FI_DEV_BOARD_POWER_WATTS",
        unit="watts",
        feeds=(Signal.GPU_POWER,),
        fold=Fold.MAX,
        since="4.9.0",
    ),
    _ruled_gpu(name="DCGM_FI_DEV_GPU_TEMP", unit="°C", feeds=(Signal.GPU_TEMPERATURE,), fold=Fold.MAX, until="4.8.4"),
    _ruled_gpu(
        name="DCGM_FI_DEV_GPU_TEMP_CELSIUS", unit="°C", feeds=(Signal.GPU_TEMPERATURE,), fold=Fold.MAX, since="4.9.0"
    ),
    _ruled_gpu(
        name="DCGM_FI_DEV_XID_ERRORS",
        unit="code",
        feeds=(Signal.GPU_XID,),
        fold=Fold.MAX,
        until="4.8.4",
        note="the last code, not a count",
    ),
    _ruled_gpu(name="DCGM_FI_DEV_XID_ERROR", unit="code", feeds=(Signal.GPU_XID,), fold=Fold.MAX, since="4.9.0"),
    _ruled_gpu(
        name="DCGM_FI_DEV_ROW_REMAP_FAILURE",
        unit="0 or 1",
        feeds=(Signal.GPU_ROW_REMAP_FAILED,),
        fold=Fold.MAX,
        until="4.8.4",
        note="Ampere and newer; stays 1 until the GPU is replaced",
    ),
    _ruled_gpu(
        name="DCGM_FI_DEV_ROW_REMAP_FAILED",
        unit="0 or 1",
        feeds=(Signal.GPU_ROW_REMAP_FAILED,),
        fold=Fold.MAX,
        since="4.9.0",
    ),
    _throttled(
        name="DCGM_FI_DEV_THERMAL_VIOLATION",
        feeds=(Signal.GPU_HOT,),
        note="off by default. The exporter's own list called it microseconds up to 4.8.0; it was nanoseconds all along",
    ),
    _throttled(
        name="DCGM_FI_DEV_POWER_VIOLATION",
        feeds=(Signal.GPU_CAPPED,),
        note="off by default; a GPU at work is often at its power limit, so this is no fault",
    ),
)

_DEPLOYMENT = ("namespace", "deployment")
_STATEFULSET = ("namespace", "statefulset")
_HPA = ("namespace", "horizontalpodautoscaler")

KUBE: tuple[Metric, ...] = (
    _kube(name="kube_deployment_spec_replicas", unit="replicas", labels=_DEPLOYMENT, feeds=(Signal.KUBE_SPEC,)),
    _kube(
        name="kube_deployment_status_replicas_ready", unit="replicas", labels=_DEPLOYMENT, feeds=(Signal.KUBE_READY,)
    ),
    _kube(name="kube_statefulset_replicas", unit="replicas", labels=_STATEFULSET, feeds=(Signal.KUBE_SPEC,)),
    _kube(
        name="kube_statefulset_status_replicas_ready",
        unit="replicas",
        labels=_STATEFULSET,
        feeds=(Signal.KUBE_READY,),
    ),
    _kube(
        name="kube_horizontalpodautoscaler_status_desired_replicas",
        unit="replicas",
        labels=_HPA,
        feeds=(Signal.HPA_DESIRED,),
        note="gone while KEDA has the ScaledObject paused: pausing deletes the HPA",
    ),
    _kube(name="kube_horizontalpodautoscaler_spec_min_replicas", unit="replicas", labels=_HPA, feeds=(Signal.HPA_MIN,)),
    _kube(name="kube_horizontalpodautoscaler_spec_max_replicas", unit="replicas", labels=_HPA, feeds=(Signal.HPA_MAX,)),
    _kube(
        name="kube_horizontalpodautoscaler_spec_target_metric",
        unit="as asked for",
        labels=(*_HPA, "metric_name", "metric_target_type"),
        scraped=False,
        note="what an autoscaler divides its metric by; dashboards show it beside the metric",
    ),
    Metric(
        name="kube_horizontalpodautoscaler_info",
        source=Source.KUBE,
        kind=Kind.INFO,
        unit="labels",
        labels=(*_HPA, "scaletargetref_kind", "scaletargetref_name"),
        feeds=(Signal.HPA_TARGET,),
        fold=Fold.MAX,
        note="which workload an HPA scales",
    ),
    _kube(
        name="kube_pod_container_resource_requests",
        unit="devices",
        labels=("namespace", "pod", "container", "node", "resource"),
        feeds=(Signal.GPU_REQUESTS,),
        scraped=False,
        note="which GPUs a pod asks for (nvidia_com_gpu, nvidia_com_mig_…); a finished pod keeps its row, and claims "
        "made through DRA have none",
    ),
    _kube(
        name="kube_pod_status_phase",
        unit="0 or 1",
        labels=("namespace", "pod", "phase"),
        feeds=(Signal.POD_PHASE,),
        fold=Fold.MAX,
        scraped=False,
    ),
    _kube(
        name="kube_pod_status_scheduled",
        unit="0 or 1",
        labels=("namespace", "pod", "condition"),
        feeds=(Signal.POD_SCHEDULED,),
        fold=Fold.MAX,
        scraped=False,
        note="a pod that is not scheduled has no node, but may be given the exporter's by the scrape configuration",
    ),
)

OPENCOST: tuple[Metric, ...] = (
    Metric(
        name="node_gpu_hourly_cost",
        source=Source.OPENCOST,
        kind=Kind.GAUGE,
        unit="dollars per hour of one GPU",
        labels=("node",),
        feeds=(Signal.NODE_PRICE,),
        fold=Fold.MAX,
        scraped=False,
        note="0 where OpenCost knows no price",
    ),
)
