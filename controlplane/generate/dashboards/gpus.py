"""GPUs and MIG slices: who holds them, how busy they are, which nobody can use, and which are ill."""

from controlplane.generate.alerts.xid import HARDWARE
from controlplane.generate.dashboards.asked import (
    ANNOTATIONS,
    FLEET_VARIABLES,
    address,
    asked,
    by,
    chosen,
)
from controlplane.generate.dashboards.charts import (
    DOLLARS,
    GOOD,
    GPUS,
    SHARE,
    TO_ROLE,
    chart,
    table,
)
from controlplane.generate.dashboards.panel import Board, Key, Kind, Link, Panel, Query, Row, State, Step, Variable
from controlplane.promql.expr import select
from controlplane.settings.schema import Settings

NODE = Variable(label="node", title="Node", query="llm_node:gpus_allocated:sum")
NO_DCGM = "no DCGM exporter is scraped"
ROLE_GPUS, IDLE, COST = (
    "llm_role:gpus_allocated:sum",
    "llm_role:cost_idle_dollars_per_hour:sum",
    "llm_role:cost_dollars_per_hour:sum",
)


def gpu_board(settings: Settings) -> Board:
    """The hardware under the roles."""
    return Board(
        uid="llm-gpu",
        title=f"{settings.fleet} · GPUs and MIG",
        words="GPU-equivalents: a whole GPU is 1, a MIG slice what it takes away from the others. Busy is busy time, "
        "not load: one small kernel at a time reads 100 %.",
        rows=(_held(settings), _busy(), _health(settings)),
        variables=(*FLEET_VARIABLES, NODE),
        annotations=ANNOTATIONS,
    )


def _node(name: str) -> str:
    return asked(name, also=("node",))


def _held(settings: Settings) -> Row:
    idle = f"sum({asked(ROLE_GPUS)} * {asked(IDLE)} / ({asked(COST)} > 0))"
    of_roles, allocated = f"sum({asked(ROLE_GPUS)})", f"sum({asked('llm_node:gpus_allocated:sum')})"
    stranded = _node("llm_node:gpus_unallocated:sum")
    return Row(
        title="Who holds them",
        panels=(
            Panel(
                title="GPU-equivalents by state",
                words="Serving and idle: held by roles, split by the money their idle time costs. Other: held by pods "
                "that are no role's. Stranded: held by nobody. Does not follow the choice of node.",
                unit=GPUS,
                kind=Kind.BARGAUGE,
                decimals=2,
                steps=(Step(GOOD),),
                colours=(("serving", "green"), ("idle", "orange"), ("other", "purple"), ("stranded", "red")),
                queries=(
                    Query(expr=f"{of_roles} - {idle}", legend="serving"),
                    Query(expr=idle, legend="idle"),
                    Query(expr=f"clamp_min({allocated} - {of_roles}, 0)", legend="other"),
                    Query(expr=f"sum({asked('llm_node:gpus_unallocated:sum')})", legend="stranded"),
                ),
            ),
            Panel(
                title="Held and there, by node",
                words="GPU-equivalents that pods hold on each node; dashed is how many GPUs it has. More held than "
                "there is: time-slicing.",
                unit=GPUS,
                queries=(
                    Query(expr=by("node", "sum", _node("llm_node:gpus_allocated:sum")), legend="{{node}} held"),
                    Query(
                        expr=by("node", "sum", _node("llm_node:gpus_physical:count")),
                        legend="{{node}} has",
                        promise=True,
                    ),
                ),
            ),
            Panel(
                title="Stranded sevenths by node",
                words="Sevenths of a GPU that nobody holds. A whole GPU free is 7; less than that on a GPU in use is "
                "what its MIG layout strands. The line is where the alert fires.",
                stacked=True,
                limit=7 * settings.alerts.limits.stranded_gpus,
                queries=(Query(expr=by("node", "sum", f"{stranded} * 7"), legend="{{node}}"),),
            ),
            table(
                "Nodes",
                "Price is that of one whole GPU. An empty price: its GPUs are in no bill.",
                (Key(label="node", title="Node"),),
                (
                    Query(expr=by("node", "sum", _node("llm_node:gpus_physical:count")), legend="GPUs"),
                    Query(expr=by("node", "sum", _node("llm_node:gpus_allocated:sum")), legend="Held", decimals=2),
                    Query(expr=by("node", "sum", stranded), legend="Held by nobody", decimals=2),
                    Query(
                        expr=by("node", "max", _node("llm_node:gpu_price_dollars_per_hour:max")),
                        legend="$/h of a GPU",
                        unit=DOLLARS,
                    ),
                    Query(
                        expr=by("node", "max", _node("llm_node:gpu_cost_dollars_per_hour:value")),
                        legend="$/h of one held",
                        unit=DOLLARS,
                    ),
                ),
                height=6,
            ),
        ),
    )


