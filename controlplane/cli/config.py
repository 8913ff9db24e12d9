"""``controlplane config check|explain|schema``: is this fleet.yaml right, and what does it really say?"""

import argparse
from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from controlplane.cli.terminal import screen
from controlplane.model.role import RoleSpec
from controlplane.settings.explain import DEFAULT, Row, rows
from controlplane.settings.json_schema import schema_text
from controlplane.settings.load import load, load_with_lines
from controlplane.settings.roles import Role
from controlplane.settings.schema import Settings

HELP = "check a fleet.yaml, explain every setting in force, or print its JSON schema"


def add(parser: argparse.ArgumentParser) -> None:
    """The three sub-commands."""
    commands = parser.add_subparsers(dest="config_command", required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="all problems, one clear line each; or what the file amounts to")
    check.add_argument("file")
    explain = commands.add_parser("explain", help="every setting in force: value, where it comes from, meaning")
    explain.add_argument("file")
    explain.add_argument("key", nargs="?", default="", help="only what begins with, or contains, this key")
    commands.add_parser("schema", help="the JSON schema, for editors")


def run(args: argparse.Namespace) -> int:
    """Wrong files raise ``SettingsError``, which the command line prints with status 2."""
    match args.config_command:
        case "check":
            print("\n".join(summary(args.file, load(args.file))))
        case "explain":
            return _explain(args.file, args.key)
        case _:
            print(schema_text(), end="")
    return 0


def summary(file: str, settings: Settings) -> Iterable[str]:
    """What a good file amounts to, in a few lines."""
    specs = settings.role_specs()
    yield f"{file}: OK, fleet {settings.fleet}, {len(specs)} role{'s' if len(specs) != 1 else ''}, {_money(specs)}"
    width = max(len(spec.name) for spec in specs)
    for spec in specs:
        gpus = "GPUs unknown" if spec.gpus.type == "unknown" else f"{spec.gpus.per_replica:g} × {spec.gpus.type}"
        gpus += f" {spec.gpus.mig}" if spec.gpus.mig else ""
        bounds = f"{spec.replicas.min}–{spec.replicas.max} replicas"
        seen = watched(settings.roles[spec.name], settings)
        yield f"  {spec.name:<{width}}  {spec.engine:<9}  {bounds:<14}  {gpus:<26}  {spec.mode:<7}  {seen}"


def _money(specs: tuple[RoleSpec, ...]) -> str:
    prices = [(spec.dollars_per_replica, spec.replicas) for spec in specs]
    if any(price is None for price, _ in prices):
        return "cost unknown (a role has no priced GPUs)"
    least = sum((price or 0) * bounds.min for price, bounds in prices)
    most = sum((price or 0) * bounds.max for price, bounds in prices)
    return f"${least:.2f}/h at least, ${most:.2f}/h at most"


def watched(role: Role, settings: Settings) -> str:
    """How the role is seen, in words."""
    sources = settings.sources
    ways = []
    if sources.prometheus:
        labels = ",".join(f'{k}="{v}"' for k, v in sorted(role.matchers().items()))
        ways.append(f"Prometheus {{{labels}}}")
    if role.targets:
        ways.append(f"scraped at {len(role.targets)} address{'es' if len(role.targets) > 1 else ''}")
    if role.pods:
        ways.append(f"scraped at pods {role.pods.namespace} {role.pods.selector}")
    if sources.targets_file and not ways:
        ways.append(f"targets of {sources.targets_file.name}")
    if role.scaled_object and (sources.kubernetes or sources.kube_state_metrics):
        ways.append(str(role.scaled_object))
    return ", ".join(ways)


def _explain(file: str, key: str) -> int:
    wanted = [row for row in rows(load_with_lines(file)) if row.key.startswith(key) or f".{key}" in row.key]
    if not wanted:
        print(f"{file}: no setting begins with or contains {key}")
        return 2
    screen().print(_table(wanted))
    return 0


def _table(wanted: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold", max_width=40)
    table.add_column("from", no_wrap=True)
    table.add_column("meaning", overflow="fold", ratio=1)
    for row in wanted:
        cells = (row.key, row.value, row.origin, row.words.replace("``", ""))
        table.add_row(*map(escape, cells), style="dim" if row.origin == DEFAULT else "")
    return table
