"""What an alert is made of: the detectors' limits, known names, texts with a first step, labels without values."""

import subprocess
from pathlib import Path

import pytest

from controlplane.generate.alerts import alert_files
from controlplane.generate.alerts.alert import Alert
from controlplane.generate.request import request_of
from controlplane.promql.catalogue import CATALOGUE, wire_names
from controlplane.promql.exported import EXPORTED
from controlplane.promql.recorded import RECORDED
from controlplane.settings.alerts import AlertName
from controlplane.settings.load import load_with_lines
from tests.generate.alerts.judged import FLEET, alerts_of, stage
from tests.generate.promql_names import metric_names

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
ALERTS = alerts_of(stage())
BOARDS = {f"llm-{name}" for name in ("fleet", "cost", "role", "kv", "gpu", "agents", "scaling", "selfcheck")}
KNOWN = {
    *(recorded.name for recorded in RECORDED),
    *(name for metric in EXPORTED for name in metric.series),
    *(name for metric in CATALOGUE for name in wire_names(metric)),
}


def named(name: AlertName, more: str = "") -> list[Alert]:
    return [alert for alert in alerts_of(stage(FLEET + more)) if alert.name is name]


def test_every_alert_there_is_is_generated() -> None:
    assert {alert.name for alert in ALERTS} == set(AlertName)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_asks_for_names_that_exist(alert: Alert) -> None:
    assert metric_names(alert.expr) <= KNOWN


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_texts_say_what_it_is_and_the_first_step_and_labels_hold_no_value(alert: Alert) -> None:
    assert "First: " in alert.description
    assert "\n" not in alert.summary + alert.description
    assert len(alert.summary) < 160
    assert alert.dashboard in BOARDS
    assert not any("{{" in value for value in alert.labels.values())


def test_two_rules_of_one_name_differ_in_their_labels() -> None:
    told_apart = [(alert.name, alert.severity, tuple(sorted(alert.labels.items()))) for alert in ALERTS]
    assert len(told_apart) == len(set(told_apart))


@pytest.mark.parametrize(
    ("setting", "name", "said"),
    [
        ("detectors: {queue-buildup: {limit: 8}}", AlertName.QUEUE_BACKLOG, "avg > 8"),
        ("detectors: {queue-buildup: {limit: 8}}", AlertName.SCALED_TO_MAX, "avg > 8"),
        ("detectors: {preemption-storm: {share: 0.5, floor: 2}}", AlertName.PREEMPTION_STORM, "> 2 unless"),
        ("detectors: {prefix-collapse: {share: 0.25}}", AlertName.PREFIX_CACHE_COLLAPSE, "< 0.25 *"),
        ("detectors: {low-utilisation: {limit: 0.1}}", AlertName.ROLE_UNDERUTILISED, "< 0.1"),
        ("detectors: {runaway-session: {fanout: 30}}", AlertName.RUNAWAY_FANOUT, "> 30"),
        ("alerts: {limits: {error_share: 0.1}}", AlertName.REQUEST_ERRORS, "> 0.1"),
        ("alerts: {limits: {source_age: 5m}}", AlertName.CONTROL_PLANE_STALE, "> 300"),
    ],
)
def test_limits_are_those_of_fleet_yaml(setting: str, name: AlertName, said: str) -> None:
    assert said in named(name, setting + "\n")[0].expr
    assert said not in named(name)[0].expr


def test_a_detector_that_is_off_takes_its_alerts_with_it() -> None:
    off = "detectors: {queue-buildup: {enabled: false}}\n"
    assert not named(AlertName.QUEUE_BACKLOG, off)
    assert not named(AlertName.SCALED_TO_MAX, off)
    assert named(AlertName.KV_CACHE_PRESSURE, off)


def test_alerts_of_sessions_link_the_page_that_names_the_session() -> None:
    here = named(AlertName.RUNAWAY_FANOUT)[0].description
    assert " /sessions?tenant={{ $labels.tenant | urlquery }}&state=active&order=fanout. " in here
    public = named(AlertName.SESSION_BUDGET_EXCEEDED, "serve: {public_url: https://fleet.example.com/}\n")[0]
    assert (
        "https://fleet.example.com/sessions?tenant={{ $labels.tenant | urlquery }}&state=over. " in public.description
    )


def test_an_alert_may_be_left_out_and_all_others_get_what_is_put_on_them() -> None:
    chosen = "without: [GPUXidError], labels: {team: serving}, runbook_url: https://r.example.com, runbook_suffix: .md"
    alerts = alerts_of(stage(f"{FLEET}alerts: {{{chosen}}}\n"))
    assert AlertName.GPU_XID not in {alert.name for alert in alerts}
    assert {alert.labels["team"] for alert in alerts} == {"serving"}
    assert all(alert.runbook_url == f"https://r.example.com/{alert.name.lower()}.md" for alert in alerts)


@pytest.mark.real
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_promtool_accepts_the_rules_of_every_example(promtool_binary: Path, tmp_path: Path, path: Path) -> None:
    made = alert_files(request_of(load_with_lines(path), path.read_text(encoding="utf-8")))
    names = [name for name in made if name.startswith("rules/")]
    for name in names:
        (tmp_path / Path(name).name).write_text(made[name])
    command = [promtool_binary, "check", "rules", *(Path(name).name for name in names)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
