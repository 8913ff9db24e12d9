"""Two services over one PostgreSQL: one walks, both answer and take approvals; when one goes the other walks on."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.e2e.test_service_killed import FLEET, around, until

__all__ = ["around"]

NAMES = ("first", "second")


@pytest.fixture
def database(postgres_url: str) -> str:
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
    engine.dispose()
    return postgres_url


@pytest.mark.real
@pytest.mark.timeout(180)
def test_d7_when_the_leader_ends_the_other_walks_on_from_the_same_ledger(
    tmp_path: Path, around: tuple[str, list[Any]], free_port: Callable[[], int], database: str
) -> None:
    ports = {name: free_port() for name in NAMES}
    webhook = tmp_path / "webhook"
    webhook.write_text(f"{around[0]}/slack")

    def start(name: str) -> subprocess.Popen[bytes]:
        file = tmp_path / f"{name}.yaml"
        words = FLEET.format(engine=around[0], webhook=webhook, store="here", port=ports[name])
        file.write_text(words.replace("sqlite:///here", database))
        return subprocess.Popen([sys.executable, "-m", "controlplane.cli.main", "serve", str(file)])

    def ask(name: str, path: str, body: Any = None) -> Any:
        url = f"http://127.0.0.1:{ports[name]}/api/v1/{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def page(name: str, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{ports[name]}/{path}", timeout=5) as answer:
            return str(answer.read().decode())

    engine = create_engine(database)

    def scalar(query: str) -> Any:
        with engine.connect() as connection:
            return connection.scalar(text(query))

    services = {"first": start("first")}
    try:
        until(lambda: ask("first", "fleet"))
        services["second"] = start("second")
        (wish,) = until(lambda: ask("second", "recommendations"))
        assert scalar("select fence from lease") == 1
        here = ask("first", "health")["lead"]
        assert (here["here"], here["fence"], here["holder"]) == (True, 1, None) and here["since"] is not None
        there = until(lambda: ask("second", "health")["lead"]["holder"] and ask("second", "health")["lead"])
        assert (there["here"], there["fence"]) == (False, 1)
        assert there["holder"].endswith(f":{services['first'].pid}")
        assert "this one stands by" in page("second", "health")

        ask("second", f"recommendations/{wish['id']}/approve", {"version": wish["version"]})
        (seen,) = ask("first", "recommendations")
        assert (seen["state"], seen["by"]) == ("approved", "local")

        services["first"].send_signal(signal.SIGTERM)
        assert services["first"].wait(30) in (0, -signal.SIGTERM)
        ticks = scalar("select count(*) from cycles")
        until(lambda: scalar("select count(*) from cycles") > ticks, seconds=30)
        assert scalar("select fence from lease") == 2
        here = ask("second", "health")["lead"]
        assert (here["here"], here["fence"]) == (True, 2)
        assert "(fence 2)" in page("second", "health")
        (seen,) = ask("second", "recommendations")
        assert (seen["id"], seen["opened"]) == (wish["id"], wish["opened"])
    finally:
        engine.dispose()
        for service in services.values():
            service.kill()
            service.wait()
