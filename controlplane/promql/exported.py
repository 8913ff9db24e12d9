"""What the control plane itself tells Prometheus at ``/metrics``: generated rules and panels may use these names.

The list is the contract between the exporter and everything generated from fleet.yaml. A value that is unknown
is *absent* from the page, never 0. ``namespace`` is empty for a role that lives outside Kubernetes. A GPU-equivalent
is one whole GPU for the price: a MIG slice counts with the larger of its share of compute and of memory.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One metric of our own."""

    name: str
    kind: str
    """gauge, counter or histogram; a counter's name is written with its ``_total``."""
    labels: tuple[str, ...]
    """Those of every series; a histogram's ``le`` is not among them."""
    words: str
    """The help line: meaning and unit."""

    @property
    def series(self) -> tuple[str, ...]:
        """The names that a query may use."""
        parts = ("_bucket", "_count", "_sum") if self.kind == "histogram" else ("",)
        return tuple(self.name + part for part in parts)


def _metric(kind: str, name: str, labels: str, words: str) -> Exported:
    return Exported(name=f"llm_fleet_{name}", kind=kind, labels=tuple(labels.split()), words=words)


def _gauge(name: str, labels: str, words: str) -> Exported:
    return _metric("gauge", name, labels, words)


def _counter(name: str, labels: str, words: str) -> Exported:
    return _metric("counter", name, labels, words)


def _histogram(name: str, labels: str, words: str) -> Exported:
    return _metric("histogram", name, labels, words)


BUILD_INFO = _gauge("build_info", "version", "Always 1; which version of the control plane runs.")

POD_INFO = _gauge(
    "pod_info",
    "namespace pod node model role phase",
    "Always 1; which role a pod belongs to. phase is both, prefill or decode.",
)
POD_GPUS = _gauge("pod_gpus", "namespace pod node", "GPU-equivalents a role's pod holds, ready or starting.")
GPU_PRICE = _gauge(
    "gpu_price_dollars_per_hour",
    "node gpu_model source",
    "Price of one whole GPU of a node that holds replicas, dollars per hour; source is file or list.",
)
ROLE_DOLLARS = _gauge(
    "role_dollars_per_hour",
    "namespace role model",
    "What the role's GPUs cost, ready or starting, dollars per hour.",
)
IDLE_BUDGET = _gauge(
    "role_idle_budget_dollars_per_hour",
    "namespace role",
    "Dollars per hour of idle GPUs that fleet.yaml allows the role; absent where it sets no limit.",
)
KV_CAPACITY = _gauge(
    "engine_kv_capacity_tokens",
    "namespace pod",
    "Tokens the engine's KV cache holds, as the engine says; absent where it does not.",
)

REPLICAS_READY = _gauge("pool_replicas_ready", "namespace role", "Replicas that serve.")
REPLICAS_PENDING = _gauge("pool_replicas_pending", "namespace role", "Replicas asked for that do not serve yet.")
REPLICAS_DESIRED = _gauge("pool_replicas_desired", "namespace role", "Replicas the autoscaler asks for.")
REPLICAS_MIN = _gauge("pool_replicas_min", "namespace role", "Least replicas, in force.")
REPLICAS_MAX = _gauge("pool_replicas_max", "namespace role", "Most replicas, in force.")
DESIRED_REPLICAS = _gauge(
    "desired_replicas",
    "namespace role",
    "Replicas we would run now, for KEDA to follow; absent while we cannot tell.",
)

FINDINGS = _gauge("findings", "role detector severity", "Open findings.")
RECOMMENDATIONS = _gauge("recommendations", "kind state", "Recommendations, by kind and state.")
SAVINGS = _gauge(
    "recommendation_savings_dollars_per_hour",
    "kind state",
    "What recommendations would save, dollars per hour; those that cost more, or whose price is unknown, are left out.",
)
REALISED_SAVINGS = _counter(
    "realised_savings_dollars_total",
    "kind",
    "What changes whose expectation was met have saved since they were judged, dollars.",
)
ACTIONS = _counter(
    "actions_total",
    "kind result namespace",
    "Changes sent, by kind and receipt; rolled_back: an undo that was applied.",
)

