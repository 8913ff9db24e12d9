"""A page Prometheus scrapes and a place Alertmanager writes to: both on the loopback address, in one small server."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Pages:
    """What is served, and what was received."""

    url: str = ""
    series: dict[str, float] = field(default_factory=dict)
    """Series → value, served at ``/metrics``."""
    received: list[tuple[str, Any]] = field(default_factory=list)
    """(path, JSON) in the order of arrival."""

    def at(self, path: str) -> list[Any]:
        """What arrived at one path."""
        return [body for where, body in list(self.received) if where == path]


@contextlib.contextmanager
def serving() -> Iterator[Pages]:
    """Serve until the end of the block."""
    pages = Pages()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("".join(f"{name} {value!r}\n" for name, value in list(pages.series.items())))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            pages.received.append((self.path, json.loads(body)))
            self._answer("ok")

        def _answer(self, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pages.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield pages
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
