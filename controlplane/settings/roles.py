"""What fleet.yaml says about one role: its model, its GPUs, its bounds, its promise, and where it is seen."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from controlplane.model.keys import ObjectRef, RoleName
from controlplane.model.role import Bounds, Engine, GpuSpec, Mode, ModelSpec, Objectives, Phase, RoleSpec
from controlplane.settings.gpus import KNOWN_GPUS, LIST_PRICES
from controlplane.settings.names import GPU_TYPE, LABEL_NAME, MODEL, NAMESPACE, SELECTOR, KubernetesObject, Text, Url
from controlplane.settings.part import Part
from controlplane.settings.scaling import Followed
from controlplane.settings.values import DOLLARS, Choice, Duration, Flag, Number, count


class Precision(StrEnum):
    """Number format of the weights."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    INT8 = "int8"
    INT4 = "int4"
    FP4 = "fp4"


class KvCacheType(StrEnum):
    """Number format of the KV cache, as the engine's flag takes it."""

    AUTO = "auto"
    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    FP8_E4M3 = "fp8_e4m3"
    FP8_E5M2 = "fp8_e5m2"


class Scheme(StrEnum):
    """How a pod's page is fetched."""

    HTTP = "http"
    HTTPS = "https"


class Model(Part):
    """The model a role serves."""

    name: Annotated[str, MODEL] = Field(examples=["meta-llama/Llama-3.1-8B-Instruct"])
    """Name as the engine reports it in its ``model_name`` label: the first served model name."""

    precision: Annotated[Precision, Choice(Precision)] = Precision.FP16
    """Number format of the weights. FP16 is what an engine loads when nobody says otherwise."""

    kv_cache_dtype: Annotated[KvCacheType, Choice(KvCacheType)] = KvCacheType.AUTO
    """Number format of the KV cache. The default ``auto`` is the engines' own: that of the weights."""


class Gpus(Part):
    """The GPUs of one replica."""

    type: Annotated[str, GPU_TYPE] = Field(examples=["h100-pcie-80gb"])
    """GPU type; one we know by name, or one that has a price under ``prices``."""

    per_replica: Annotated[float, Number(at_least=0.01, at_most=64, words="a number of GPUs", example="1")] = 1
    """GPUs (or MIG slices) of one replica; less than 1 for a GPU that roles share. Most models fit one."""

    mig: Annotated[str, Text(r"[1-9]g\.[0-9]+gb(\+me)?", "a MIG profile", "1g.10gb")] | None = None
    """MIG profile when the replica holds slices; whole GPUs by default."""


class Replicas(Part):
    """Least and most replicas."""

    min: Annotated[int, count(0, 10_000)] = 1
    """Least replicas. 1 by default: a model that is used is worth one warm replica."""

    max: Annotated[int, count(1, 10_000, "4")] = 1
    """Most replicas. 1 by default: nothing grows that nobody asked to grow."""


class Objective(Part):
    """What is promised to callers; leave out what is not."""

    ttft_p95: Annotated[timedelta, Duration(timedelta(milliseconds=1), timedelta(minutes=10))] | None = None
    """Time to first token, 95th percentile over 5 minutes. Not promised by default."""

    itl_p95: Annotated[timedelta, Duration(timedelta(milliseconds=1), timedelta(seconds=10))] | None = None
    """Inter-token latency, 95th percentile over 5 minutes. Not promised by default."""

    e2e_p95: Annotated[timedelta, Duration(timedelta(milliseconds=10), timedelta(hours=4))] | None = None
    """Arrival to last token, 95th percentile over 5 minutes. Not promised by default."""


_EDGE = Duration(timedelta(milliseconds=1), timedelta(hours=4))


class HistogramBuckets(Part):
    """Upper bounds of the engine's latency histograms, where it was started with its own."""

    ttft: tuple[Annotated[timedelta, _EDGE], ...] = ()
    """Time to first token; vLLM takes them in ``--custom-histogram-buckets`` (since 0.32), SGLang in
    ``--bucket-time-to-first-token``. By default the engine's own, as everywhere here."""

    itl: tuple[Annotated[timedelta, _EDGE], ...] = ()
    """Inter-token latency; SGLang takes them in ``--bucket-inter-token-latency``."""

    e2e: tuple[Annotated[timedelta, _EDGE], ...] = ()
    """Arrival to last token; SGLang takes them in ``--bucket-e2e-request-latency``."""


class Pods(Part):
    """Where the role's pods are found in Kubernetes."""

    namespace: Annotated[str, NAMESPACE] = Field(examples=["llm"])
    """Namespace of the pods."""

    selector: Annotated[str, SELECTOR] = Field(examples=["app=planner"])
    """Label selector, as kubectl's ``-l`` takes it."""

    port: Annotated[int, count(1, 65535, "8000")] = 8000
    """Port of the metrics page; vLLM serves it at 8000, SGLang at 30000."""

    path: Annotated[str, Text("/[!-~]{0,500}", "a path", "/metrics")] = "/metrics"
    """Path of the metrics page; every engine uses ``/metrics``."""

    scheme: Annotated[Scheme, Choice(Scheme)] = Scheme.HTTP
    """http or https; engines serve http inside a cluster."""


