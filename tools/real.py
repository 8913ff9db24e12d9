"""The real servers our tests run against: which, which version, where they are, how to get them.

``python tools/real.py list`` says what is there and what is missing; ``python tools/real.py get NAME...`` gets
what is missing and prints version and path of each. Nothing is installed next to the system's services and
nothing is started: Debian's Prometheus and Alertmanager are unpacked, and the inference simulator, Kubernetes
and KEDA are built, into a cache outside this tree (``$XDG_CACHE_HOME/llm-controlplane`` or
``~/.cache/llm-controlplane``). PostgreSQL and Chromium come as Debian packages where we may install them.

Only the standard library: this runs before anything of ours is set up.
"""

import argparse
import re
import sys
from pathlib import Path

if not __package__:  # run as a script: its own folder is on the path then, the one above is not
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.real_programs import MissingError, Server, numbers, run
from tools.real_table import ALONG, SERVERS


def version(server: Server, path: Path) -> str:
    """What the program says of itself."""
    if not server.version_arguments:
        return path.parent.name
    found = re.search(r"\d+(?:\.\d+)+", run([str(path), *server.version_arguments], limit=60))
    return found.group() if found else "0"


def find(name: str) -> tuple[Path, str] | None:
    """Path and version of a server that is there and new enough; ``None`` otherwise. Fetches nothing."""
    server = SERVERS[name]
    path = server.look()
    if path is None:
        return None
    said = version(server, path)
    return (path, said) if numbers(said) >= server.floor else None


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
            print(f"{name:24} {problem}", file=sys.stderr, flush=True)
        if found:
            print(f"{name:24} {found[1]:12} {found[0]}", flush=True)
            continue
        missing += 1
        print(f"{name:24} {'missing':12} {SERVERS[name].origin}; {how_to_get(name)}", flush=True)
    return 1 if missing and getattr(chosen, "require", False) else 0


if __name__ == "__main__":
    sys.exit(main())
