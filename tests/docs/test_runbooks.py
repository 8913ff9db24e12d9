"""Every alert has a page, every page an alert, and what a page tells you to type works."""

import re
from pathlib import Path

import pytest

from controlplane.detect import DEFAULT_DETECTORS
from controlplane.promql.catalogue import CATALOGUE, wire_names
from controlplane.promql.exported import EXPORTED
from controlplane.promql.recorded import RECORDED
from controlplane.settings.alerts import AlertLimits, AlertName
from controlplane.settings.sessions import Sessions
from tests.generate.alerts.judged import alerts_of, stage
from tests.generate.promql_names import metric_names, selectors

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
KNOWN = {
    *(recorded.name for recorded in RECORDED),
    *(name for metric in EXPORTED for name in metric.series),
    *(name for metric in CATALOGUE for name in wire_names(metric)),
}

LABELS = {
    **{recorded.name: {"cluster", *recorded.labels} for recorded in RECORDED},
    **{name: {"cluster", *metric.labels, "le"} for metric in EXPORTED for name in metric.series},
}


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_alerts_and_pages_are_the_same() -> None:
    assert [page.stem for page in PAGES] == sorted(name.lower() for name in AlertName)


def test_the_index_lists_every_alert_with_its_severities() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    severities: dict[str, list[str]] = {}
    for alert in alerts_of(stage()):
        found = severities.setdefault(alert.name, [])
        found += [alert.severity] if alert.severity not in found else []
    rows = dict(re.findall(r"^\| \[(\w+)\]\(\w+\.md\) \| ([a-z, ]+) \|", index, re.MULTILINE))
    assert rows == {name: ", ".join(found) for name, found in severities.items()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_short_and_says_what_it_means_how_to_check_what_to_do_and_what_not(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[0].removeprefix("# ").lower() == page.stem
    assert [line for line in lines if line.startswith("## ")] == ["## Check", "## Do", "## Do not"]
    assert 20 <= len(lines) <= 45
    assert all(len(line) <= 130 for line in lines)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_queries_of_a_page_parse_and_ask_for_names_that_exist(page: Path) -> None:
    queries = [line for block in blocks(page, "promql") for line in block.splitlines()]
    assert len(queries) >= 3
    for query in queries:
        assert metric_names(query) <= KNOWN, query


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_labels_that_queries_of_a_page_ask_for_are_those_of_the_series(page: Path) -> None:
    for query in (line for block in blocks(page, "promql") for line in block.splitlines()):
        for selector in selectors(query):
            asked = {label for label, _ in selector.matchers}
            assert asked <= LABELS.get(selector.name, asked), query


def test_a_kernel_log_is_read_with_the_rights_that_it_takes() -> None:
    """Without the profile a debugging pod may not read it where only root may, which is the default of Ubuntu."""
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            assert "kubectl debug node" not in line or "--profile=sysadmin" in line, f"{page.name}: {line}"


def test_links_lead_somewhere() -> None:
    for page in (*PAGES, FOLDER / "README.md"):
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert (FOLDER / target).is_file(), f"{page.name}: {target}"


def test_commands_of_ours_that_pages_name_exist() -> None:
    commands = {path.stem for path in (ROOT / "controlplane" / "cli").glob("*.py")}
    for page in PAGES:
        for command in re.findall(r"`controlplane (\w+)", page.read_text(encoding="utf-8")):
            assert command in commands, f"{page.name}: {command}"


def test_settings_that_pages_name_exist() -> None:
    for page in PAGES:
        for key in re.findall(r"`alerts\.limits\.(\w+)`", page.read_text(encoding="utf-8")):
            assert key in AlertLimits.model_fields, f"{page.name}: {key}"
        for detector, key in re.findall(r"`detectors\.([\w-]+)\.(\w+)`", page.read_text(encoding="utf-8")):
            assert any(d.id == detector and hasattr(d, key) for d in DEFAULT_DETECTORS), f"{page.name}: {key}"
        for key in re.findall(r"`sessions\.(\w+)`", page.read_text(encoding="utf-8")):
            assert key in Sessions.model_fields, f"{page.name}: {key}"
