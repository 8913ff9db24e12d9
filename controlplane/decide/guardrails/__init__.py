"""The guardrails, in the order in which their objections are told."""

from controlplane.decide.guardrail import Guardrail
from controlplane.decide.guardrails.approval import FreshApproval
from controlplane.decide.guardrails.blast_radius import BlastRadius
from controlplane.decide.guardrails.budget import Budget
from controlplane.decide.guardrails.capacity import Capacity
from controlplane.decide.guardrails.cooldown import Cooldown
from controlplane.decide.guardrails.error_budget import ErrorBudget
from controlplane.decide.guardrails.fleet_health import FleetHealth
from controlplane.decide.guardrails.freeze import Freeze, FreezeWindow
from controlplane.decide.guardrails.fresh_data import FreshData
from controlplane.decide.guardrails.held import Held
from controlplane.decide.guardrails.in_flight import InFlight
from controlplane.decide.guardrails.kill_switch import KillSwitch
from controlplane.decide.guardrails.ladder import Ladder
from controlplane.decide.guardrails.learning import Learning
from controlplane.decide.guardrails.own_bounds import OwnBounds
from controlplane.decide.guardrails.patchable import Patchable
from controlplane.decide.guardrails.repeat import Repeat
from controlplane.decide.guardrails.reversal import Reversal
from controlplane.decide.guardrails.runaway import Runaway
from controlplane.decide.guardrails.scaler import Scaler
from controlplane.decide.guardrails.steady import Steady
from controlplane.decide.guardrails.step_limit import StepLimit

__all__ = ["ALWAYS", "DEFAULT_GUARDRAILS", "Freeze", "FreezeWindow"]

ALWAYS: tuple[Guardrail, ...] = (KillSwitch(), Ladder(), FreshApproval(), Patchable())
"""Cannot be left out: the arbiter adds those a policy does not bring."""

DEFAULT_GUARDRAILS: tuple[Guardrail, ...] = (
    KillSwitch(),
    Patchable(),
    FleetHealth(),
    FreshData(),
    Scaler(),
    Capacity(),
    Steady(),
    OwnBounds(),
    StepLimit(),
    Budget(),
    Runaway(),
    BlastRadius(),
    Freeze(),
    ErrorBudget(),
    Held(),
    InFlight(),
    Repeat(),
    Reversal(),
    Cooldown(),
    Learning(),
    FreshApproval(),
    Ladder(),
)