class Role(Part):
    """What a pool of replicas does for the agents. One model per role."""

    model: Model = Field(examples=["{name: meta-llama/Llama-3.1-8B-Instruct}"])
    """The model it serves."""

    engine: Annotated[Engine, Choice(Engine)] = Engine.VLLM
    """The server program in a replica. vLLM by default: the most used one."""

    gpus: Gpus | None = None
    """The GPUs of one replica. Left out, nothing is said about money."""

    served_as: tuple[Annotated[str, MODEL], ...] = ()
    """Names by which callers ask for it: the router's model groups. By default its own name and its model's."""

    phase: Annotated[Phase, Choice(Phase)] = Phase.BOTH
    """What its replicas serve where prompt and answer are split: ``prefill``, ``decode``, or ``both`` (the default)."""

    idle_dollars_per_hour: Annotated[float, DOLLARS] | None = None
    """Dollars per hour of idle GPUs that are fine. No limit by default: how warm a role must be is yours to say."""

    replicas: Replicas = Replicas()
    """Bounds between which the role may be scaled."""

    scale_to_zero: Annotated[bool, Flag()] = False
    """Whether ``min: 0`` is meant. Off by default: a 70B model takes minutes to come back."""

    slo: Objective = Objective()
    """What is promised."""

    histogram_buckets: HistogramBuckets = HistogramBuckets()
    """Edges of the engine's histograms when they are not its default ones: promises are counted at edges."""

    mode: Annotated[Mode, Choice(Mode)] = Mode.PROPOSE
    """The ladder of trust. ``propose`` by default: a person approves each change."""

    targets: tuple[Annotated[str, Url(page=True)], ...] = ()
    """Metrics pages of replicas at fixed addresses. None by default."""

    pods: Pods | None = None
    """Pods whose metrics pages are read; needs ``sources.kubernetes``."""

    select: dict[Annotated[str, LABEL_NAME], Annotated[str, Text()]] = Field(default={})
    """Prometheus labels that pick this role's series; ``model_name`` is the model's name unless given."""

    scaled_object: Annotated[ObjectRef, KubernetesObject("ScaledObject")] | None = None
    """The KEDA ScaledObject that scales it, as ``namespace/name``. Needed to apply changes."""

    scaling: Followed = Followed()
    """What its generated ScaledObject follows."""

    workload: (
        Annotated[ObjectRef, KubernetesObject("Deployment", ("StatefulSet", "LeaderWorkerSet", "RayService"))] | None
    ) = None
    """The workload whose pods are the replicas, as ``namespace/name``; a Deployment unless a kind is in front."""

    def matchers(self) -> Mapping[str, str]:
        """Prometheus label values that pick this role's series."""
        return {"model_name": self.model.name, **self.select}

    @property
    def namespace(self) -> str | None:
        """Kubernetes namespace of the role, from whatever names one; ``None`` outside Kubernetes."""
        ref = self.scaled_object or self.workload
        return ref.namespace if ref else self.pods.namespace if self.pods else self.select.get("namespace")

    def spec(self, name: str, prices: Mapping[str, float]) -> RoleSpec:
        """The role as the walk knows it. ``prices`` are fleet.yaml's, $ per hour of whole GPUs."""
        return RoleSpec(
            name=RoleName(name),
            model=ModelSpec(
                name=self.model.name, precision=self.model.precision, kv_cache_dtype=self.model.kv_cache_dtype
            ),
            engine=self.engine,
            gpus=self._gpu_spec(prices),
            replicas=Bounds(min=self.replicas.min, max=self.replicas.max),
            phase=self.phase,
            slo=Objectives(**{k: _seconds(v) for k, v in self.slo}),
            mode=self.mode,
            scaled_object=self.scaled_object,
            workload=self.workload,
            namespace=self.namespace or "",
            idle_dollars_per_hour=self.idle_dollars_per_hour,
        )

    def _gpu_spec(self, prices: Mapping[str, float]) -> GpuSpec:
        if self.gpus is None:
            return GpuSpec(type="unknown")
        kind, mig, price = self.gpus.type, self.gpus.mig, prices.get(self.gpus.type)
        known = KNOWN_GPUS.get(kind)
        share = 1 if mig is None else known.slices.get(mig) if known else None
        return GpuSpec(
            type=kind,
            per_replica=self.gpus.per_replica,
            mig=mig,
            share=None if share is None else float(share),
            dollars_per_hour=LIST_PRICES.get(kind) if price is None else price,
            listed=price is None and kind in LIST_PRICES,
        )


def _seconds(value: Any) -> float | None:
    return None if value is None else value.total_seconds()
