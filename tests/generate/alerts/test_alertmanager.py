"""The Alertmanager example: amtool accepts it, severity chooses who is told, and no label breaks out of its text."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.generate.alerts import alert_files
from controlplane.generate.request import request_of
from controlplane.settings.alerts import AlertName
from controlplane.settings.load import load_with_lines
from tests.generate.alerts.judged import stage

FLEET = Path(__file__).parents[3] / "docs" / "examples" / "reference-fleet.yaml"
MADE = alert_files(request_of(load_with_lines(FLEET), FLEET.read_text(encoding="utf-8")))
FOLDER = "manifests/alertmanager"
CONFIG: dict[str, Any] = yaml.safe_load(MADE[f"{FOLDER}/alertmanager.yaml"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("alertmanager.yaml", "slack.tmpl"):
        (tmp_path / name).write_text(MADE[f"{FOLDER}/{name}"])
    return tmp_path


def amtool(binary: Path, *arguments: str) -> str:
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.mark.real
def test_amtool_accepts_it_with_its_template(amtool_binary: Path, folder: Path) -> None:
    assert "1 templates" in amtool(amtool_binary, "check-config", str(folder / "alertmanager.yaml"))


@pytest.mark.real
@pytest.mark.parametrize(
    ("severity", "receiver"), [("critical", "llm-critical"), ("warning", "llm-warning"), ("info", "llm-nobody")]
)
def test_severity_chooses_who_is_told(amtool_binary: Path, folder: Path, severity: str, receiver: str) -> None:
    said = amtool(
        amtool_binary,
        "config",
        "routes",
        "test",
        f"--config.file={folder / 'alertmanager.yaml'}",
        f"severity={severity}",
    )
    assert said == receiver


def test_every_message_says_when_it_is_over_and_secrets_are_in_files() -> None:
    slack = [config for receiver in CONFIG["receivers"] for config in receiver.get("slack_configs", ())]
    assert len(slack) == 2
    assert all(config["send_resolved"] for config in slack)
    assert all("api_url" not in config and config["api_url_file"] for config in slack)


def test_a_role_gets_one_message_and_not_one_for_each_alert() -> None:
    assert CONFIG["route"]["group_by"] == ["cluster", "namespace", "role"]


def test_inhibit_rules_name_alerts_that_exist_and_say_what_must_be_equal() -> None:
    names = {name.value for name in AlertName}
    for rule in CONFIG["inhibit_rules"]:
        assert "cluster" in rule["equal"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            label, _, value = matcher.partition('"')
            if label.startswith("alertname") and ".+" not in value:
                assert set(value.rstrip('"').split("|")) <= names


def test_without_grafana_and_a_pager_there_is_no_link_and_no_webhook() -> None:
    made = alert_files(stage())
    assert "webhook_configs" not in made[f"{FOLDER}/alertmanager.yaml"]
    assert "http" not in made[f"{FOLDER}/slack.tmpl"]
    assert "runbook_url" not in made["rules/llm-alerts.yaml"]


def alert(status: str = "firing", **labels: str) -> dict[str, object]:
    return {
        "status": status,
        "labels": {"alertname": "LLMQueueBacklog", "severity": "critical", **labels},
        "annotations": {
            "summary": "a <b> & c",
            "description": "9 wait",
            "dashboard": "llm-role",
            "runbook_url": "https://runbooks.example.com/llmqueuebacklog",
        },
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": "",
    }


def rendered(binary: Path, folder: Path, part: str, *alerts: dict[str, object], **group: str) -> str:
    data = {
        "receiver": "llm-critical",
        "status": alerts[0]["status"],
        "alerts": alerts,
        "groupLabels": group,
        "commonLabels": {"severity": "critical"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
    }
    (folder / "data.json").write_text(json.dumps(data))
    return amtool(
        binary,
        "template",
        "render",
        f"--template.glob={folder / 'slack.tmpl'}",
        f"--template.data={folder / 'data.json'}",
        f'--template.text={{{{ template "llm.slack.{part}" . }}}}',
    )


@pytest.mark.real
def test_the_title_says_how_bad_it_is_and_whom_it_is_about(amtool_binary: Path, folder: Path) -> None:
    one, over = alert(), alert("resolved")
    assert (
        rendered(amtool_binary, folder, "title", one, namespace="llm", role="planner")
        == "CRITICAL llm planner: 1 alert"
    )
    assert rendered(amtool_binary, folder, "title", over, over, role="planner") == "RESOLVED planner: 2 alerts"


@pytest.mark.real
def test_the_text_has_the_first_step_and_two_links(amtool_binary: Path, folder: Path) -> None:
    said = rendered(amtool_binary, folder, "text", alert(namespace="llm", role="planner"))
    runbook, board = "https://runbooks.example.com/llmqueuebacklog", "https://grafana.example.com/d/llm-role"
    assert said.splitlines() == [
        "*LLMQueueBacklog* a &lt;b&gt; &amp; c",
        "9 wait",
        f"<{runbook}|Runbook> <{board}?var-namespace=llm&var-role=planner|Dashboard>",
    ]


@pytest.mark.real
def test_a_role_that_is_called_like_a_mention_wakes_nobody(amtool_binary: Path, folder: Path) -> None:
    evil = "<!channel>|x&y"
    title = rendered(amtool_binary, folder, "title", alert(role=evil), role=evil)
    text = rendered(amtool_binary, folder, "text", alert(role=evil))
    assert title == "CRITICAL &lt;!channel&gt;|x&amp;y: 1 alert"
    assert "<!channel>" not in text
    assert "var-role=%3C%21channel%3E%7Cx%26y|Dashboard>" in text


@pytest.mark.real
def test_a_storm_is_cut_short(amtool_binary: Path, folder: Path) -> None:
    said = rendered(amtool_binary, folder, "text", *[alert(role=f"r{n}") for n in range(30)])
    assert said.count("*LLMQueueBacklog*") == 5
    assert said.endswith("and more: 30 in all")
    assert len(said) < 3000
