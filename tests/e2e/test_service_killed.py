"""The whole service, killed with -9 again and again while it works: history intact, nothing said or proposed twice."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parent / "data" / "kv-pressure.prom").read_bytes()
"""A real vLLM 0.32 server under KV pressure: 8 wait, the cache is 97 % full."""

KILLS = 6

FLEET = """
fleet: killed
tick: 1s
sources: {{scrape_interval: 1s}}
roles:
  planner:
    model: {{name: planner}}
    gpus: {{type: h100-pcie-80gb, per_replica: 2}}
    replicas: {{min: 1, max: 4}}
    targets: ["{engine}/metrics"]
    scaled_object: llm/planner
detectors:
  queue-buildup: {{patience: 3s}}
slack: {{webhook_url_file: {webhook}, group_wait: 0s}}
store: {{url: "sqlite:///{store}"}}
serve: {{port: {port}}}
"""


class Around(BaseHTTPRequestHandler):
    """What is around the service: an engine's page, and a Slack that remembers what it was told."""

    said: list[Any]

    def do_GET(self) -> None:
        self._answer(PAGE, "text/plain; version=0.0.4; charset=utf-8")

    def do_POST(self) -> None:
        self.said.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(b"ok", "text/plain")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Quiet."""


@pytest.fixture
def around() -> Iterator[tuple[str, list[Any]]]:
    said: list[Any] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("AroundNow", (Around,), {"said": said}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", said
    server.shutdown()
    thread.join()
    server.server_close()


def until(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Ask until there is something, or fail."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.1)):
        try:
            if answer := what():
                return answer
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        pause.wait(0.1)
    pytest.fail(f"did not happen within {seconds:g} s")


def start(file: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "controlplane.cli.main", "serve", str(file)])


@pytest.mark.timeout(240)
def test_killed_again_and_again_it_forgets_nothing_and_says_nothing_twice(tmp_path, around, free_port):
    engine, said = around
    webhook, store, file = tmp_path / "webhook", tmp_path / "ledger.db", tmp_path / "fleet.yaml"
    port = free_port()
    webhook.write_text(f"{engine}/slack")
    file.write_text(FLEET.format(engine=engine, webhook=webhook, store=store, port=port))
    chance, pause = random.Random(3), threading.Event()

    def ask(path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=5) as answer:
            return json.load(answer)

    before: dict[str, Any] = {}
    for turn in range(KILLS):
        service = start(file)
        try:
            found = until(lambda: ask("recommendations"))
            finding = until(lambda: ask("findings"))
            if before:
                assert {f["id"]: (f["number"], f["opened"]) for f in finding} == before["findings"]
                assert {r["id"]: r["opened"] for r in found} == before["recommendations"]
                points = ask(f"readings?role=planner&reading=waiting&since={before['first_tick'].replace('+', '%2B')}")
                known = [v for v in points[0]["values"] if v is not None]
                assert len(known) >= before["ticks"] and set(known) == {8.0}
            old = before.get("at")
            until(lambda old=old: ask("fleet")["at"] != old)
            if turn == KILLS - 1:
                until(lambda: said)
            pause.wait(chance.uniform(0.0, 2.5))  # anywhere in a tick
            points = ask("readings?role=planner&reading=waiting")
            known_at = [at for at, v in zip(points[0]["at"], points[0]["values"], strict=True) if v is not None]
            before = {
                "findings": {f["id"]: (f["number"], f["opened"]) for f in finding},
                "recommendations": {r["id"]: r["opened"] for r in ask("recommendations")},
                "at": ask("fleet")["at"],
                "ticks": len(known_at),
                "first_tick": before.get("first_tick", known_at[0]),
            }
        finally:
            service.send_signal(signal.SIGKILL)
            service.wait()

    with closing(sqlite3.connect(store)) as ledger:
        assert ledger.execute("pragma integrity_check").fetchone() == ("ok",)
        assert not ledger.execute("pragma foreign_key_check").fetchall()
    headlines = Counter(json.dumps(message, sort_keys=True) for message in said)
    assert headlines, "nobody was told anything"
    assert max(headlines.values()) == 1, "the same message went out twice"


@pytest.mark.timeout(120)
def test_a_second_service_on_the_same_ledger_refuses_to_start_and_says_why(tmp_path, around, free_port):
    engine, _ = around
    webhook, store, file = tmp_path / "webhook", tmp_path / "ledger.db", tmp_path / "fleet.yaml"
    port = free_port()
    webhook.write_text(f"{engine}/slack")
    file.write_text(FLEET.format(engine=engine, webhook=webhook, store=store, port=port))
    first = start(file)
    try:
        until(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close() is None)
        second = subprocess.run(
            [sys.executable, "-m", "controlplane.cli.main", "serve", str(file)],
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 2
        assert store.name in second.stderr.decode()
        assert len(second.stderr.decode().strip().splitlines()) == 1
    finally:
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=20) == 0
