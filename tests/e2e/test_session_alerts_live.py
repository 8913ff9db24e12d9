"""Runaway sessions, from the router's word to the pager: LiteLLM, the whole service, Prometheus, Alertmanager.

The rules are as generated but for their clock: minutes are two tenths of a second, and what grew in ten minutes is
what grew in six seconds.
"""

import json
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.generate.alerts import alert_groups
from controlplane.generate.alerts.edges import promised
from controlplane.generate.rules.rule import Group
from controlplane.settings.alerts import AlertName
from controlplane.simulate.answer import Answer
from controlplane.simulate.litellm_payload import payload
from tests.e2e.loopback_pages import Pages, serving
from tests.e2e.prometheus_server import prometheus
from tests.e2e.test_alerts_live import hurried, listening, until
from tests.generate.alerts.judged import stage
from tests.real_servers import free_port, running

pytestmark = pytest.mark.real

FLEET = """\
fleet: stage
tick: 1s
roles:
  worker: {{model: {{name: m}}, targets: ["http://127.0.0.1:9/metrics"]}}
sessions: {{source: litellm, idle_after: 10s, budget_dollars: 1}}
store: {{url: "sqlite:///{store}"}}
serve: {{port: {port}}}
"""
START = datetime.now(UTC) - timedelta(minutes=1)  # noqa: TID251 – the service reads the machine's clock


@dataclass(frozen=True)
class Scene:
    """Everything that runs."""

    pages: Pages
    service: str

    def tell(self, calls: Sequence[Answer]) -> None:
        """As LiteLLM does."""
        body = json.dumps([payload(call, START) for call in calls]).encode()
        asked = urllib.request.Request(
            f"{self.service}/ingest/litellm", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=10) as reply:
            assert reply.status < 300

    def paged(self) -> list[tuple[str, str, str]]:
        """(status, alert, tenant) as they were paged."""
        return [
            (alert["status"], alert["labels"]["alertname"], alert["labels"]["tenant"])
            for body in self.pages.at("/pager")
            for alert in body["alerts"]
        ]

    def slack(self) -> list[str]:
        """Titles and texts of the messages so far."""
        return [f"{a['title']}\n{a['text']}" for body in self.pages.at("/slack") for a in body["attachments"]]


def faster(group: Group) -> Group:
    """What grew in ten minutes is what grew in six seconds."""
    quick = hurried(group)
    return replace(quick, rules=tuple(replace(rule, expr=rule.expr.replace("10m", "6s")) for rule in quick.rules))


@pytest.fixture
def scene(prometheus_binary: Path, alertmanager_binary: Path, tmp_path: Path) -> Iterator[Scene]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    text = FLEET.format(port=port, store=tmp_path / "ledger.db")
    (tmp_path / "fleet.yaml").write_text(text)
    request = stage(text)
    groups = alert_groups(request.settings, promised(request))
    ours = [faster(group).as_yaml() for group in groups if group.name == "llm-alerts-sessions"]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": ours}))
    command = [sys.executable, "-m", "controlplane.cli.main", "serve", tmp_path / "fleet.yaml"]
    with (
        serving() as pages,
        listening(alertmanager_binary, tmp_path, pages) as alertmanager,
        running(command, log=tmp_path / "service.log", ready=f"{url}/healthz", url=url),
    ):
        target = alertmanager.url.removeprefix("http://")
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(tmp_path / "rules.yaml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [target]}]}]},
            "scrape_configs": [{"job_name": "p", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
        }
        with prometheus(prometheus_binary, tmp_path / "prometheus", settings):
            yield Scene(pages, url)


def calls(session: str, team: str, number: int, *, asked: str = "worker", tokens: int = 100) -> list[Answer]:
    """So many calls of one session, all in flight at once until just now."""
    now = (datetime.now(UTC) - START).total_seconds()  # noqa: TID251
    return [
        Answer(
            number=hash((session, i)) % 10**9,
            session=session,
            agent=f"worker-0.{i}",
            parent="orchestrator",
            team=team,
            team_alias=team,
            asked=asked,
            begun=now - 3,
            first_token=now - 2,
            ended=now,
            prompt=tokens,
            cached=0,
            output=tokens,
        )
        for i in range(number)
    ]


def test_a_storm_is_paged_while_it_lasts_and_one_that_spent_too_much_is_told(scene: Scene) -> None:
    began = time.monotonic()  # noqa: TID251
    scene.tell(calls("storm-of-agents", "Team A", 64))
    fanout, budget = AlertName.RUNAWAY_FANOUT.value, AlertName.SESSION_BUDGET_EXCEEDED.value
    until("the storm is paged", lambda: ("firing", fanout, "Team A") in scene.paged())

    scene.tell(calls("planned-work", "Team B", 8))
    scene.tell(calls("dear-one", "Team B", 2, asked="an API of somebody else's", tokens=400_000))
    until("the dear one is told", lambda: any(budget in text and "Team B" in text for text in scene.slack()))
    until("the storm is over", lambda: ("resolved", fanout, "Team A") in scene.paged())
    until("so is that", lambda: any(text.startswith("RESOLVED") and budget in text for text in scene.slack()))

    assert {tenant for _, _, tenant in scene.paged()} == {"Team A"}, "eight at once are planned work"
    said = json.dumps(scene.pages.received)
    assert not any(name in said for name in ("storm-of-agents", "dear-one", "planned-work")), "ids are no labels"
    print(f"\n{time.monotonic() - began:.0f} s")  # noqa: TID251
