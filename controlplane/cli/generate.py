"""``controlplane generate``: rules, dashboards and manifests from fleet.yaml, or a check that they are not old."""

import argparse
from pathlib import Path

from controlplane.generate.output import drift, files, write
from controlplane.settings.load import load_with_lines

HELP = "write Prometheus rules, Grafana dashboards and manifests"


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.add_argument("file", help="fleet.yaml")
    parser.add_argument("-o", "--output", default=".", metavar="DIR", help="where rules/, dashboards/, manifests/ go")
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 when a file is not up to date")


def run(args: argparse.Namespace) -> int:
    """0: done, or up to date. 1: ``--check`` found drift."""
    made = files(load_with_lines(args.file), Path(args.file).read_text(encoding="utf-8-sig"))
    root = Path(args.output)
    if args.check:
        old = drift(made, root)
        for item in old:
            print(f"{item.path}: {item.what}; run controlplane generate {args.file}")
        if not old:
            print(f"{len(made)} files are up to date")
        return 1 if old else 0
    touched = write(made, root)
    for path in touched:
        print(path if path in made else f"{path} (removed)")
    print(f"{len(made)} files, {len(touched)} changed")
    return 0
