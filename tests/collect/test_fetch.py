"""Fetching over real HTTP, from servers that behave badly in every way we know."""

import asyncio
import gzip
import socket
import ssl
import subprocess
import sys
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.collect.exposition import parse
from controlplane.collect.fetch import Body, Fetcher
from controlplane.collect.limits import Limits
from controlplane.errors import ExpositionError, SourceError
from controlplane.model.page import Fault
from tests.collect.pages import real
from tests.collect.wire import Say, chunked, head, whole, wire

PAGE = real("litellm-1.109.1-idle")
GZIP = "Content-Encoding: gzip"
LIMITS = Limits(deadline=timedelta(seconds=5))


async def get(url: str, limits: Limits = LIMITS, **more: str | float | None) -> Body:
    async with Fetcher(limits) as fetcher:
        return await fetcher.get(url, **more)  # type: ignore[arg-type]


async def fault_of(say: bytes | Say, limits: Limits = LIMITS) -> tuple[Fault, str]:
    """How fetching ends when the server says this."""
    async with wire(say) as server:
        with pytest.raises(SourceError) as caught:
            await get(server.url, limits)
    return caught.value.fault, caught.value.detail


# --- good answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(whole(PAGE), id="content-length"),
        pytest.param(chunked(PAGE), id="chunked"),
        pytest.param(whole(gzip.compress(PAGE), GZIP), id="gzip"),
        pytest.param(head(GZIP) + gzip.compress(PAGE), id="gzip until the connection closes"),
        pytest.param(whole(PAGE, "Content-Encoding: identity"), id="identity"),
    ],
)
async def test_a_whole_answer_is_given_back_as_it_was(say: bytes):
    async with wire(say) as server:
        assert (await get(server.url)).data == PAGE


async def test_an_end_mark_makes_a_page_without_length_whole():
    async with wire(head("Content-Type: application/openmetrics-text") + b"a 1\n# EOF\n") as server:
        body = await get(server.url)
    assert body == Body(b"a 1\n# EOF\n", "application/openmetrics-text")


async def test_the_token_is_shown_and_nothing_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with wire(whole(PAGE)) as server:
        await get(server.url, bearer="s3cret")
        [request] = server.requests
    assert b"Authorization: Bearer s3cret\r\n" in request
    assert b"Accept-Encoding: identity\r\n" in request


async def test_a_connection_is_used_again():
    met = 0

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal met
        met += 1
        writer.write(whole(PAGE))
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(whole(PAGE))

    async with wire(say) as server, Fetcher(LIMITS) as fetcher:
        for _ in range(3):
            assert (await fetcher.get(server.url)).data == PAGE
    assert met == 1


# --- answers that are no pages ------------------------------------------------------------------------------------

STATUSES: Mapping[str, Fault] = {
    "401 Unauthorized": Fault.UNAUTHORISED,
    "403 Forbidden": Fault.UNAUTHORISED,
    "404 Not Found": Fault.STATUS,
    "500 Oops": Fault.STATUS,
    "503 Busy": Fault.STATUS,
    "204 No Content": Fault.STATUS,
    "206 Partial": Fault.STATUS,
}


@pytest.mark.parametrize(("status", "fault"), STATUSES.items())
async def test_another_status_is_told_without_the_body(status: str, fault: Fault):
    body = b"" if status.startswith("204") else b"secret"
    said, detail = await fault_of(whole(body, status=status))
    assert (said, detail) == (fault, f"HTTP {status[:3]}")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_refused_and_not_followed(status: str):
    async with wire(whole(PAGE)) as inner:
        fault, _ = await fault_of(whole(b"", f"Location: {inner.url}", status=status))
        assert fault is Fault.REDIRECT
        assert inner.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Encoding: deflate",
        "Content-Encoding: br",
        "Content-Encoding: gzip, gzip",
        "Content-Encoding: gzip\r\nContent-Encoding: gzip",
        "Content-Encoding: identity, gzip",
        "Content-Encoding: nonsense",
    ],
)
async def test_other_and_stacked_encodings_are_refused(headers: str):
    fault, _ = await fault_of(whole(zlib.compress(PAGE), headers))
    assert fault is Fault.ENCODING


