"""A server that says exactly the bytes it is told to, and then closes, waits or goes on: HTTP as it goes wrong."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Say = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def head(*headers: str, status: str = "200 OK") -> bytes:
    """The beginning of an answer."""
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode()


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A correct answer."""
    return head(f"Content-Length: {len(body)}", *headers, status=status) + body


def chunked(body: bytes, *, size: int = 100) -> bytes:
    """A correct answer in chunks."""
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return head("Transfer-Encoding: chunked") + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in [*parts, b""])


@dataclass
class Wire:
    """The server; ``say`` is what it answers next and may be replaced at any time."""

    url: str
    say: bytes | Say
    requests: list[bytes] = field(default_factory=list)


@contextlib.asynccontextmanager
async def wire(say: bytes | Say = b"", *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """Serve on a free loopback port until the block ends. Bytes are said and the connection is closed."""
    busy: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server.requests.append(await reader.readuntil(b"\r\n\r\n"))
            if isinstance(server.say, bytes):
                writer.write(server.say)
                await writer.drain()
            else:
                await server.say(reader, writer)
        except (OSError, EOFError):
            pass  # the client has gone, as it should where an answer is bad
        finally:
            writer.close()

    def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(talk(reader, writer))
        busy.add(task)
        task.add_done_callback(busy.discard)

    listening = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    server = Wire(f"{'https' if tls else 'http'}://127.0.0.1:{port}/metrics", say)
    try:
        yield server
    finally:
        listening.close()
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await asyncio.sleep(0)
