"""``controlplane serve fleet.yaml``: the service until it is told to stop."""

import argparse
import logging
from pathlib import Path

from controlplane.settings.load import load
from controlplane.wiring import build

HELP = "the service: the walk, API, pages, /metrics"


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("file", type=Path, metavar="FLEET_YAML", help="the fleet")
    parser.add_argument("-v", "--verbose", action="store_true", help="log what the loops do")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    level = logging.INFO if args.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    service = build(load(args.file))
    service.serve(ready=lambda url: print(f"controlplane serves {service.settings.fleet} on {url}", flush=True))
    return 0
