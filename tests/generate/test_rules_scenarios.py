"""Recording rules in situations written by hand, judged by promtool; broken ones must be noticed by them."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from controlplane.promql.recorded import LEVELS, RECORDED
from tests.generate.promql_names import metric_names
from tests.generate.rules.all_scenarios import NAMED, SCENARIOS
from tests.generate.rules.mutations import MUTATIONS, Mutation, broken
from tests.generate.rules.scenario import groups_of, judge, judge_all

OURS = {recorded.name for level, names in LEVELS.items() if level != "llm_slo" for recorded in names}


def test_scenarios_have_names_of_their_own() -> None:
    assert len(NAMED) == len(SCENARIOS)


def test_every_recorded_name_has_a_value_in_some_scenario() -> None:
    """A name that is only ever expected to be absent, or not at all, would be a rule nobody has seen to work."""
    seen = {name for s in SCENARIOS for expr, samples in s.expect.items() if samples for name in metric_names(expr)}
    assert seen >= OURS, sorted(OURS - seen)


def test_what_is_recorded_is_what_the_list_says() -> None:
    recorded = {
        rule["record"]
        for scenario in SCENARIOS
        for groups in groups_of(scenario.fleet).values()
        for group in groups
        for rule in group["rules"]
    }
    assert recorded == OURS


def test_series_carry_the_labels_that_the_list_says_and_no_others() -> None:
    allowed = {recorded.name: set(recorded.labels) for recorded in RECORDED}
    for scenario in SCENARIOS:
        for expr, samples in scenario.expect.items():
            name = expr.partition("{")[0]
            for labels in samples if name in allowed else ():
                assert set(re.findall(r'(\w+)="', labels)) <= allowed[name], f"{scenario.name}: {expr}"


@pytest.mark.real
def test_every_scenario_is_recorded_as_expected(promtool_binary: Path, tmp_path: Path) -> None:
    said = judge_all(promtool_binary, tmp_path, SCENARIOS)
    assert not said, said


@pytest.fixture(scope="module")
def verdicts(promtool_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What promtool says against each broken set of rules."""
    folder = tmp_path_factory.mktemp("broken")

    def one(numbered: tuple[int, Mutation]) -> str:
        number, mutation = numbered
        scenario = NAMED[mutation.caught_by]
        return judge(promtool_binary, folder / str(number), [scenario], broken(scenario.fleet, mutation))

    with ThreadPoolExecutor(max_workers=2) as pool:
        said = list(pool.map(one, enumerate(MUTATIONS)))
    return {mutation.name: text for mutation, text in zip(MUTATIONS, said, strict=True)}


@pytest.mark.real
@pytest.mark.parametrize("mutation", [pytest.param(m, id=m.name) for m in MUTATIONS])
def test_a_mistake_is_noticed(mutation: Mutation, verdicts: Mapping[str, str]) -> None:
    """By a wrong value, or because the rule cannot be evaluated any more."""
    said = verdicts[mutation.name]
    assert "got:" in said or "err:" in said, f"{mutation.caught_by} does not notice it: {said}"
