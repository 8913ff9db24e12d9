"""``controlplane explain ID``: why a decision was what it was, and whether it would be the same again.

The decision is thought again from what the ledger kept of that tick: the fleet as it was seen, what was known
of the past, and the policy. A different answer means that this version thinks otherwise than the one that decided.
"""

import argparse
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controlplane.cli.terminal import screen
from controlplane.errors import ControlPlaneError, NotFoundError, SettingsError
from controlplane.loop.ports import Kept
from controlplane.loop.replay import replay
from controlplane.model.decision import Check, Decision
from controlplane.model.keys import DecisionId, RecommendationId
from controlplane.model.units import Unit, text
from controlplane.settings.load import load
from controlplane.store.ledger import Ledger, open_ledger

HELP = "why a decision was what it was; thinks it again from what was kept"

SAME, DIFFERENT = 0, 1
"""Exit status."""


def add(parser: argparse.ArgumentParser) -> None:
    """What to explain, and where the ledger is."""
    parser.add_argument("id", help="a decision, a recommendation (its newest decision) or a change")
    parser.add_argument("file", nargs="?", default="fleet.yaml", help="fleet.yaml that names the ledger")
    parser.add_argument("--store", metavar="URL", help="the ledger itself, instead of a fleet.yaml")


def run(args: argparse.Namespace) -> int:
    """0: the same answer again; 1: another one; unknown ids and unreadable ledgers are errors (2)."""
    ledger = open_ledger(args.store or _store_of(args.file), read_only=True)
    try:
        kept = find(ledger, args.id)
    finally:
        ledger.close()
    console = screen()
    _tell(console, kept)
    try:
        lines = differences(kept.decisions, replay(kept).decisions)
    except (ControlPlaneError, ValueError) as error:
        lines = (f"it cannot be thought again: {error}",)
    if not lines:
        console.print("\nThought again from what was kept: [bold]same answer[/].")
        return SAME
    console.print("\nThought again from what was kept: [bold]not the same answer[/].")
    for line in lines:
        console.print(f"  {escape(line)}")
    return DIFFERENT


def _store_of(file: str) -> str:
    try:
        return load(file).store.url
    except SettingsError as error:
        raise ControlPlaneError(f"{error}\n(or name the ledger itself with --store URL)") from error


def find(ledger: Ledger, said: str) -> Kept:
    """What was kept of a decision, given its own id, a change's, or a recommendation's. Raises ``NotFoundError``."""
    wanted = said.removeprefix("chg-")
    kept = ledger.kept(DecisionId(wanted))
    if kept is not None:
        return kept
    of_recommendation = ledger.decisions(recommendation=RecommendationId(wanted), limit=1)
    for decision in of_recommendation:
        kept = ledger.kept(decision.id)
        if kept is not None:
            return kept
    siblings = ledger.decisions(recommendation=RecommendationId(wanted.rpartition("-")[0]), limit=2000)
    if of_recommendation or any(d.id == wanted for d in siblings):
        raise NotFoundError(f"{said} was decided too long ago: what it was made from is gone (store.keep_cycles)")
    raise NotFoundError(f"no decision, recommendation or change {said!r} in this ledger")


def differences(stored: Sequence[Decision], again: Sequence[Decision]) -> tuple[str, ...]:
    """What differs between the decisions of a tick and the same tick thought again; empty when nothing does."""
    before, after = ({d.recommendation_id: d for d in decisions} for decisions in (stored, again))
    lines: list[str] = []
    for id_, old in before.items():
        title, new = old.recommendation.title, after.get(id_)
        if new is None:
            lines.append(f"{id_} {title!r}: was decided, is not proposed now")
        else:
            lines += (f"{id_} {title!r}: {line}" for line in _changed(old, new))
    lines += (
        f"{id_} {new.recommendation.title!r}: is proposed now, was not then"
        for id_, new in after.items()
        if id_ not in before
    )
    if not lines and tuple(stored) != tuple(again):
        lines.append("the same decisions in another order")
    return tuple(lines)


def _changed(old: Decision, new: Decision) -> Iterable[str]:
    """Fields that differ, from the most to the least telling."""
    if old == new:
        return
    if old.verdict != new.verdict:
        yield f"verdict was {old.verdict}, is {new.verdict}"
    if old.because != new.because:
        yield f"reason was {old.because!r}, is {new.because!r}"
    was, now = ({c.guardrail: c for c in d.checks} for d in (old, new))
    for name in dict.fromkeys([*was, *now]):
        one, other = was.get(name), now.get(name)
        if one != other:
            yield f"check {name} was {_check(one)}, is {_check(other)}"
    if old.recommendation != new.recommendation:
        yield "the recommendation has other evidence, words or expectations"
    if (old.approved_by, old.at) != (new.approved_by, new.at):
        yield "it was approved or decided otherwise"


def _check(check: Check | None) -> str:
    if check is None:
        return "absent"
    return f"{check.number} ({'passed' if check.passed else 'objects'})".strip()


def _tell(console: Console, kept: Kept) -> None:
    """The decision and all it rests on."""
    decision, what = kept.decision, kept.decision.recommendation
    console.print(f"[bold]{escape(what.title)}[/]  ({what.kind}, role {escape(what.role)})")
    console.print(f"decision {decision.id} at {decision.at:%Y-%m-%d %H:%M:%S} UTC")
    approved = f", approved by {decision.approved_by}" if decision.approved_by else ""
    console.print(f"verdict  [bold]{decision.verdict}[/]: {escape(decision.because + approved)}")
    console.print(f"patch    {escape(str(what.patch))}")
    console.print(f"money    {text(what.effect.dollars_per_hour, Unit.DOLLARS_PER_HOUR)}; {escape(what.effect.words)}")
    console.print(f"sure     {what.confidence.level}: {escape('; '.join(what.confidence.reasons))}")
    expected = what.expectation
    console.print(
        f"expects  {expected.reading.about.words} {expected.comparison} {text(expected.limit, expected.reading.unit)} "
        f"within {text(expected.within.total_seconds(), Unit.SECONDS)}"
    )
    console.print("\nBecause")
    for sentence in what.because:
        console.print(f"  {escape(sentence)}")
    console.print("\nEvidence")
    for e in what.evidence:
        console.print(f"  {escape(str(e))}")
        if e.query:
            console.print(f"    [dim]{escape(e.query)}[/]")
    console.print()
    checks = _table("Checks", "guardrail", "", "number", "said")
    for c in decision.checks:
        checks.add_row(*map(escape, (c.guardrail, "passed" if c.passed else "objects", c.number, c.said)))
    console.print(checks)
    past = kept.past
    console.print(
        f"\nKnown then: roles {len(kept.fleet.roles)}, open findings {len(past.open_findings)}, "
        f"recommendations {len(past.recommendations)}, changes {len(past.changes)}; "
        f"the kill switch was {'on' if past.stop else 'off'}."
    )


def _table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, overflow="fold")
    return made