SOURCE_LAST_SUCCESS = _gauge(
    "collector_last_success_timestamp_seconds",
    "source",
    "When a source last gave something usable, seconds since 1970.",
)
SOURCE_UP = _gauge("source_up", "source kind role", "1 when a source's last answer could be used, else 0.")
SOURCE_SECONDS = _gauge("source_seconds", "source kind role", "How long a source took to answer last time, seconds.")
WALK_SECONDS = _gauge("walk_seconds", "step", "How long each step of the last walk took, seconds.")
ROLE_READING = _gauge(
    "role_reading",
    "namespace role reading unit",
    "A role's reading at the last tick, in its base unit; absent while unknown or old.",
)
MISSING_RIGHTS = _gauge(
    "missing_right",
    "namespace verb resource name",
    "1 for each right at the API server without which changes are refused; absent once a change is let through.",
)
STOPPED = _gauge("stopped", "", "1 while the kill switch is on, else 0.")
LOOP_LAST_SUCCESS = _gauge(
    "loop_last_success_timestamp_seconds",
    "loop",
    "When a loop of the service last succeeded, seconds since 1970.",
)
LOOP_DROPPED = _counter(
    "loop_dropped_total", "loop", "Runs of a loop that did not happen because the one before was still busy."
)
OLDEST_UNDELIVERED = _gauge(
    "notify_oldest_pending_age_seconds",
    "",
    "Age of the oldest message that still waits to be sent, seconds; 0 when none waits.",
)

SESSION_TOKENS = _counter(
    "session_tokens_total",
    "tenant role namespace model kind",
    "Tokens that sessions used; kind is prompt, cached or output, prompt without the cached ones. No session id.",
)
SESSIONS_ACTIVE = _gauge(
    "sessions_active", "tenant role", "Sessions that made a call lately, by the role they began at."
)
SESSION_FANOUT_MAX = _gauge(
    "session_fanout_max",
    "tenant role",
    "Calls in flight lately of the active session that has the most, by the role it began at.",
)
SESSION_FANOUT = _histogram(
    "session_fanout", "tenant role", "Most calls in flight at once, per finished session, by the role it began at."
)
SESSION_SPEND = _histogram(
    "session_spend_dollars", "tenant role", "Dollars per finished session, by the role it began at."
)
SESSION_BUDGET_EXCEEDED = _counter(
    "session_budget_exceeded_total", "tenant", "Sessions that spent more than they were allowed."
)

SESSIONS: tuple[Exported, ...] = (
    SESSION_TOKENS,
    SESSIONS_ACTIVE,
    SESSION_FANOUT_MAX,
    SESSION_FANOUT,
    SESSION_SPEND,
    SESSION_BUDGET_EXCEEDED,
)
"""Absent without ``sessions`` in fleet.yaml. A role is empty for what none of our roles serves."""

EXPORTED: tuple[Exported, ...] = (
    BUILD_INFO,
    POD_INFO,
    POD_GPUS,
    GPU_PRICE,
    ROLE_DOLLARS,
    IDLE_BUDGET,
    KV_CAPACITY,
    REPLICAS_READY,
    REPLICAS_PENDING,
    REPLICAS_DESIRED,
    REPLICAS_MIN,
    REPLICAS_MAX,
    DESIRED_REPLICAS,
    FINDINGS,
    RECOMMENDATIONS,
    SAVINGS,
    REALISED_SAVINGS,
    ACTIONS,
    SOURCE_LAST_SUCCESS,
    SOURCE_UP,
    SOURCE_SECONDS,
    WALK_SECONDS,
    ROLE_READING,
    MISSING_RIGHTS,
    STOPPED,
    LOOP_LAST_SUCCESS,
    LOOP_DROPPED,
    OLDEST_UNDELIVERED,
    *SESSIONS,
)
"""In the order of the page."""