async def test_gzip_inside_the_transfer_is_refused():
    body = gzip.compress(PAGE)
    fault, _ = await fault_of(head("Transfer-Encoding: gzip, chunked") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert fault is Fault.ENCODING


@pytest.mark.parametrize(
    "body",
    [b"not gzip at all", gzip.compress(PAGE) + b"more", gzip.compress(PAGE) + gzip.compress(PAGE)],
    ids=["not gzip", "something after it", "two of them"],
)
async def test_what_is_not_one_gzip_stream_is_refused(body: bytes):
    fault, _ = await fault_of(whole(body, GZIP))
    assert fault is Fault.ENCODING


@pytest.mark.parametrize(
    "say",
    [b"\x00\x01\x02 garbage\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", head("X: " + "y" * 100_000), b"HTTP/1.1 abc\r\n\r\n"],
)
async def test_what_is_not_http_is_said_so(say: bytes):
    fault, _ = await fault_of(say)
    assert fault is Fault.MALFORMED


async def test_a_server_that_closes_without_an_answer():
    assert (await fault_of(b""))[0] is Fault.TRUNCATED


# --- cut short ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "say", [whole(PAGE), chunked(PAGE), whole(gzip.compress(PAGE), GZIP)], ids=["content-length", "chunked", "gzip"]
)
async def test_an_answer_cut_at_any_byte_is_never_a_page(say: bytes):
    """Every byte of a small real page, head included; the last cut is the whole answer."""
    async with wire() as server, Fetcher(LIMITS) as fetcher:
        for end in range(len(say)):
            server.say = say[:end]
            with pytest.raises(SourceError) as caught:
                await fetcher.get(server.url)
            assert caught.value.fault in (Fault.TRUNCATED, Fault.MALFORMED), (end, caught.value)
        server.say = say
        assert (await fetcher.get(server.url)).data == PAGE


async def test_a_big_page_cut_between_lines_is_never_a_page():
    """Half of classic text, cut where a line ends, is itself valid text: only HTTP can tell."""
    body = real("vllm-0.32.0-planner-1")
    answer = whole(body)
    ends = [i + 1 for i, byte in enumerate(answer) if byte == 10 and i > len(answer) - len(body)][::8]
    async with wire() as server, Fetcher(LIMITS) as fetcher:
        for end in ends[:-1]:
            server.say = answer[:end]
            with pytest.raises(SourceError) as caught:
                await fetcher.get(server.url)
            assert caught.value.fault is Fault.TRUNCATED


async def test_a_page_whose_end_cannot_be_told_is_refused():
    fault, detail = await fault_of(head() + PAGE)
    assert fault is Fault.TRUNCATED
    assert "neither Content-Length nor chunks" in detail


async def test_a_reset_within_the_body():
    async def say(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(whole(PAGE)[:200])
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    assert (await fault_of(say))[0] is Fault.TRUNCATED


# --- too slow -----------------------------------------------------------------------------------------------------

HURRIED = replace(LIMITS, deadline=timedelta(seconds=0.4))


async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def hang_in_the_body(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(whole(PAGE)[:300])
    await asyncio.sleep(5)


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in whole(PAGE):
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("say", [hang, hang_in_the_body, drip])
async def test_the_deadline_is_for_the_whole_answer(say: Say):
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await fault_of(say, HURRIED))[0] is Fault.TIMEOUT
    assert loop.time() - began < 2


# --- nobody there -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://127.0.0.1:1/metrics", Fault.REFUSED),
        ("http://nobody.invalid/metrics", Fault.NAME),
        ("http://169.254.169.254/latest/meta-data", Fault.FORBIDDEN),
        ("http://[fe80::1]/metrics", Fault.FORBIDDEN),
        ("http://[::ffff:169.254.169.254]/metrics", Fault.FORBIDDEN),
        ("http://[64:ff9b::a9fe:a9fe]/metrics", Fault.FORBIDDEN),
        ("http://[fd00:ec2::254]/metrics", Fault.FORBIDDEN),
        ("http://[::1", Fault.NAME),
    ],
)
async def test_an_address_that_gives_nothing(url: str, fault: Fault):
    with pytest.raises(SourceError) as caught:
        await get(url)
    assert caught.value.fault is fault


