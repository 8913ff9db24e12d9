"""``controlplane demo``: a simulated fleet in trouble and the whole service, in one process and a temporary folder."""

import argparse
import logging
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random

from controlplane.cli.terminal import screen
from controlplane.clock import FastClock
from controlplane.settings.load import load
from controlplane.simulate.declared import PRICES, fleet_yaml
from controlplane.simulate.endpoints import SimulatedFleet
from controlplane.simulate.fleet import Fleet
from controlplane.simulate.litellm import Callback
from controlplane.simulate.mixed import PRICES as MIXED_PRICES
from controlplane.simulate.mixed import MixedStory, mixed_cluster
from controlplane.simulate.shape import ClusterShape
from controlplane.simulate.story import DemoStory, reference_cluster
from controlplane.wiring import Service, build

HELP = "a simulated fleet in trouble, the whole service and its pages; nothing else needed"

MODES = {"worker": "apply"}
"""The workers' bounds are moved without asking, within the guardrails; everything else asks."""

Telling = DemoStory | MixedStory
FLEETS: Mapping[str, tuple[Callable[[], ClusterShape], Callable[[], Telling], Mapping[str, float]]] = {
    "reference": (reference_cluster, DemoStory, PRICES),
    "mixed": (mixed_cluster, MixedStory, MIXED_PRICES),
}
"""What may be shown: the cluster, what happens in it, and what its GPUs cost."""

FASTEST = 120
"""Speed at which a tick of 15 s takes 125 ms: about what a walk and its pages need on a slow machine."""


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "--port", type=int, default=8700, metavar="N", help="port of the pages (default 8700; 0: a free one)"
    )
    parser.add_argument(
        "--speed", type=float, default=20.0, metavar="X", help="how much faster time runs, up to 120 (default 20)"
    )
    parser.add_argument("--for", dest="real_time", metavar="DURATION", help="end after this much real time: 90s, 3m")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--fleet",
        choices=tuple(FLEETS),
        default="reference",
        help="reference: trouble and its cures (default); mixed: MIG slices, a split role, pods that are not ours",
    )
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="another seed, another run (default 7)")


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted, or for the time asked for."""
    limit = None if args.real_time is None else _seconds(args.real_time)
    if limit == 0 or not 1 <= args.speed <= FASTEST or not 0 <= args.port <= 65535:
        print("demo: --for takes 90s, 3m or 1h; --speed 1 to 120; --port 0 to 65535", file=sys.stderr)
        return 2
    logging.getLogger("controlplane.collect").setLevel(logging.ERROR)  # the story stops and starts pods on purpose
    with tempfile.TemporaryDirectory(prefix="controlplane-demo-") as folder:
        return _show(args, Path(folder), limit)


def _show(args: argparse.Namespace, folder: Path, limit: float | None) -> int:
    make_cluster, make_story, prices = FLEETS[args.fleet]
    story, cluster = make_story(), make_cluster()
    targets, patches = folder / "targets.json", folder / "patches"
    patches.mkdir()
    clock = FastClock(args.speed)
    fleet = Fleet(cluster, story, Random(args.seed), clock.now() - story.opening)  # noqa: S311 - a simulation
    fleet.advance(clock.now())
    clock = FastClock(args.speed, epoch=fleet.now)
    simulated = SimulatedFleet(fleet, clock, targets_file=targets, patches=patches)
    simulated.start()
    timer: threading.Timer | None = None
    try:
        file = folder / "fleet.yaml"
        store = f"sqlite:///{folder / 'controlplane.db'}"
        text = fleet_yaml(
            cluster, targets_file=targets, patches=patches, store=store, port=args.port, modes=MODES, prices=prices
        )
        file.write_text(text, encoding="utf-8")
        service = build(load(file), clock=clock, note=_note(args.speed))
        if limit is not None:
            timer = threading.Timer(limit, service.stop)
            timer.daemon = True
            timer.start()
        told: list[Callback] = []

        def ready(url: str) -> None:
            callback = Callback(f"{url.rstrip('/')}/ingest/litellm", fleet.start)
            simulated.tell(callback)
            told.append(callback)
            _open(args, story, file, url)

        service.serve(ready=ready)
        _sum_up(service, simulated, told)
    finally:
        if timer is not None:
            timer.cancel()
        simulated.stop()
    return 0


def _note(speed: float) -> str:
    return f"Demo: a simulated fleet in trouble. Its time runs {speed:g} times faster than yours."


def _open(args: argparse.Namespace, story: Telling, file: Path, url: str) -> None:
    """Called when the pages can be reached."""
    console = screen()
    console.print(f"A simulated fleet and the whole service, {args.speed:g} times faster than life.")
    console.print(f"Pages: [bold]{url}[/bold]   settings: {file}\n")
    console.print("What will happen, in seconds of your time:")
    for at, what in story.told():
        console.print(f"  {at.total_seconds() / args.speed:4.0f} s  {what}")
    console.print("\nFindings follow some seconds after each: approve what is recommended and watch the fleet change.")
    console.print("Ctrl-C ends it.")
    if not args.no_browser:
        opener = threading.Thread(target=webbrowser.open, args=(url,), name="browser", daemon=True)
        opener.start()


def _sum_up(service: Service, simulated: SimulatedFleet, told: Sequence[Callback]) -> None:
    console = screen()
    for callback in told:
        lost = f"; {callback.lost} more were not taken" if callback.lost else ""
        console.print(f"\nThe router told of {callback.delivered} calls{lost}.")
    findings, recommendations = service.ledger.findings(), service.ledger.recommendations()
    console.print(f"\n{len(findings)} findings:")
    for found in reversed(findings):
        state = "open" if found.closed is None else f"closed {found.closed:%H:%M}"
        console.print(f"  {found.opened:%H:%M} {found.finding.role}: {found.finding.summary} ({state})")
    console.print(f"{len(recommendations)} recommendations:")
    for one in reversed(recommendations):
        console.print(f"  {one.opened:%H:%M} {one.recommendation.title} ({one.state})")
    if simulated.follower is not None and simulated.follower.applied:
        console.print("Changed in the simulated cluster: " + "; ".join(simulated.follower.applied))


def _seconds(text: str) -> float:
    """Seconds of ``90s``, ``3m``, ``1h``; 0 when it is none of these."""
    units = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.replace(".", "", 1).isdigit():
        return 0
    return float(number) * units[unit].total_seconds()
