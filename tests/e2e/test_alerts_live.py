"""Alerts through a real Prometheus and a real Alertmanager to a pager and to Slack: what fires, what it hides, its end.

The generated rules, three hundred times faster: values of alerts are replaced, no text is edited. Prometheus scrapes
one page with series as our rules record them.
"""

import contextlib
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.generate.alerts import alert_groups
from controlplane.generate.alerts.alert import Alert
from controlplane.generate.alerts.alertmanager import alertmanager
from controlplane.generate.alerts.edges import promised
from controlplane.generate.alerts.slack_template import slack_template
from controlplane.generate.rules.rule import Group
from tests.e2e import alertmanager_server
from tests.e2e.loopback_pages import Pages, serving
from tests.e2e.prometheus_server import prometheus
from tests.generate.alerts.judged import FLEET, stage
from tests.real_servers import RunningServer

pytestmark = pytest.mark.real

FASTER = 300
R = 'namespace="llm",role="{role}",model="m",phase="both"'
POOL = 'namespace="llm",role="{role}"'
RUNBOOKS, GRAFANA = "https://runbooks.example.com", "https://grafana.example.com"


@dataclass(frozen=True)
class Stage:
    """Everything that runs."""

    pages: Pages
    alertmanager: RunningServer

    def show(self, role: str, *, waiting: float = 0, ready: float = 2, desired: float = 2, full: float = 0) -> None:
        """What is recorded about a role from now on."""
        r, pool = R.format(role=role), POOL.format(role=role)
        self.pages.series |= {
            f"llm_role:requests_waiting_per_replica:avg{{{r}}}": waiting,
            f"llm_role:requests_waiting:sum{{{r}}}": waiting,
            f"llm_role:kv_pressured_replicas:ratio{{{r}}}": full,
            f"llm_fleet_pool_replicas_ready{{{pool}}}": ready,
            f"llm_fleet_pool_replicas_desired{{{pool}}}": desired,
            f"llm_fleet_pool_replicas_max{{{pool}}}": 4,
        }

    def states(self) -> Mapping[str, str]:
        """Alert (with its role) → active or suppressed."""
        return states(self.alertmanager)

    def slack(self) -> list[str]:
        """Titles and texts of the messages so far."""
        return [f"{a['title']}\n{a['text']}" for body in self.pages.at("/slack") for a in body["attachments"]]

    def pager(self) -> list[tuple[str, str, str]]:
        """(status, alert, role) as they were paged."""
        return [
            (alert["status"], alert["labels"]["alertname"], alert["labels"].get("role", ""))
            for body in self.pages.at("/pager")
            for alert in body["alerts"]
        ]


def states(server: RunningServer) -> Mapping[str, str]:
    with urllib.request.urlopen(f"{server.url}/api/v2/alerts", timeout=5) as reply:
        alerts: list[dict[str, Any]] = json.load(reply)
    return {_name(alert["labels"]): alert["status"]["state"] for alert in alerts}


def _name(labels: Mapping[str, str]) -> str:
    told_apart = (
        ("role", "slo", "severity", "gpu")
        if labels["alertname"] in {"GPUXidError", "GPUThrottled", "LLMLatencyBudgetBurn"}
        else ("role",)
    )
    return " ".join([labels["alertname"], *(labels[name] for name in told_apart if name in labels)])


def until(what: str, happens: Callable[[], bool], *, within: float = 30) -> None:
    deadline = time.monotonic() + within  # noqa: TID251 – real servers take real time
    while not happens():
        assert time.monotonic() < deadline, f"not in {within:g} s: {what}"  # noqa: TID251
        threading.Event().wait(0.1)


def hurried(group: Group) -> Group:
    alerts = [rule for rule in group.rules if isinstance(rule, Alert)]
    quick = [replace(a, hold=a.hold / FASTER, keep=a.keep / FASTER) for a in alerts]
    return replace(group, rules=tuple(quick), interval=timedelta(seconds=1))


@contextlib.contextmanager
def listening(binary: Path, folder: Path, pages: Pages) -> Iterator[RunningServer]:
    """An Alertmanager with the generated configuration, as fast as it goes."""
    (folder / "url").write_text(f"{pages.url}/slack")
    chosen = f"slack_url_file: {folder / 'url'}, webhook_url: {pages.url}/pager"
    config = alertmanager(stage(f"{FLEET}alerts: {{{chosen}}}\n").settings.alerts)
    route = config["route"]
    assert isinstance(route, dict)
    quick = {**config, "route": {**route, "group_wait": "1s", "group_interval": "1s"}}
    templates = {"slack.tmpl": slack_template("a test", GRAFANA)}
    with alertmanager_server.serving(binary, folder / "alertmanager", quick, templates) as server:
        yield server


@pytest.fixture(scope="module")
def live(
    prometheus_binary: Path, alertmanager_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("alerts")
    request = stage(f"{FLEET}alerts: {{runbook_url: {RUNBOOKS}}}\n")
    groups = [hurried(group).as_yaml() for group in alert_groups(request.settings, promised(request))]
    (folder / "rules.yaml").write_text(json.dumps({"groups": groups}))
    with serving() as pages, listening(alertmanager_binary, folder, pages) as server:
        pages.series['llm_fleet_build_info{version="1"}'] = 1
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / "rules.yaml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [server.url.removeprefix("http://")]}]}]},
            "scrape_configs": [
                {"job_name": "p", "static_configs": [{"targets": [pages.url.removeprefix("http://")]}]},
            ],
        }
        with prometheus(prometheus_binary, folder / "prometheus", settings):
            yield Stage(pages, server)