async def test_a_name_that_leads_to_a_forbidden_address_is_refused_when_connecting():
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    async with Fetcher(LIMITS, look_up=lambda *_args: answers) as fetcher:
        with pytest.raises(SourceError) as caught:
            await fetcher.get("http://innocent.example/metrics")
    assert caught.value.fault is Fault.FORBIDDEN


async def test_https_to_a_server_without_it():
    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(meet, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    with pytest.raises(SourceError) as caught:
        await get(f"https://127.0.0.1:{port}/metrics")
    listening.close()
    assert caught.value.fault is Fault.TLS


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server that nobody vouches for, and its certificate."""
    folder = tmp_path_factory.mktemp("tls")
    ask = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=127.0.0.1"
    san = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key", "-out", "cert"]
    subprocess.run([*ask.split(), *san], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    return context, folder / "cert"


async def test_a_certificate_is_verified(stranger: tuple[ssl.SSLContext, Path]):
    async with wire(whole(PAGE), tls=stranger[0]) as server:
        with pytest.raises(SourceError) as caught:
            await get(server.url)
    assert caught.value.fault is Fault.TLS


async def test_a_certificate_of_our_own_authority_is_trusted(stranger: tuple[ssl.SSLContext, Path]):
    trust = ssl.create_default_context(cafile=stranger[1])
    async with wire(whole(PAGE), tls=stranger[0]) as server, Fetcher(LIMITS, tls=trust) as fetcher:
        assert (await fetcher.get(server.url)).data == PAGE


async def test_a_token_that_is_no_header_is_our_own_fault_and_is_not_shown():
    async with wire(whole(PAGE)) as server:
        with pytest.raises(SourceError) as caught:
            await get(server.url, bearer="s3cret\r\nX: y")
    assert caught.value.fault is Fault.INTERNAL
    assert "s3cret" not in str(caught.value)


# --- too large ----------------------------------------------------------------------------------------------------


async def test_an_announced_giant_is_not_read():
    assert (await fault_of(head("Content-Length: 99999999999")))[0] is Fault.TOO_LARGE


async def test_a_body_over_the_limit_is_left_in_the_middle():
    fault, _ = await fault_of(chunked(b"a 1\n" * 10_000, size=5000), replace(LIMITS, body=10_000))
    assert fault is Fault.TOO_LARGE


async def test_the_limit_counts_inflated_bytes():
    packed = gzip.compress(b"#" * 10_001)
    assert len(packed) < 100
    assert (await fault_of(whole(packed, GZIP), replace(LIMITS, body=10_000)))[0] is Fault.TOO_LARGE


BOMB = """
import asyncio, gzip, resource
from controlplane.collect.fetch import Fetcher
from controlplane.collect.limits import Limits
from controlplane.errors import SourceError
from tests.collect.wire import whole, wire
import zlib

def bomb():
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(bytes(2**20)) for _ in range(200)]
    return b"".join([*parts, packer.flush()])

async def main():
    packed = bomb()
    async with wire(whole(packed, "Content-Encoding: gzip")) as server, Fetcher(Limits()) as fetcher:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            await fetcher.get(server.url)
        except SourceError as error:
            print(error.fault.name, len(packed), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


def test_a_bomb_of_200_mb_costs_little_more_than_the_limit():
    done = subprocess.run([sys.executable, "-c", BOMB], capture_output=True, text=True, timeout=120, check=True)
    fault, packed, grown_kib = done.stdout.split()
    assert fault == "TOO_LARGE"
    assert int(packed) < 250_000
    assert int(grown_kib) < 40 * 1024, f"grew by {int(grown_kib) // 1024} MiB for a limit of 16 MiB"


# --- a page of something else ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html>\n<html><body>nginx</body></html>\n",
        b'{"status": "ok"}\n',
        bytes(range(256)),
        "Überraschung\n".encode("latin-1"),
        b"ok",
        b"ok\n",
    ],
)
async def test_garbage_with_status_200_is_no_page(body: bytes):
    async with wire(whole(body)) as server:
        fetched = await get(server.url)
    with pytest.raises(ExpositionError):
        parse(fetched.data)
