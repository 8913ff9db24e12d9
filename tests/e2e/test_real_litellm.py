"""A real LiteLLM in front of an imitated engine tells the real service of its calls, as docs/sessions.md says.

What the service shows is what the callers saw: sessions by their ids, tokens by kind, failures, agents.
"""

import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.inference_sim import inference_sim
from tests.kube_processes import until
from tests.real_servers import RunningServer, free_port, running

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

TOKEN, MASTER, ADMIN = "for-calls-only", "sk-of-the-router", "for-people"
MODEL = "test/planner"
ITS_OWN = [
    f"LITELLM_LOCAL_{what}"
    for what in ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "BLOG_POSTS", "AUTOROUTER_PRESETS", "POLICY_TEMPLATES")
]
"""What LiteLLM would fetch from afar when it starts, and has a copy of: nothing here leaves this machine."""
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "sessions.md"


@dataclass
class Stage:
    """Everything that runs: the router callers ask, and the service it tells."""

    router: str
    service: str
    start: Callable[[], AbstractContextManager[RunningServer]]
    """Starts the service again."""
    life: ExitStack = field(default_factory=ExitStack)
    """Ends the service."""

    def down(self) -> None:
        """End the service."""
        self.life.close()

    def up(self) -> None:
        """Start the service; returns when it answers."""
        self.life.enter_context(self.start())

    def call(self, model: str, headers: dict[str, str], **more: Any) -> dict[str, Any] | None:
        """One call as an agent makes it; the usage the caller is told, ``None`` when it failed."""
        body = {"model": model, "messages": [{"role": "user", "content": "plan it"}], "max_tokens": 12, **more}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {MASTER}", **headers}
        asked = urllib.request.Request(f"{self.router}/v1/chat/completions", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(asked, timeout=30) as reply:
                usage: dict[str, Any] = json.load(reply)["usage"]
                return usage
        except urllib.error.HTTPError:
            return None

    def text(self, path: str) -> str:
        """What the service answers a person."""
        asked = urllib.request.Request(f"{self.service}{path}", headers={"Authorization": f"Bearer {ADMIN}"})
        with urllib.request.urlopen(asked, timeout=10) as reply:
            return str(reply.read().decode())

    def sessions(self) -> dict[str, dict[str, Any]]:
        """The sessions it knows, by id."""
        return {session["id"]: session for session in json.loads(self.text("/api/v1/sessions"))}


def router_settings(folder: Path, engine: str, service: str) -> Path:
    """LiteLLM's config.yaml: the one of docs/sessions.md, with the addresses of this machine."""
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (config,) = (yaml.safe_load(block) for block in blocks if "callback_settings" in block)
    config["callback_settings"]["fleet"] |= {
        "endpoint": f"{service}/ingest/litellm",
        "headers": {"Authorization": f"Bearer {TOKEN}"},
    }
    dead = {"model": "openai/dead", "api_base": f"http://127.0.0.1:{free_port()}/v1", "api_key": "none"}
    config["model_list"] = [
        {
            "model_name": "planner",
            "litellm_params": {"model": f"openai/{MODEL}", "api_base": f"{engine}/v1", "api_key": "none"},
        },
        {"model_name": "dead", "litellm_params": {**dead, "max_retries": 0}},
    ]
    config["litellm_settings"]["num_retries"] = 0
    config["general_settings"] = {"master_key": MASTER}
    file = folder / "litellm.yaml"
    file.write_text(yaml.safe_dump(config))
    return file


def fleet(folder: Path, engine: str, port: int) -> Path:
    for name, token in (("token", ADMIN), ("sessions", TOKEN)):
        (folder / name).write_text(token)
    settings = {
        "fleet": "routed",
        "tick": "1s",
        "sources": {"scrape_interval": "1s"},
        "roles": {"planner": {"model": {"name": MODEL}, "targets": [f"{engine}/metrics"]}},
        "sessions": {"source": "litellm", "token_file": str(folder / "sessions")},
        "serve": {"port": port, "token_file": str(folder / "token")},
        "store": {"url": f"sqlite:///{folder / 'ledger.db'}"},
    }
    file = folder / "fleet.yaml"
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    return file


@pytest.fixture(scope="module")
def stage(litellm_binary: Path, llm_d_sim_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An imitated engine, the service that scrapes it, and the router that tells the service."""
    folder = tmp_path_factory.mktemp("routed")
    port, own = free_port(), free_port()
    service, router = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{own}"
    environment = {"DEFAULT_FLUSH_INTERVAL_SECONDS": "1", **dict.fromkeys(ITS_OWN, "True")}
    with inference_sim(llm_d_sim_binary, MODEL, folder) as engine:
        serve: list[str | Path] = [
            sys.executable,
            "-m",
            "controlplane.cli.main",
            "serve",
            fleet(folder, engine.server.url, port),
        ]
        start = partial(running, serve, log=folder / "service.log", ready=f"{service}/healthz", url=service)
        config = router_settings(folder, engine.server.url, service)
        route: list[str | Path] = [
            litellm_binary,
            "--config",
            config,
            "--host",
            "127.0.0.1",
            "--port",
            str(own),
            "--telemetry",
            "False",
        ]
        alive = f"{router}/health/liveliness"
        with running(route, log=folder / "litellm.log", ready=alive, url=router, environment=environment, within=90):
            stage = Stage(router, service, start)
            stage.up()
            yield stage
            stage.down()


def test_sessions_are_what_the_callers_saw(stage: Stage) -> None:
    """Three ways to name a session, two agents, calls side by side, one that fails."""
    by_header = {"x-litellm-session-id": "run-by-header"}
    planned = [stage.call("planner", by_header, metadata={"agent_name": "orchestrator"})]
    with ThreadPoolExecutor(4) as crowd:
        worker = {"agent_name": "worker", "parent_agent": "orchestrator"}
        planned += crowd.map(lambda _: stage.call("planner", by_header, metadata=worker), range(4))
    assert stage.call("dead", by_header) is None
    vendor = [stage.call("planner", {"x-claude-code-session-id": "run-by-vendor"})]
    in_body = [stage.call("planner", {}, metadata={"session_id": "run-by-body"}) for _ in range(2)]

    wanted = {"run-by-header": 6, "run-by-vendor": 1, "run-by-body": 2}

    def told_all() -> dict[str, dict[str, Any]] | None:
        found = stage.sessions()
        return found if {id_: session["calls"] for id_, session in found.items()} == wanted else None

    seen = until(told_all, within=20, why=stage.sessions)
    for id_, usages in (("run-by-header", planned), ("run-by-vendor", vendor), ("run-by-body", in_body)):
        told = [usage for usage in usages if usage is not None]
        assert len(told) == len(usages)
        tokens = seen[id_]["tokens"]
        assert tokens["prompt"] + tokens["cached"] == sum(usage["prompt_tokens"] for usage in told)
        assert tokens["output"] == sum(usage["completion_tokens"] for usage in told)
        assert (seen[id_]["role"], seen[id_]["failed"]) == ("planner", 1 if id_ == "run-by-header" else 0)

    whole = json.loads(stage.text("/api/v1/sessions/one?tenant=none&id=run-by-header"))
    agents = {agent["agent"]: (agent["parent"], agent["calls"]) for agent in whole["agents"]}
    assert agents["orchestrator"] == ("", 1)
    assert agents["worker"] == ("orchestrator", 4)
    assert {use["role"]: use["calls"] for use in whole["uses"]} == {"planner": 5, None: 1}


def test_the_metrics_page_counts_the_same_tokens(stage: Stage) -> None:
    told = stage.sessions().values()
    served = {
        sample.labels["kind"]: sample.value
        for family in text_string_to_metric_families(stage.text("/metrics"))
        for sample in family.samples
        if sample.name == "llm_fleet_session_tokens_total" and sample.labels["role"] == "planner"
    }
    assert served["output"] > 0
    for kind in ("prompt", "cached", "output"):
        assert served.get(kind, 0) == sum(session["tokens"][kind] for session in told), kind


def test_what_was_said_while_the_service_was_down_is_told_again_and_counts_once(stage: Stage) -> None:
    known = stage.sessions()
    stage.down()
    usage = [stage.call("planner", {"x-litellm-session-id": "run-in-the-dark"}) for _ in range(3)]
    stage.up()
    dark = until(lambda: stage.sessions().get("run-in-the-dark"), within=30, why=stage.sessions)
    assert dark["calls"] == 3
    assert dark["tokens"]["output"] == sum(one["completion_tokens"] for one in usage if one is not None)
    assert {id_: stage.sessions()[id_]["calls"] for id_ in known} == {id_: s["calls"] for id_, s in known.items()}
