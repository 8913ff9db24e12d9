"""The command line: a table of commands, one file each, imported only when asked for."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from controlplane import __version__
from controlplane.errors import ControlPlaneError

COMMANDS = {
    "demo": "a simulated fleet in trouble, the whole service and its pages; nothing else needed",
    "inspect": "one metrics page, understood: engine, version, readings, what is missing",
    "init": "write a first fleet.yaml from what is there",
    "config": "check or explain a fleet.yaml; print its JSON schema",
    "serve": "the service: the walk, API, pages, /metrics",
    "generate": "write Prometheus rules, Grafana dashboards and manifests",
    "doctor": "what is really deployed, held against what is known to bite; each row names the fix",
    "explain": "why a decision was what it was",
    "replay": "serve recorded metrics pages as live targets",
}
"""Name and one line of help; the module is ``controlplane.cli.<name>``."""


def parser(wanted: str | None = None) -> argparse.ArgumentParser:
    """The whole command line; only ``wanted`` gets its arguments (the others are not imported)."""
    top = argparse.ArgumentParser(prog="controlplane", description="Control plane for self-hosted LLM fleets.")
    top.add_argument("--version", action="version", version=f"controlplane {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, words in COMMANDS.items():
        sub = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if name == wanted:
            importlib.import_module(f"controlplane.cli.{name}").add(sub)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. A user's mistake is one clear line and status 2."""
    given = list(sys.argv[1:] if argv is None else argv)
    wanted = next((word for word in given if word in COMMANDS), None)
    args = parser(wanted).parse_args(given)
    try:
        return int(importlib.import_module(f"controlplane.cli.{args.command}").run(args))
    except ControlPlaneError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
