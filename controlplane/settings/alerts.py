"""What fleet.yaml says about alerts: where their runbooks are, whom they are for, and limits no detector owns.

Limits on queues, caches, preemptions and idleness are the detectors' own, under ``detectors``: the alert and the
finding cannot disagree. A detector that is switched off takes its alert with it.
"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field

from controlplane.settings.names import LocalPath, Text, Url
from controlplane.settings.part import Part
from controlplane.settings.values import DOLLARS, Choice, Duration, Number

_M, _H = timedelta(minutes=1), timedelta(hours=1)
_SHARE = Number(at_least=0, at_most=1, words="a share (0 to 1)", example="0.05")
_RATE = Number(at_least=0, words="a number a second", example="10")
_COUNT = Number(at_least=1, words="a number", example="100")
_FACTOR = Number(at_least=1, at_most=1000, words="a factor", example="3")

_TAKEN = "alertname|severity|role|model|namespace|cluster|slo|long|short"
OWN_LABEL = Text(
    f"(?!(?:{_TAKEN})$)[a-zA-Z_][a-zA-Z0-9_]{{0,127}}", "a label that alerts do not use themselves", "team"
)
OWN_VALUE = Text(r"(?:(?!\{\{).){1,1000}", "a plain text without {{", "serving")


class AlertName(StrEnum):
    """Every alert there is; each has a page in docs/runbooks."""

    LATENCY_BUDGET_BURN = "LLMLatencyBudgetBurn"
    OBJECTIVE_NOT_MEASURED = "LLMObjectiveNotMeasured"
    KV_CACHE_PRESSURE = "LLMKVCachePressure"
    PREEMPTION_STORM = "LLMPreemptionStorm"
    QUEUE_BACKLOG = "LLMQueueBacklog"
    SCALED_TO_MAX = "LLMScaledToMaxUnderPressure"
    PREFIX_CACHE_COLLAPSE = "LLMPrefixCacheCollapse"
    PREFILL_DECODE_IMBALANCE = "LLMPrefillDecodeImbalance"
    REQUEST_ERRORS = "LLMRequestErrors"
    ENGINE_DOWN = "LLMEngineDown"
    ROLE_UNDERUTILISED = "LLMRoleUnderutilised"
    GPUS_WITHOUT_TOKENS = "LLMGPUsAllocatedNoTokens"
    IDLE_SPEND_HIGH = "LLMIdleSpendHigh"
    TOKENS_PER_DOLLAR_DROP = "LLMTokensPerDollarDrop"
    STRANDED_GPUS = "LLMStrandedGPUCapacity"
    RUNAWAY_FANOUT = "LLMRunawayFanout"
    TENANT_SPEND_SPIKE = "LLMTenantSpendSpike"
    SESSION_BUDGET_EXCEEDED = "LLMSessionBudgetExceeded"
    PRICE_MISSING = "LLMPriceMissing"
    ROLE_UNASSIGNED = "LLMPodRoleUnassigned"
    COST_DRIFT = "LLMCostReconciliationDrift"
    KEDA_ERRORS = "KEDAScalerErrors"
    CONTROL_PLANE_STALE = "FleetControlPlaneStale"
    CONTROL_PLANE_DOWN = "FleetControlPlaneDown"
    ACTION_ROLLED_BACK = "FleetActionRolledBack"
    GPU_XID = "GPUXidError"
    GPU_ROW_REMAP_FAILED = "GPURowRemapFailure"
    GPU_THROTTLED = "GPUThrottled"
    GPU_EXPORTER_DOWN = "GPUExporterDown"


class BetweenEdges(StrEnum):
    """What is counted when a promise lies between two edges of the engine's histogram."""

    REFUSE = "refuse"
    STRICTER = "stricter"
    LOOSER = "looser"


