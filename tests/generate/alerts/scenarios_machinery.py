"""Stories about agents that run away, and about what everything stands on."""

from controlplane.settings.alerts import AlertName
from tests.generate.alerts.scenario import NOTHING, Scenario, run

P = 'namespace="llm",role="planner",model="m"'
TENANT = f'tenant="acme",{P}'
SPEND = f"llm_tenant:session_spend_dollars_per_hour:sum{{{TENANT}}}"
EXCEEDED = 'llm_fleet_session_budget_exceeded_total{tenant="acme",instance="ours:8700"}'
AWAKE = 'llm_fleet_build_info{version="1",instance="ours:8700"}'
_TENANT = ("tenant",)
ACME = ({"tenant": "acme"},)

AGENTS = (
    Scenario(
        alert=AlertName.RUNAWAY_FANOUT,
        what="sixty calls in flight, told for ten minutes more",
        series={'llm_fleet_session_fanout_max{tenant="acme",role="planner"}': run((60, 10), (3, 30))},
        then={"1m": NOTHING, "3m": ACME, "18m": ACME, "21m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.RUNAWAY_FANOUT,
        what="fifty is the limit, not over it",
        series={'llm_fleet_session_fanout_max{tenant="acme",role="planner"}': "50x30"},
        then={"20m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.TENANT_SPEND_SPIKE,
        what="ten times the usual",
        series={SPEND: run((2, 180), (20, 20), (2, 60))},
        then={"188m": NOTHING, "192m": ACME, "207m": ACME, "212m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.TENANT_SPEND_SPIKE,
        what="a spike is not its own measure within the hour",
        series={SPEND: run((2, 90), (20, 58))},
        then={"146m": ACME},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.TENANT_SPEND_SPIKE,
        what="twice the usual",
        series={SPEND: run((10, 180), (20, 60))},
        then={"220m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.TENANT_SPEND_SPIKE,
        what="a hundred times nothing",
        series={SPEND: run((0.02, 180), (2, 60))},
        then={"220m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.TENANT_SPEND_SPIKE,
        what="a day's mean, not an hour's: a morning peak every day is usual",
        series={SPEND: run((30, 300), (2, 180), (30, 40))},
        then={"515m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.SESSION_BUDGET_EXCEEDED,
        what="the first one ever: the counter is born at one",
        series={EXCEEDED: run(("_", 30), (1, 60)), AWAKE: "1x90"},
        then={"29m": NOTHING, "31m": ACME, "45m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.SESSION_BUDGET_EXCEEDED,
        what="one more",
        series={EXCEEDED: run((1, 30), (2, 60)), AWAKE: "1x90"},
        then={"29m": NOTHING, "31m": ACME, "45m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.SESSION_BUDGET_EXCEEDED,
        what="we come back after an hour with what we had counted before",
        series={EXCEEDED: run((3, 10), ("_", 60), (3, 30)), AWAKE: run((1, 10), ("_", 60), (1, 30))},
        then={"72m": NOTHING},
        labels=_TENANT,
    ),
    Scenario(
        alert=AlertName.SESSION_BUDGET_EXCEEDED,
        what="a counter that is born at zero",
        series={EXCEEDED: run(("_", 30), (0, 60)), AWAKE: "1x90"},
        then={"32m": NOTHING},
        labels=_TENANT,
    ),
)

SEEN = 'llm_fleet_collector_last_success_timestamp_seconds{source="kubernetes",instance="ours:8700"}'
UNDONE = 'llm_fleet_actions_total{kind="scale",namespace="llm",result="rolled_back"}'
KEDA = 'keda_scaler_detail_errors_total{namespace="keda",exported_namespace="llm",scaledObject="planner",metric="s0"}'
_SOURCE, _KIND, _SEVERITY = ("source",), ("namespace", "kind"), ("severity",)
SCALE = ({"namespace": "llm", "kind": "scale"},)

MACHINERY = (
    Scenario(
        alert=AlertName.CONTROL_PLANE_STALE,
        what="Kubernetes does not answer any more",
        series={SEEN: run(("0+60", 11), (600, 40))},
        then={"13m": NOTHING, "16m": ({"source": "kubernetes"},)},
        labels=_SOURCE,
    ),
    Scenario(
        alert=AlertName.CONTROL_PLANE_STALE,
        what="another of us sees it",
        series={SEEN: run(("0+60", 11), (600, 40)), SEEN.replace("ours:8700", "second:8700"): "0+60x50"},
        then={"30m": NOTHING},
        labels=_SOURCE,
    ),
    Scenario(
        alert=AlertName.CONTROL_PLANE_STALE,
        what="read every minute and a half",
        series={SEEN: "-80+60x50"},
        then={"30m": NOTHING},
        labels=_SOURCE,
    ),
    Scenario(
        alert=AlertName.CONTROL_PLANE_DOWN,
        what="nobody scrapes us, or we are gone",
        series={AWAKE: "1x9 stale _x30"},
        then={"14m": NOTHING, "16m": ({"severity": "critical"},)},
        labels=_SEVERITY,
        alone=True,
    ),
    Scenario(
        alert=AlertName.CONTROL_PLANE_DOWN,
        what="a restart",
        series={AWAKE: "1x9 stale _x2 1x30"},
        then={"12m": NOTHING, "20m": NOTHING},
        labels=_SEVERITY,
        alone=True,
    ),
    Scenario(
        alert=AlertName.ACTION_ROLLED_BACK,
        what="the first one ever; others were kept",
        series={
            UNDONE: run(("_", 30), (1, 60)),
            UNDONE.replace("rolled_back", "applied"): "3x90",
            AWAKE: "1x90",
        },
        then={"29m": NOTHING, "31m": SCALE, "50m": NOTHING},
        labels=_KIND,
    ),
    Scenario(
        alert=AlertName.ACTION_ROLLED_BACK,
        what="one more; Prometheus moved our labels",
        series={
            UNDONE.replace("namespace=", 'namespace="ops",exported_namespace='): run((1, 30), (2, 60)),
            AWAKE: "1x90",
        },
        then={"29m": NOTHING, "31m": SCALE, "50m": NOTHING},
        labels=_KIND,
    ),
    Scenario(
        alert=AlertName.ACTION_ROLLED_BACK,
        what="changes that were kept",
        series={UNDONE.replace("rolled_back", "applied"): "0+1x90", AWAKE: "1x90"},
        then={"45m": NOTHING},
        labels=_KIND,
    ),
    Scenario(
        alert=AlertName.ACTION_ROLLED_BACK,
        what="we come back after an hour with what we had counted before",
        series={UNDONE: run((3, 10), ("_", 60), (3, 30)), AWAKE: run((1, 10), ("_", 60), (1, 30))},
        then={"72m": NOTHING},
        labels=_KIND,
    ),
    Scenario(
        alert=AlertName.ACTION_ROLLED_BACK,
        what="a counter that is born at zero",
        series={UNDONE: run(("_", 30), (0, 60)), AWAKE: "1x90"},
        then={"32m": NOTHING},
        labels=_KIND,
    ),
    Scenario(
        alert=AlertName.KEDA_ERRORS,
        what="an error each minute",
        series={KEDA: "0+1x40"},
        then={"10m": NOTHING, "12m": ({"namespace": "llm", "scaledObject": "planner"},)},
        labels=("namespace", "scaledObject"),
    ),
    Scenario(
        alert=AlertName.KEDA_ERRORS,
        what="errors of the past",
        series={KEDA: run(("0+1", 3), (3, 40))},
        then={"20m": NOTHING},
        labels=("namespace", "scaledObject"),
    ),
    Scenario(
        alert=AlertName.KEDA_ERRORS,
        what="one error, and it works again",
        series={KEDA: run((0, 10), (1, 40))},
        then={"25m": NOTHING},
        labels=("namespace", "scaledObject"),
    ),
)
