"""Calls come in: LiteLLM and tracers post them, and nothing is acknowledged before it is durable.

A delivery is read and taken in a worker thread, one at a time, so that a large one keeps no page waiting. What comes
in is bounded before and after it is unpacked.
"""

import asyncio
import logging
import zlib
from collections.abc import Callable, Sequence

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from controlplane.errors import SourceError, StoreError
from controlplane.model.page import Fault
from controlplane.model.session import Batch, Call, Taken

log = logging.getLogger(__name__)

LITELLM = "/ingest/litellm"
"""Where LiteLLM's ``generic_api`` callback posts."""
TRACES = "/v1/traces"
"""Where OTLP/HTTP exporters post; the path is the protocol's own."""
PATHS = frozenset({LITELLM, TRACES})

LARGEST = 32 * 2**20
"""Bytes of one delivery, packed or not. 512 calls of LiteLLM without their prompts are 7 MiB."""
TOO_LARGE = {
    LITELLM: "a delivery may have 32 MiB; set litellm_settings.turn_off_message_logging: true, "
    "or a smaller DEFAULT_BATCH_SIZE in LiteLLM's environment",
    TRACES: "a delivery may have 32 MiB; keep prompts and answers out of the spans, or export fewer of them at once",
}
"""What to do about a delivery that is too large, by path."""

PATIENCE = 30.0
"""Seconds a sender may take for one delivery."""
MOST_HELD = 8 * LARGEST
"""Bytes of all deliveries that are on their way. Bytes, not deliveries: with ``log_format: single`` LiteLLM posts
hundreds of small ones at once, and sends none of them again."""


class _FullError(Exception):
    """No more can be held."""


class _Room:
    """The bytes that are held."""

    def __init__(self) -> None:
        self.left = MOST_HELD

    def take(self, size: int) -> None:
        if size > self.left:
            raise _FullError
        self.left -= size


def intake_router(path: str, read: Callable[[bytes, str], Batch], take: Callable[[Sequence[Call]], Taken]) -> APIRouter:
    """The route a session source posts to.

    Args:
        path: :data:`LITELLM` or :data:`TRACES`.
        read: understands a body of that content type, or raises ``SourceError``.
        take: keeps calls for good, or raises ``StoreError``.
    """
    routes = APIRouter(include_in_schema=False)
    one_at_a_time, room = CapacityLimiter(1), _Room()

    def taken(body: bytes, packed: bool, content_type: str) -> tuple[Batch, Taken]:  # noqa: FBT001  runs in a thread
        batch = read(_unpacked(body) if packed else body, content_type)
        return batch, take(batch.calls) if batch.calls else Taken(0, 0)

    @routes.post(path)
    async def intake(request: Request) -> Response:
        packing = request.headers.get("content-encoding", "identity").strip().lower()
        if packing not in {"identity", "gzip"}:
            return _refused(415, f"{packing[:20]!a} is not understood; send gzip, or no Content-Encoding")
        pieces: list[bytes] = []
        try:
            await _collect(request, pieces, room)
            body = b"".join(pieces)
            content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            batch, told = await to_thread.run_sync(taken, body, packing == "gzip", content_type, limiter=one_at_a_time)
        except _FullError:
            return _refused(503, "too much is on its way at once; send this again", retry_after=1)
        except ClientDisconnect:
            return _refused(400, "the sender went away")
        except TimeoutError:
            return _refused(408, f"the delivery took longer than {PATIENCE:.0f} s")
        except SourceError as error:
            if error.fault is Fault.TOO_LARGE:
                return _refused(413, TOO_LARGE[path])
            return _refused(400, error.detail)
        except StoreError as error:
            return _refused(503, f"nothing of this delivery was kept: {error}", retry_after=5)
        finally:
            room.left += sum(map(len, pieces))
        if path == TRACES:
            return _empty_response(content_type)
        return JSONResponse({"new": told.new, "known": told.known, "skipped": dict(batch.skipped)})

    return routes


async def _collect(request: Request, pieces: list[bytes], room: _Room) -> None:
    size = 0
    async with asyncio.timeout(PATIENCE):
        async for piece in request.stream():
            size += len(piece)
            if size > LARGEST:
                raise SourceError(Fault.TOO_LARGE)
            room.take(len(piece))
            pieces.append(piece)


def _unpacked(body: bytes) -> bytes:
    """A gzip body, of one member or several; never more of it than fits."""
    pieces, room = [], LARGEST + 1
    while body:
        gzip = zlib.decompressobj(wbits=31)
        try:
            piece = gzip.decompress(body, room)
        except zlib.error:
            raise SourceError(Fault.ENCODING, "the body is not gzip") from None
        pieces.append(piece)
        room -= len(piece)
        if room <= 0:
            raise SourceError(Fault.TOO_LARGE)
        if not gzip.eof:
            raise SourceError(Fault.TRUNCATED, "the body ends in the middle of its gzip")
        body = gzip.unused_data
    return b"".join(pieces)


def _empty_response(content_type: str) -> Response:
    """An ``ExportTraceServiceResponse`` that refuses nothing is empty, in either encoding."""
    if content_type == "application/json":
        return JSONResponse({})
    return Response(b"", media_type="application/x-protobuf")


def _refused(status: int, detail: str, retry_after: int | None = None) -> Response:
    log.warning("a delivery of calls was refused (%d): %s", status, detail)
    problem = {"type": "about:blank", "title": "Not taken", "status": status, "detail": detail}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return JSONResponse(problem, status_code=status, headers=headers, media_type="application/problem+json")
