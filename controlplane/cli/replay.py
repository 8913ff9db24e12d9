"""``controlplane replay``: recorded metrics pages as live targets, to see what we would have said."""

import argparse
import sys
from pathlib import Path

from rich.markup import escape

from controlplane.cli.terminal import screen
from controlplane.clock import FastClock
from controlplane.simulate.recording import Series, read_recording
from controlplane.simulate.replay import Replay, fleet_yaml_for

HELP = "serve recorded metrics pages as live targets"


def add(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="folder or .tar.gz with manifest.jsonl files in it")
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="port of the first series (default: free ones)"
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        metavar="X",
        help="play X times faster; rates and latencies then look X times as they were (default 1)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until the recording ends or somebody interrupts."""
    if not 0.1 <= args.speed <= 1000:
        print("--speed takes a number from 0.1 to 1000", file=sys.stderr)
        return 2
    series = read_recording(args.dir)
    replay = Replay(series, FastClock(args.speed), port=args.port)
    try:
        replay.start()
    except OSError as error:
        print(f"cannot listen: {error.strerror}; choose another --port", file=sys.stderr)
        return 2
    try:
        _tell(series, replay, args.speed)
        while not replay.wait(0.5):
            pass
        print("the recording is over")
    finally:
        replay.stop()
    return 0


def _tell(series: tuple[Series, ...], replay: Replay, speed: float) -> None:
    console = screen()
    longest = max(s.end for s in series) / speed
    console.print(f"Playing {len(series)} series for {longest:.0f} s:")
    for one in series:
        failed = sum(s.body is None for s in one.shots)
        words = f"{len(one.shots)} pages every {one.step:.0f} s" + (f", {failed} of them refused" if failed else "")
        console.print(f"  {one.name}: [bold]{replay.urls[one.name]}[/bold] ({words})")
    console.print("\nWatch it with this fleet.yaml and [bold]controlplane serve fleet.yaml[/bold]:\n")
    console.print(escape(fleet_yaml_for(series, replay.urls)))
