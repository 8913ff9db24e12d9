"""Start a real server for a test, wait until it answers, end it, and show its log when it does not."""

import contextlib
import http.client
import os
import pwd
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
DEAD = (urllib.error.URLError, http.client.HTTPException, OSError)


def free_port() -> int:
    """A port of the loopback address that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answered its readiness question."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str

    def tail(self, lines: int = 30) -> str:
        """The end of what it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP makes it hang, SIGCONT lets it go on."""
        self.process.send_signal(number)


def answers(url: str, *, timeout: float = 2) -> bool:
    """Whether ``url`` answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as reply:
            reply.read()
            return bool(reply.status == http.HTTPStatus.OK)
    except DEAD:
        return False


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    ready: str,
    url: str = "",
    within: float = 60,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
) -> Iterator[RunningServer]:
    """Start ``command``, wait until ``ready`` answers 200, hand it over, and end it afterwards.

    Args:
        command: program and arguments.
        log: file for its standard output and error.
        ready: URL that answers 200 once it serves; ``tcp:PORT`` waits for the port to accept instead.
        url: what the server is called by tests; ``ready`` without its path when empty.
        within: seconds it may take to become ready.
        environment: variables on top of ours.
        user: run as this user (we must be root then).
    """
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
            start_new_session=True,
        )
    server = RunningServer(process, log, url or ready.rsplit("/", 1)[0])
    try:
        _wait(server, ready, within)
        yield server
    finally:
        _end(process)


def _wait(server: RunningServer, ready: str, within: float) -> None:
    deadline = time.monotonic() + within  # noqa: TID251 – a real server takes real time
    pause = threading.Event()
    while True:
        if (status := server.process.poll()) is not None:
            raise AssertionError(f"{server.process.args!r} ended with status {status}\n{server.tail()}")
        if _accepts(int(ready[4:])) if ready.startswith("tcp:") else answers(ready):
            return
        if time.monotonic() > deadline:  # noqa: TID251
            raise AssertionError(f"{server.process.args!r} was not ready after {within:g} s\n{server.tail()}")
        pause.wait(0.05)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask politely, then insist; a stopped process is woken so that it can hear."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGCONT)
        process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
