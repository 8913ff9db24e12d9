"""Every scenario of recording rules, by name."""

from tests.generate.rules import scenarios_engines, scenarios_gpus, scenarios_money, scenarios_spellings
from tests.generate.rules.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *scenarios_engines.SCENARIOS,
    *scenarios_spellings.SCENARIOS,
    *scenarios_gpus.SCENARIOS,
    *scenarios_money.SCENARIOS,
)
NAMED = {scenario.name: scenario for scenario in SCENARIOS}
