"""A real HTTP server on loopback that answers what a test tells it, well or badly."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; ``fields`` holds query and form parameters, first value each."""

    path: str
    fields: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer. ``drip`` sends the body a byte at a time with a pause; ``claim`` lies about its length."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: float = 0
    claim: int | None = None
    hang: bool = False
    pieces: Iterable[bytes] | None = None
    """Sent one by one (chunked) as they come, instead of ``body``."""


@dataclass
class FakeHttp:
    """The server: ``answer`` may be replaced at any time; ``asked`` is what came."""

    url: str
    answer: Callable[[Asked], Reply]
    asked: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def fake_http(answer: Callable[[Asked], Reply], *, host: str = "127.0.0.1", port: int = 0) -> Iterator[FakeHttp]:
    """Serve on a free port (or a given one) until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 64 * 1024  # head and body in one packet: two wait for each other

        def do_GET(self) -> None:
            split = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            fields = {
                k: v[0] for text in (split.query, body) for k, v in parse_qs(text, keep_blank_values=True).items()
            }
            asked = Asked(split.path, fields, dict(self.headers.items()))
            fake.asked.append(asked)
            self.reply(fake.answer(asked))

        do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 – names the library looks for

        def reply(self, reply: Reply) -> None:
            if reply.hang:
                fake.over.wait(30)
                self.close_connection = True
                return
            if reply.pieces is not None:
                self.stream(reply, reply.pieces)
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body) if reply.claim is None else reply.claim))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # a client that has had enough hangs up
                if not reply.drip:
                    self.wfile.write(reply.body)
                for at in range(len(reply.body) if reply.drip else 0):
                    self.wfile.write(reply.body[at : at + 1])
                    self.wfile.flush()
                    if fake.over.wait(reply.drip):
                        break
                self.wfile.flush()
            if reply.claim is not None or reply.drip:
                self.close_connection = True

        def stream(self, reply: Reply, pieces: Iterable[bytes]) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.flush()
                for piece in pieces:
                    self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")
                self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is part of the test."""

    with Server((host, port), Handler) as server:
        fake = FakeHttp(f"http://{host}:{server.server_address[1]}", answer)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            fake.over.set()
            server.shutdown()
            thread.join()
