"""Long PromQL on several lines: only white space differs, and people can read it."""

import pytest

from controlplane.promql.layout import WIDTH, laid_out
from tests.generate.rules.all_scenarios import SCENARIOS
from tests.generate.rules.scenario import flat, groups_of, rules_of

FLEETS = list(dict.fromkeys(scenario.fleet for scenario in SCENARIOS))


def test_a_short_expression_stays_as_it_is() -> None:
    assert laid_out("sum by (a) (b)") == "sum by (a) (b)"


def test_the_loosest_operator_breaks_first() -> None:
    left, right = (
        "sum by (namespace, role) (aaaaaaaaaaaaaaaaaaaaaaaaaaaaa)",
        "max by (namespace, role) (bbbbbbbbbbbbbbbbbb * 2)",
    )
    assert laid_out(f"{left} or on (role) {right}") == f"{left}\nor on (role) {right}"


def test_operators_and_brackets_in_strings_break_nothing() -> None:
    first = 'label_replace(vector(1), "a", "x or y) \\" or z", "", "")'
    second = 'or label_replace(vector(2), "b", "ccccccccccccccccccccccccccccc", "", "")'
    assert laid_out(f"{first} {second}") == f"{first}\n{second}"


@pytest.mark.parametrize("fleet", FLEETS, ids=range(len(FLEETS)))
def test_only_white_space_differs(fleet: str) -> None:
    for groups in groups_of(fleet).values():
        for rule in (rule for group in groups for rule in group["rules"]):
            assert laid_out(flat(rule["expr"])) == rule["expr"]


def test_lines_are_short_but_for_lists_of_names() -> None:
    for text in rules_of(FLEETS[0]).values():
        for line in text.splitlines():
            assert len(line) <= WIDTH + 80 or "nvidia_com_mig" in line, line