def test_a_queue_then_its_maximum_which_hides_the_queue_then_peace(live: Stage) -> None:
    live.show("planner", waiting=9)
    until("the queue is told", lambda: any("LLMQueueBacklog" in text for text in live.slack()))
    (told,) = [text for text in live.slack() if "LLMQueueBacklog" in text][:1]
    assert told.startswith("WARNING llm planner: 1 alert\n*LLMQueueBacklog* llm/planner: 9.0 requests wait per replica")
    assert f"<{RUNBOOKS}/llmqueuebacklog|Runbook>" in told
    assert f"<{GRAFANA}/d/llm-role?var-namespace=llm&var-role=planner|Dashboard>" in told

    live.show("planner", waiting=12, desired=4)
    until("the maximum is told", lambda: any("LLMScaledToMaxUnderPressure" in text for text in live.slack()))
    until(
        "the maximum hides the queue",
        lambda: (
            live.states().get("LLMQueueBacklog planner") == "suppressed"
            and live.states().get("LLMScaledToMaxUnderPressure planner") == "active"
        ),
    )
    said = len(live.slack())

    live.show("planner", desired=2)
    until("it is over", lambda: any(text.startswith("RESOLVED llm planner") for text in live.slack()[said:]))
    until("nothing is left", lambda: not [name for name in live.states() if "planner" in name])
    assert not live.pager(), "a warning pages nobody"


def test_no_replica_serves_is_paged_and_hides_what_follows_from_it_in_that_role_only(live: Stage) -> None:
    live.show("pre", waiting=9, ready=0)
    live.show("dec", waiting=9)
    until("it is paged", lambda: ("firing", "LLMEngineDown", "pre") in live.pager())
    until(
        "the queue of this role is hidden, that of the other is not",
        lambda: (
            live.states().get("LLMQueueBacklog pre") == "suppressed"
            and live.states().get("LLMQueueBacklog dec") == "active"
        ),
    )
    live.show("pre")
    live.show("dec")
    until("the end is paged", lambda: ("resolved", "LLMEngineDown", "pre") in live.pager())
    assert {alert for _, alert, _ in live.pager()} == {"LLMEngineDown"}
    until("nothing is left", lambda: not live.states())


def test_without_a_control_plane_warnings_about_roles_are_held_back_and_critical_ones_are_not(live: Stage) -> None:
    live.show("planner", full=0.9)
    until("pressure is told", lambda: live.states().get("LLMKVCachePressure planner") == "active")
    del live.pages.series['llm_fleet_build_info{version="1"}']
    until("we are missed", lambda: ("firing", "FleetControlPlaneDown", "") in live.pager())
    until("pressure is held back", lambda: live.states().get("LLMKVCachePressure planner") == "suppressed")
    live.show("pre", ready=0)
    until("an engine that is down is told all the same", lambda: live.states().get("LLMEngineDown pre") == "active")
    live.pages.series['llm_fleet_build_info{version="1"}'] = 1
    live.show("planner", full=0.9)
    until("we are back", lambda: ("resolved", "FleetControlPlaneDown", "") in live.pager())
    until("and so is the warning", lambda: live.states().get("LLMKVCachePressure planner") == "active")


def post(server: RunningServer, *alerts: Mapping[str, str]) -> None:
    now = datetime.now(UTC)  # noqa: TID251 – Alertmanager reads its own clock
    ends = (now + timedelta(minutes=5)).isoformat()
    body = json.dumps([{"labels": labels, "startsAt": now.isoformat(), "endsAt": ends} for labels in alerts]).encode()
    asked = urllib.request.Request(
        f"{server.url}/api/v2/alerts", data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(asked, timeout=5) as reply:
        assert reply.status == 200


def test_what_hides_what_is_told_apart_by_every_label_that_matters(alertmanager_binary: Path, tmp_path: Path) -> None:
    """A missing label is equal to a missing label: GPU 1's fault must not vanish behind GPU 0's."""
    burn = {"alertname": "LLMLatencyBudgetBurn", "namespace": "llm", "role": "a", "model": "m"}
    xid, hot = ({"alertname": name, "node": "n"} for name in ("GPUXidError", "GPUThrottled"))
    with serving() as pages, listening(alertmanager_binary, tmp_path, pages) as server:
        post(
            server,
            {**xid, "gpu": "0", "severity": "critical"},
            {**xid, "gpu": "0", "severity": "warning"},
            {**xid, "gpu": "1", "severity": "warning"},
            {**hot, "gpu": "0", "severity": "warning"},
            {**hot, "gpu": "1", "severity": "warning"},
            {**burn, "slo": "ttft", "severity": "critical"},
            {**burn, "slo": "ttft", "severity": "warning", "long": "1d"},
            {**burn, "slo": "itl", "severity": "warning", "long": "1d"},
            {"alertname": "FleetControlPlaneStale", "severity": "warning", "source": "kubernetes"},
        )
        until("all are there", lambda: len(states(server)) == 9)
        found = states(server)
    assert found == {
        "GPUXidError critical 0": "active",
        "GPUXidError warning 0": "suppressed",
        "GPUXidError warning 1": "active",
        "GPUThrottled warning 0": "suppressed",
        "GPUThrottled warning 1": "active",
        "LLMLatencyBudgetBurn a ttft critical": "active",
        "LLMLatencyBudgetBurn a ttft warning": "suppressed",
        "LLMLatencyBudgetBurn a itl warning": "active",
        "FleetControlPlaneStale": "active",
    }
