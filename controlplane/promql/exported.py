"""What the control plane itself tells Prometheus at ``/metrics``: generated rules and panels may use these names.

The list is the contract between the exporter and everything generated from fleet.yaml. A value that is unknown
is *absent* from the page, never 0. ``namespace`` is empty for a role that lives outside Kubernetes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One metric of our own."""

    name: str
    kind: str
    """gauge or counter; a counter's name is written with its ``_total``."""
    labels: tuple[str, ...]
    words: str
    """The help line: meaning and unit."""


BUILD_INFO = Exported(
    name="llm_fleet_build_info",
    kind="gauge",
    labels=("version",),
    words="Always 1; which version of the control plane runs.",
)
POD_INFO = Exported(
    name="llm_fleet_pod_info",
    kind="gauge",
    labels=("namespace", "pod", "node", "model", "role", "phase"),
    words="Always 1; which role a pod belongs to. phase is both, prefill or decode.",
)
GPU_PRICE = Exported(
    name="llm_fleet_gpu_price_dollars_per_hour",
    kind="gauge",
    labels=("gpu_model", "source"),
    words="Price of one whole GPU, dollars per hour; source is file or list.",
)
ROLE_DOLLARS = Exported(
    name="llm_fleet_role_dollars_per_hour",
    kind="gauge",
    labels=("namespace", "role", "model"),
    words="What the role's GPUs cost, ready or starting, dollars per hour.",
)
REPLICAS_READY = Exported(
    name="llm_fleet_pool_replicas_ready", kind="gauge", labels=("namespace", "role"), words="Replicas that serve."
)
REPLICAS_PENDING = Exported(
    name="llm_fleet_pool_replicas_pending",
    kind="gauge",
    labels=("namespace", "role"),
    words="Replicas asked for that do not serve yet.",
)
REPLICAS_DESIRED = Exported(
    name="llm_fleet_pool_replicas_desired",
    kind="gauge",
    labels=("namespace", "role"),
    words="Replicas the autoscaler asks for.",
)
REPLICAS_MIN = Exported(
    name="llm_fleet_pool_replicas_min", kind="gauge", labels=("namespace", "role"), words="Least replicas, in force."
)
REPLICAS_MAX = Exported(
    name="llm_fleet_pool_replicas_max", kind="gauge", labels=("namespace", "role"), words="Most replicas, in force."
)
FINDINGS = Exported(
    name="llm_fleet_findings",
    kind="gauge",
    labels=("role", "detector", "severity"),
    words="Open findings.",
)
RECOMMENDATIONS = Exported(
    name="llm_fleet_recommendations",
    kind="gauge",
    labels=("kind", "state"),
    words="Recommendations, by kind and state.",
)
ACTIONS = Exported(
    name="llm_fleet_actions_total",
    kind="counter",
    labels=("kind", "result"),
    words="Changes sent, by kind and receipt.",
)
SOURCE_LAST_SUCCESS = Exported(
    name="llm_fleet_collector_last_success_timestamp_seconds",
    kind="gauge",
    labels=("source",),
    words="When a source last gave something usable, seconds since 1970.",
)
SOURCE_UP = Exported(
    name="llm_fleet_source_up",
    kind="gauge",
    labels=("source", "kind", "role"),
    words="1 when a source's last answer could be used, else 0.",
)
SOURCE_SECONDS = Exported(
    name="llm_fleet_source_seconds",
    kind="gauge",
    labels=("source", "kind", "role"),
    words="How long a source took to answer last time, seconds.",
)
WALK_SECONDS = Exported(
    name="llm_fleet_walk_seconds",
    kind="gauge",
    labels=("step",),
    words="How long each step of the last walk took, seconds.",
)
ROLE_READING = Exported(
    name="llm_fleet_role_reading",
    kind="gauge",
    labels=("namespace", "role", "reading", "unit"),
    words="A role's reading at the last tick, in its base unit; absent while unknown or old.",
)
STOPPED = Exported(name="llm_fleet_stopped", kind="gauge", labels=(), words="1 while the kill switch is on, else 0.")
LOOP_LAST_SUCCESS = Exported(
    name="llm_fleet_loop_last_success_timestamp_seconds",
    kind="gauge",
    labels=("loop",),
    words="When a loop of the service last succeeded, seconds since 1970.",
)
LOOP_DROPPED = Exported(
    name="llm_fleet_loop_dropped_total",
    kind="counter",
    labels=("loop",),
    words="Runs of a loop that did not happen because the one before was still busy.",
)
OLDEST_UNDELIVERED = Exported(
    name="llm_fleet_notify_oldest_pending_age_seconds",
    kind="gauge",
    labels=(),
    words="Age of the oldest message that still waits to be sent, seconds; 0 when none waits.",
)

EXPORTED: tuple[Exported, ...] = (
    BUILD_INFO,
    POD_INFO,
    GPU_PRICE,
    ROLE_DOLLARS,
    REPLICAS_READY,
    REPLICAS_PENDING,
    REPLICAS_DESIRED,
    REPLICAS_MIN,
    REPLICAS_MAX,
    FINDINGS,
    RECOMMENDATIONS,
    ACTIONS,
    SOURCE_LAST_SUCCESS,
    SOURCE_UP,
    SOURCE_SECONDS,
    WALK_SECONDS,
    ROLE_READING,
    STOPPED,
    LOOP_LAST_SUCCESS,
    LOOP_DROPPED,
    OLDEST_UNDELIVERED,
)
"""In the order of the page."""