class AlertLimits(Part):
    """Limits of alerts that no detector has."""

    slo_requests: Annotated[float, _COUNT] = 100
    """Requests in a burn rate's long window below which nothing is said. 100: one slow request is then 1 %."""

    slo_tokens: Annotated[float, _COUNT] = 10_000
    """The same for promises about tokens: 100 answers of 100 tokens."""

    kv_pressured_share: Annotated[float, _SHARE] = 0.5
    """Share of a role's replicas without headroom in their KV cache. Half: the router cannot route around it."""

    error_share: Annotated[float, _SHARE] = 0.05
    """Share of requests that end in an error or are aborted: over the few per cent callers give up on by themselves."""

    error_floor: Annotated[float, _RATE] = 0.05
    """Requests finished a second below which a share of errors is chance: 15 in its five minutes."""

    imbalance_factor: Annotated[float, _FACTOR] = 4
    """How many times the other pool's queue a prefill or decode pool's may be."""

    imbalance_floor: Annotated[float, _RATE] = 3
    """Requests waiting per replica below which the two pools are not compared."""

    tokens_per_dollar_share: Annotated[float, _SHARE] = 0.6
    """Share of last week's tokens per dollar, at the same hour, that is still normal: weeks differ by a third."""

    tokens_per_dollar_floor: Annotated[float, _RATE] = 10
    """Tokens a second below which efficiency is not judged."""

    stranded_gpus: Annotated[float, Number(at_least=0.1, words="a number of GPUs", example="1")] = 1
    """GPUs of one node that no pod holds. 1: less cannot be given back."""

    spend_factor: Annotated[float, _FACTOR] = 3
    """How many times its daily mean a tenant may spend."""

    spend_floor: Annotated[float, DOLLARS] = 5
    """Dollars per hour below which a tenant's spending is not judged."""

    cost_drift: Annotated[float, _SHARE] = 0.02
    """Share of the GPU bill by which the buckets may miss it: 2 % covers scrapes that do not coincide."""

    throttled_share: Annotated[float, _SHARE] = 0.05
    """Share of five minutes in which a GPU may be slowed down because it is too hot. 5 %: a warm start of a batch is
    over sooner; a GPU that is cooled as it should be is at 0."""

    source_age: Annotated[timedelta, Duration(timedelta(seconds=10), _H)] = 2 * _M
    """How old what a source last said may be: eight ticks of 15 s. Decisions are held back long before."""

    cold_start: Annotated[timedelta, Duration(_M, 6 * _H)] = 20 * _M
    """How long a role that may scale to zero may be without a replica: 20 min load a 70B model without a cache."""


class Alerts(Part):
    """Alerts, as rules for Prometheus and routes for Alertmanager."""

    runbook_url: Annotated[str, Url()] | None = None
    """Where the pages of docs/runbooks are published; ``/<alert in lower case>`` is added. Without it the alerts
    carry no link: a link that leads nowhere costs a minute at night."""

    runbook_suffix: Annotated[str, Text("|[.][a-z]{1,8}", "a file name's ending", ".md")] = ""
    """What is added to a runbook's name; ``.md`` when the folder is shown by a code forge. Nothing by default."""

    grafana_url: Annotated[str, Url()] | None = None
    """Where Grafana is; messages then link the dashboard an alert names. Without it they name it."""

    slack_url_file: Annotated[Path, LocalPath()] = Path("/etc/alertmanager/secrets/slack")
    """File from which Alertmanager reads Slack's webhook URL, where Alertmanager runs. By default a mounted Secret."""

    webhook_url: Annotated[str, Url()] | None = None
    """Where critical alerts are sent as well, such as a pager. Nowhere by default."""

    labels: dict[Annotated[str, OWN_LABEL], Annotated[str, OWN_VALUE]] = Field(default={})
    """Labels put on every alert, such as ``team: serving``. None by default. No templates: a label whose value moves
    makes a new alert each time, and a template that is wrong makes Prometheus refuse the whole file."""

    without: tuple[Annotated[AlertName, Choice(AlertName)], ...] = ()
    """Alerts that are not generated. None by default."""

    between_edges: Annotated[BetweenEdges, Choice(BetweenEdges)] = BetweenEdges.REFUSE
    """What to do with a promise that is no bucket edge of the engine. It can only be counted at an edge: ``refuse``
    by default, so that nobody is paged for another promise than the one written; ``stricter`` and ``looser`` take
    the nearest edge below or above."""

    limits: AlertLimits = AlertLimits()
    """Limits of alerts that no detector has."""
