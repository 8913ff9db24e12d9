"""Stands in for many engines: ``/t/N/metrics`` of one port, two real pages in turn, so that counters move.

Like vLLM it compresses for those who ask for gzip (``plain``: never). Run as a program:
``page_server.py CPU ROLES PLAIN PAGE PAGE``. Prints its port. ``/counts`` tells how many pages
each kind of client has fetched. Bytes are prepared beforehand; a request costs this process about 0.1 ms.
"""

import asyncio
import gzip
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import ClassVar

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=1.0.0; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
PACKED = HEAD.replace(b"Content-Length", b"Content-Encoding: gzip\r\nContent-Length")


def answers(pages: list[bytes], roles: int, *, packed: bool) -> list[list[bytes]]:
    """The answers of each role, in turn."""
    named = [[page.replace(b'"planner"', b'"role-%d"' % role) for page in pages] for role in range(roles)]
    if packed:
        return [[PACKED % len(small) + small for small in map(gzip.compress, turns)] for turns in named]
    return [[HEAD % len(page) + page for page in turns] for turns in named]


class Engine(asyncio.Protocol):
    """One connection."""

    said: ClassVar[list[list[bytes]]]
    packed: ClassVar[list[list[bytes]]]
    turns: ClassVar[Counter[bytes]] = Counter()
    fetched: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.waiting = b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while b"\r\n\r\n" in self.waiting:
            request, _, self.waiting = self.waiting.partition(b"\r\n\r\n")
            path = request.split(b" ", 2)[1]
            if path == b"/counts":
                body = json.dumps(self.fetched).encode()
                self.transport.write(HEAD % len(body) + body)
                continue
            client = "prometheus" if b"User-Agent: Prometheus" in request else "ours"
            self.fetched[client] += 1
            self.turns[path] += 1
            said = self.packed if b"gzip" in request else self.said
            turns = said[int(path.split(b"/")[2]) % len(said)]
            self.transport.write(turns[self.turns[path] % len(turns)])


async def main(cpu: int, roles: int, plain: bool, pages: list[Path]) -> None:
    """Serve until killed."""
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    bodies = [page.read_bytes() for page in pages]
    Engine.said = answers(bodies, roles, packed=False)
    Engine.packed = Engine.said if plain else answers(bodies, roles, packed=True)
    server = await asyncio.get_running_loop().create_server(Engine, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "plain", [Path(name) for name in sys.argv[4:]]))
