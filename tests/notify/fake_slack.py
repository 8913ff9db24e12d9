"""A webhook receiver over real HTTP that judges every message by Slack's documented limits, as Slack does."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LIMITS = {"header": 150, "section": 3000, "field": 2000, "context": 3000}


@dataclass(frozen=True)
class Answer:
    """What the next request gets."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = "ok"
    silent: bool = False
    """Take the message and cut the connection without an answer."""


@dataclass
class FakeSlack:
    """What arrived, and what will be answered; 200 unless told."""

    url: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    """Accepted ones, and those taken without an answer."""
    requests: int = 0
    paths: list[str] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    complaints: list[str] = field(default_factory=list)

    def texts(self) -> str:
        return json.dumps(self.messages, ensure_ascii=False)


def complaints(message: dict[str, Any]) -> list[str]:
    """What Slack would refuse this message for."""
    said: list[str] = []
    blocks = message.get("blocks", [])
    if not message.get("text"):
        said.append("no fallback text")
    if not 1 <= len(blocks) <= 50:
        said.append(f"{len(blocks)} blocks")
    total = 0
    for block in blocks:
        kind = block["type"]
        texts = {"header": [block.get("text")], "section": [block.get("text")], "context": block.get("elements")}[kind]
        if not texts or len(texts) > 10:
            said.append(f"{kind} has {len(texts or [])} elements")
        for part in texts or []:
            words = part["text"]
            total += len(words)
            if not 1 <= len(words) <= LIMITS[kind]:
                said.append(f"{kind} text of {len(words)}")
            if kind == "header" and part["type"] != "plain_text":
                said.append("header must be plain text")
            said += _markup(words)
        fields = block.get("fields", [])
        if len(fields) > 10:
            said.append(f"{len(fields)} fields")
        for part in fields:
            total += len(part["text"])
            if not 1 <= len(part["text"]) <= LIMITS["field"]:
                said.append(f"field of {len(part['text'])}")
            said += _markup(part["text"])
    if total > 13_200:
        said.append(f"msg_blocks_too_long: {total}")
    return said


def _markup(words: str) -> list[str]:
    """Everything between < and > must be one of our links; nothing may wake a channel."""
    said = ["mention"] if "<!" in words or "<@" in words or "@channel" in words or "@here" in words else []
    rest = words
    while "<" in rest:
        inside, closed, rest = rest[rest.index("<") + 1 :].partition(">")
        if not closed or not inside.startswith(("http://", "https://")) or inside.count("|") != 1:
            said.append(f"stray markup <{inside[:40]}")
    if ">" in rest:
        said.append("stray >")
    return said


@contextmanager
def fake_slack() -> Iterator[FakeSlack]:
    """A receiver on a loopback port."""
    slack = FakeSlack()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            slack.requests += 1
            slack.paths.append(self.path)
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            slack.complaints += complaints(message)
            answer = slack.answers.popleft() if slack.answers else Answer()
            if answer.status == 200:
                slack.messages.append(message)
            if answer.silent:
                self.connection.close()
                return
            body = answer.body.encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    slack.url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/hush-secret"
    try:
        yield slack
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
