"""How commands print: tables as wide as the terminal, and never folded into 80 columns for a pipe or a file."""

import sys

from rich.console import Console

PIPED_WIDTH = 200
"""Columns where nobody's window sets them: queries and metric names stay on one line."""


def screen() -> Console:
    """A console on standard output."""
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPED_WIDTH)
