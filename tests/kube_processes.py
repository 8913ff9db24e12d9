"""Processes of a test's cluster, to be started, ended, killed, held and started again, each by its name."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

Seen = TypeVar("Seen")


def until(look: Callable[[], Seen | None], *, within: float = 30, why: Callable[[], object] = lambda: "") -> Seen:
    """Look every 50 ms until there is something (true) to see; its value. ``why`` is said when there never is."""
    deadline = time.monotonic() + within  # noqa: TID251 – a real server takes real time
    pause = threading.Event()
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:  # noqa: TID251
            raise AssertionError(f"nothing after {within:g} s: last seen {seen!r} {why()}")
        pause.wait(0.05)


@dataclass
class Process:
    """One program: how it is run, and whether it answers."""

    name: str
    command: Sequence[str | Path]
    log: Path
    ready: Callable[[], bool]
    """Whether it answers; asked while it runs."""
    environment: Mapping[str, str] = field(default_factory=dict)
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it; :meth:`wait` waits until it answers."""
        assert self.running is None or self.running.poll() is not None, f"{self.name} is running"
        with self.log.open("ab") as sink:
            self.running = subprocess.Popen(
                [str(part) for part in self.command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                cwd=self.log.parent,
                start_new_session=True,
            )

    def wait(self, within: float = 60) -> None:
        """Wait until it answers."""
        until(self._answers, within=within, why=lambda: f"{self.name} is not ready\n{self.tail()}")

    def stop(self) -> None:
        """End it politely, then less so; it is gone afterwards. A held one is let go so that it can hear."""
        if self.running is None:
            return
        if self.running.poll() is None:
            self.running.send_signal(signal.SIGCONT)
            self.running.terminate()
        try:
            self.running.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
        self.running = None

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self.running is not None:
            self.running.kill()
            self.running.wait(10)
            self.running = None

    def hold(self) -> None:
        """Let it hang: its connections stay open and nothing answers."""
        assert self.running is not None, f"{self.name} is not running"
        self.running.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let a held one go on."""
        assert self.running is not None, f"{self.name} is not running"
        self.running.send_signal(signal.SIGCONT)

    def tail(self, lines: int = 15) -> str:
        """The end of what it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _answers(self) -> bool:
        assert self.running is not None
        if (status := self.running.poll()) is not None:
            raise AssertionError(f"{self.name} ended with status {status}\n{self.tail()}")
        return self.ready()