def _busy() -> Row:
    device = "node UUID GPU_I_PROFILE GPU_I_ID namespace pod"
    role_of = select("llm_pod:info", chosen(("namespace", "role")))

    def of_device(name: str) -> str:
        return by(device, "max", _node(name))

    held = f"{_node('llm_gpu:engine_active:ratio')} * on (cluster, namespace, pod) group_left (role) {role_of}"
    return Row(
        title="How busy they are",
        panels=(
            chart(
                "Busy by role",
                "llm_role:gpu_engine_active:avg",
                "max",
                SHARE,
                "Mean over the role's GPUs and slices, by their size.",
                most=1,
                quiet=NO_DCGM,
            ),
            Panel(
                title="Busy by profile",
                words="Mean over the devices of a MIG profile; whole GPUs have none. Shares of a slice, not of its "
                "GPU.",
                unit=SHARE,
                most=1,
                quiet=NO_DCGM,
                queries=(
                    Query(
                        expr=by("GPU_I_PROFILE", "avg", _node("llm_gpu:engine_active:ratio")),
                        legend="{{GPU_I_PROFILE}} busy",
                    ),
                ),
            ),
            Panel(
                title="Memory bus by profile",
                words="Share of the time in which memory moved data: decode lives on it. Busy without it is small "
                "work.",
                unit=SHARE,
                most=1,
                quiet=NO_DCGM,
                queries=(
                    Query(
                        expr=by("GPU_I_PROFILE", "avg", _node("llm_gpu:dram_active:ratio")),
                        legend="{{GPU_I_PROFILE}} memory",
                    ),
                ),
            ),
            table(
                "Devices",
                "Every GPU and slice DCGM tells of. No pod: nobody holds it, or the exporter does not map pods.",
                (
                    Key(label="node", title="Node"),
                    Key(label="UUID", title="GPU"),
                    Key(label="GPU_I_PROFILE", title="Profile"),
                    Key(label="GPU_I_ID", title="Instance"),
                    Key(label="namespace", title="Namespace"),
                    Key(label="pod", title="Pod"),
                    Key(label="role", title="Role", links=(TO_ROLE,)),
                ),
                (
                    Query(expr=of_device("llm_gpu:engine_active:ratio"), legend="Busy", unit=SHARE),
                    Query(expr=of_device("llm_gpu:dram_active:ratio"), legend="Memory bus", unit=SHARE),
                    Query(expr=of_device("llm_gpu:memory_used:bytes"), legend="Memory taken", unit="bytes"),
                    Query(expr=of_device("llm_gpu:gpu_equivalents:value"), legend="Size", unit=GPUS, decimals=2),
                    Query(expr=by(f"{device} role", "group", held), legend="Role's", hidden=True),
                ),
                height=10,
                quiet=NO_DCGM,
            ),
        ),
    )


def _health(settings: Settings) -> Row:
    of_node = (Link("GPUs", address("llm-gpu", node="__field.labels.node")),)

    def of_gpu(operator: str, name: str) -> str:
        return by("node gpu", operator, _node(name))

    xid = of_gpu("max", "llm_gpu:xid_last:code")
    return Row(
        title="Health",
        panels=(
            Panel(
                title="Power",
                words="Watts of each board; slices share it.",
                unit="watt",
                queries=(Query(expr=of_gpu("max", "llm_gpu:power:watts"), legend="{{node}} {{gpu}}"),),
                quiet=NO_DCGM,
                links=of_node,
            ),
            Panel(
                title="Temperature",
                words="Degrees of each GPU; a GPU that throttles is slower than its neighbours at equal load.",
                unit="celsius",
                queries=(Query(expr=of_gpu("max", "llm_gpu:temperature:celsius"), legend="{{node}} {{gpu}}"),),
                quiet=NO_DCGM,
                links=of_node,
            ),
            Panel(
                title="Slowed down",
                words="Share of the time a GPU was slowed down, too hot or at its power limit, of five minutes. The "
                "line is where the alert on heat fires; at its power limit a GPU may well be all day. Off in the "
                "exporter's own list of counters.",
                unit=SHARE,
                most=1,
                limit=settings.alerts.limits.throttled_share,
                queries=(
                    Query(
                        expr=by("node gpu reason", "max", _node("llm_gpu:throttled:ratio5m")),
                        legend="{{node}} {{gpu}} {{reason}}",
                    ),
                ),
                quiet="the DCGM exporter does not tell of it",
                links=of_node,
            ),
            table(
                "Faults",
                f"GPUs that had an XID error since their driver was loaded (the last one), or a bad memory row that "
                f"could not be replaced. XID {', '.join(str(code) for code in sorted(HARDWARE))} mean the hardware; "
                "most others an application.",
                (Key(label="node", title="Node"), Key(label="gpu", title="GPU")),
                (
                    Query(
                        expr=f"{xid} > 0",
                        legend="Last XID",
                        states=tuple(State(code, f"{code} (hardware)", "red") for code in sorted(HARDWARE)),
                    ),
                    Query(
                        expr=f"{of_gpu('max', 'llm_gpu:row_remap_failed:bool')} > 0",
                        legend="Memory row",
                        states=(State(1, "not replaced", "red"),),
                    ),
                ),
                height=6,
                nothing="no fault",
                quiet="no GPU had an XID error or a row that could not be replaced",
            ),
        ),
    )
