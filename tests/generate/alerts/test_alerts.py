"""Every alert fires when it must, is silent when it must, and a broken one is caught; all judged by promtool."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from controlplane.settings.alerts import AlertName
from tests.generate.alerts.judged import alerts_of, judge, rules_of, stage
from tests.generate.alerts.mutants import mutants
from tests.generate.alerts.scenario import Scenario
from tests.generate.alerts.scenarios_hardware import HARDWARE
from tests.generate.alerts.scenarios_machinery import AGENTS, MACHINERY
from tests.generate.alerts.scenarios_money import MONEY
from tests.generate.alerts.scenarios_promises import BURNS, PAIRS
from tests.generate.alerts.scenarios_serving import SERVING

REQUEST = stage()
ALERTS = alerts_of(REQUEST)
SCENARIOS = (*SERVING, *BURNS, *PAIRS, *MONEY, *AGENTS, *MACHINERY, *HARDWARE)


def stories_of(name: AlertName) -> list[Scenario]:
    return [scenario for scenario in SCENARIOS if scenario.alert is name]


@pytest.mark.parametrize("name", AlertName)
def test_every_alert_has_a_scenario_in_which_it_fires_and_one_in_which_it_is_silent(name: AlertName) -> None:
    loud = {scenario.loud for scenario in stories_of(name)}
    assert loud == {True, False}


def test_no_two_stories_have_the_same_name() -> None:
    names = [(scenario.alert, scenario.what) for scenario in SCENARIOS]
    assert len(names) == len(set(names))


@pytest.mark.real
def test_alerts_fire_and_are_silent_as_their_scenarios_say(promtool_binary: Path, tmp_path: Path) -> None:
    stages = {name.value: (rules_of(name, ALERTS, REQUEST), stories_of(name)) for name in AlertName}
    burn = AlertName.LATENCY_BUDGET_BURN
    with_records = [scenario for scenario in stories_of(burn) if scenario not in PAIRS]
    stages[burn.value] = (rules_of(burn, ALERTS, REQUEST), with_records)
    stages["pairs"] = ([alert.as_yaml() for alert in ALERTS if alert.name is burn], PAIRS)
    failed = {name: said for name, said in judge(promtool_binary, tmp_path, stages).items() if said}
    assert not failed, "\n".join(failed.values())


@pytest.mark.real
def test_an_alert_broken_in_one_place_is_caught(promtool_binary: Path, tmp_path: Path) -> None:
    broken = {f"m{n:03d}": mutant for n, mutant in enumerate(_broken())}
    stages = {key: (rules, stories) for key, (_, rules, stories) in broken.items()}
    assert len(stages) > 150
    said = judge(promtool_binary, tmp_path, stages)
    survived = sorted(broken[key][0] for key, words in said.items() if not words)
    assert not survived, "\n".join(survived)


def _broken() -> Sequence[tuple[str, list[object], list[Scenario]]]:
    """What was broken, the alert's rules with it, and the scenarios that must notice."""
    found = []
    nth: dict[AlertName, int] = defaultdict(int)
    for alert in ALERTS:
        nth[alert.name] += 1
        stories, others = stories_of(alert.name), [a for a in ALERTS if a.name is alert.name]
        if alert.name is AlertName.LATENCY_BUDGET_BURN:  # its pairs of windows do not meddle with each other
            stories = [scenario for scenario in PAIRS if scenario.what.startswith(alert.labels["long"])]
            others = [alert]
        for what, mutant in mutants(alert):
            rules = [(mutant if a is alert else a).as_yaml() for a in others]
            found.append((f"{alert.name} {nth[alert.name]}, {what}", rules, stories))
    return found
