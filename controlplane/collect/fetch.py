"""Fetch one page over HTTP: whole, bounded, in time, from nowhere we must not go – or say in one word why not.

A body whose end cannot be told from a broken connection is not a page. Nothing is followed, nothing of the
environment is used, and the address that is really connected to is the one that is checked.
"""

import asyncio
import functools
import socket
import ssl
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType
from multidict import CIMultiDictProxy
from yarl import URL

from controlplane.collect.address import forbidden
from controlplane.collect.limits import Limits
from controlplane.errors import SourceError
from controlplane.model.page import Fault

ACCEPT = "text/plain;version=0.0.4, */*;q=0.1"
"""Classic text first: it comes without exemplars, so a page can be read by its template. OpenMetrics is read too."""

NAME_LOOKUPS = 32
"""Threads for name lookups: so many lost names may hang before they delay the lookup of good ones."""


@dataclass(frozen=True, slots=True)
class Body:
    """A complete answer."""

    data: bytes
    content_type: str


class _ForbiddenAddress(Exception):  # noqa: N818 - it never leaves this file
    """The address that would have been connected to is not allowed."""


class Fetcher:
    """An HTTP client for metrics pages. Use as an async context manager.

    Args:
        limits: bytes and time of one answer.
        keep_alive: seconds an idle connection is kept for the next scrape.
        tls: how to verify https targets; the system's authorities when left out.
        look_up: finds the addresses of a name, called as ``socket.getaddrinfo`` is.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        keep_alive: float = 30.0,
        tls: ssl.SSLContext | None = None,
        look_up: Callable[..., Sequence[AddrInfoType]] = socket.getaddrinfo,
    ) -> None:
        self._limits = limits
        self._keep_alive = keep_alive
        self._tls = tls
        self._look_up = look_up
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # one request a target is all there ever is, and a hanging target must not delay the others
                keepalive_timeout=self._keep_alive,
                resolver=_Names(self._look_up),
                ssl=self._tls or True,
                socket_factory=_checked_socket,
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            trust_env=False,
            headers={"Accept": ACCEPT, "Accept-Encoding": "identity", "User-Agent": "llm-controlplane"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, place: str | URL, *, bearer: str | None = None, deadline: float | None = None) -> Body:
        """Fetch ``place``.

        Compressed answers cost the engine's event loop more than the network, so we ask for plain text; gzip is
        understood all the same.

        Args:
            place: what to fetch; a URL object that is kept saves taking the text apart each time.
            bearer: token for the Authorization header; it goes to this host only, as redirects are refused.
            deadline: real seconds for the whole answer; the limits' own when left out.

        Raises:
            SourceError: with the fault and, where it helps, a detail. Nothing of the body is in it.
        """
        if self._session is None:
            raise SourceError(Fault.INTERNAL, "the fetcher was not started")
        seconds = self._limits.deadline.total_seconds() if deadline is None else deadline
        headers = None if bearer is None else {"Authorization": f"Bearer {bearer}"}
        try:
            place = URL(place)
        except ValueError:
            raise SourceError(Fault.NAME, "not a URL") from None
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.get(place, headers=headers, allow_redirects=False) as answer,
            ):
                _check_status(answer)
                return Body(await self._read(answer), answer.headers.get("Content-Type", ""))
        except TimeoutError:
            raise SourceError(Fault.TIMEOUT, f"no whole page within {seconds:g} s") from None
        except _ForbiddenAddress as error:
            raise SourceError(Fault.FORBIDDEN, str(error)) from None
        except aiohttp.ClientError as error:
            raise _translated(error) from None
        except (OSError, ValueError) as error:
            raise SourceError(Fault.INTERNAL, type(error).__name__) from None

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        limit = self._limits.body
        encoding = _encoding(answer.headers)
        if answer.content_length is not None and answer.content_length > limit:
            raise SourceError(Fault.TOO_LARGE, f"announces {answer.content_length} bytes, {limit} are allowed")
        inflate = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        parts: list[bytes] = []
        size = 0
        while chunk := await answer.content.readany():
            piece = chunk if inflate is None else _inflated(inflate, chunk, limit - size + 1)
            size += len(piece)
            if size > limit:
                answer.close()
                raise SourceError(Fault.TOO_LARGE, f"more than {limit} bytes")
            parts.append(piece)
        body = b"".join(parts)
        if inflate is not None:
            if not inflate.eof:
                raise SourceError(Fault.TRUNCATED, "the gzip stream has no end")
        elif not _has_end(answer) and not body.endswith((b"# EOF\n", b"# EOF")):
            raise SourceError(
                Fault.TRUNCATED, "neither Content-Length nor chunks: a whole page cannot be told from half of one"
            )
        return body


def _check_status(answer: aiohttp.ClientResponse) -> None:
    status = answer.status
    if status == 200:
        return
    answer.close()
    if status in (401, 403):
        raise SourceError(Fault.UNAUTHORISED, f"HTTP {status}")
    if status in (301, 302, 303, 307, 308):
        raise SourceError(Fault.REDIRECT, f"HTTP {status}: name the final address instead")
    raise SourceError(Fault.STATUS, f"HTTP {status}")


def _encoding(headers: CIMultiDictProxy[str]) -> str:
    """``gzip`` or nothing; stacked and other encodings are refused."""
    said = ",".join(headers.getall("Content-Encoding", ())).strip().lower()
    transfer = ",".join(headers.getall("Transfer-Encoding", ())).strip().lower()
    if transfer not in ("", "chunked"):
        raise SourceError(Fault.ENCODING, "the transfer is encoded, which is not understood")
    if said in ("", "identity"):
        return ""
    if said in ("gzip", "x-gzip"):
        return "gzip"
    raise SourceError(Fault.ENCODING, "only gzip is understood, and only once")


def _inflated(stream: "zlib._Decompress", chunk: bytes, room: int) -> bytes:
    """Inflate one chunk to at most ``room`` bytes, one more than is allowed."""
    if stream.eof:
        raise SourceError(Fault.ENCODING, "something follows the gzip stream")
    try:
        piece = stream.decompress(chunk, room)
    except zlib.error:
        raise SourceError(Fault.ENCODING, "not gzip") from None
    if stream.unused_data:
        raise SourceError(Fault.ENCODING, "something follows the gzip stream")
    return piece


def _has_end(answer: aiohttp.ClientResponse) -> bool:
    return answer.content_length is not None or "Transfer-Encoding" in answer.headers


def _translated(error: aiohttp.ClientError) -> SourceError:
    """Our word for what the library says. The order matters: the narrow classes first."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return SourceError(Fault.NAME, error.host)
        case aiohttp.ClientConnectorCertificateError():
            return SourceError(Fault.TLS, "the certificate is not trusted")
        case aiohttp.ClientSSLError():
            return SourceError(Fault.TLS, "no TLS handshake; is it an http target?")
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return SourceError(Fault.REFUSED)
        case aiohttp.ClientConnectorError():
            return SourceError(Fault.UNREACHABLE, error.os_error.strerror or "")
        case aiohttp.ServerDisconnectedError():
            return SourceError(Fault.TRUNCATED, "the connection was closed before an answer")
        case aiohttp.ClientPayloadError() | aiohttp.ClientOSError():
            return SourceError(Fault.TRUNCATED, "the connection was closed within the answer")
        case aiohttp.InvalidURL():
            return SourceError(Fault.NAME, "not a URL")
        case aiohttp.ClientResponseError():
            return SourceError(Fault.MALFORMED, "the answer is not HTTP")
    return SourceError(Fault.INTERNAL, type(error).__name__)


def _checked_socket(info: AddrInfoType) -> socket.socket:
    """Make the socket for an address, after the last moment at which the address could have changed."""
    family, kind, protocol, _, address = info
    reason = forbidden(str(address[0]))
    if reason is not None:
        raise _ForbiddenAddress(reason)
    return socket.socket(family, kind, protocol)


class _Names(AbstractResolver):
    """Name lookups in threads of their own, so that a name server that hangs delays nobody else's work."""

    def __init__(self, look_up: Callable[..., Sequence[AddrInfoType]]) -> None:
        self._look_up = look_up
        self._threads = ThreadPoolExecutor(NAME_LOOKUPS, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        look_up = functools.partial(self._look_up, host, port, family, socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=family_,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for family_, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
