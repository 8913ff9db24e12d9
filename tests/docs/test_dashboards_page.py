"""``docs/dashboards.md``: what follows from the code is current, and the run it shows had something to show."""

import re
from pathlib import Path

import pytest

from controlplane.generate.dashboards import boards
from controlplane.settings.load import load
from tests.e2e.live_fleet import declared
from tools.dashboard_values import said
from tools.dashboards_page import ANSWER, PAGE, markdown, page, without_choices

TEXT = PAGE.read_text(encoding="utf-8")


def shown(folder: Path):
    """The dashboards of the run that the page is about."""
    return boards(load(declared(folder, 8700, {})))


def test_titles_meanings_units_and_queries_are_those_of_today(tmp_path: Path) -> None:
    written = [line for line in TEXT.splitlines() if not line.startswith(ANSWER)]
    assert written == markdown(shown(tmp_path)).splitlines(), "run: python -m tools.dashboards_page --live"


def test_every_query_has_its_answer_and_no_answer_has_its_reason():
    lines = TEXT.splitlines()
    asked = [i for i, line in enumerate(lines) if line.startswith("- ") and line.endswith("`")]
    assert len(asked) > 200
    assert all(lines[i + 1].startswith(ANSWER) for i in asked)
    empty = [line for line in lines if line.startswith(f"{ANSWER}*nothing*")]
    assert not [line for line in empty if line.endswith((": no data", ": No traffic"))]
    assert len(empty) < len(asked) / 8


def test_nothing_of_the_machine_it_ran_on_is_in_it():
    assert not re.search(r"/(?:tmp|root|home|work|var)/|127\.0\.0\.1:\d", TEXT)


def test_an_answer_is_written_in_the_panels_unit_and_named_as_its_series(tmp_path: Path) -> None:
    (board, *_) = shown(tmp_path)
    answers = {"sum(llm_fleet:cost_dollars_per_hour:sum)": [({}, 12.345)]}
    made = markdown(
        (board,), lambda expr: answers.get(without_choices(expr), [({"role": "worker", "bucket": "idle"}, 1.0)])
    )
    assert f"{ANSWER}$12.3\n" in made
    assert f"{ANSWER}idle $1\n" in made
    assert f"{ANSWER}worker idle\n" in made, "a state is a word"


def test_choices_are_left_out_of_queries_and_nothing_else_is():
    asked = 'sum by (role) (a:b:c{cluster=~"$cluster",role=~"$role",quantile="0.95"}) / d:e:f{cluster=~"$cluster"}'
    assert without_choices(asked) == 'sum by (role) (a:b:c{quantile="0.95"}) / d:e:f'


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, "s", "12.3 ms"),
        (90, "s", "1.5 min"),
        (0.5, "percentunit", "50 %"),
        (2.16e6, "currencyUSD", "$2.16 M"),
        (3000, "count:tok/s", "3 k tok/s"),
        (2**31, "bytes", "2 GiB"),
        (0, "s", "0 s"),
        (float("nan"), "reqps", "No traffic"),
    ],
)
def test_numbers_are_written_as_grafana_would(value: float, unit: str, text: str) -> None:
    assert said(value, unit) == text


def test_a_prometheus_that_is_not_there_ends_the_command(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="refused"):
        page("http://127.0.0.1:1", shown(tmp_path)[:1])
