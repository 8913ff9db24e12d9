"""``docs/detectors.md``, written from the code: what detectors, recommenders and guardrails do, and their settings."""

import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any

from controlplane.decide.guardrails import ALWAYS, DEFAULT_GUARDRAILS
from controlplane.detect import DEFAULT_DETECTORS
from controlplane.model.units import seconds_text
from controlplane.recommend import DEFAULT_RECOMMENDERS
from controlplane.settings.thinking import docstrings

HEAD = """# Detectors, recommenders, guardrails

Generated from `controlplane/detect/`, `controlplane/recommend/` and `controlplane/decide/`; do not edit. To write it
anew: `make artifacts`

Every setting below is a key in `fleet.yaml` under `detectors`, `recommenders` or `guardrails`, then the id:

```yaml
detectors:
  queue-buildup: {limit: 8, patience: 3m}
guardrails:
  cooldown: {tighten: 1h}
```

"""

DETECTORS = """## Detectors

Three rules hold for all of them:

- Nothing is said from half a window. Nine tenths of its ticks must be known, and the newest one; a value that is
  missing, not a number or stale is unknown, never zero. After our own restart the window has to be seen first.
- What is open stays the same finding, with the time it began, until it is *known* to be over: past a separate limit at
  least a tenth away, for a settling time. While its data is unknown it stays open and nothing is proposed for it.
- Trouble is told when at least 60 % of the replicas answer; idleness only when 90 % do.
"""

RECOMMENDERS = """## Recommenders

For each role with findings one change is proposed: the first of these that can be written. Where none can, the first is
shown as advice, with what is missing. Each carries its evidence with the query behind every number, what it costs or
saves, how sure it is and why, what can go wrong, the exact patch, and what must be true afterwards. If the guard of
that promise is past its limit for a whole settling time, the change is *worse* and its undo is proposed.
"""

GUARDRAILS = """## Guardrails

All are asked about every recommendation, and each can only object. One objection is enough to hold it. Objections
marked *ask* below are answered by a person's approval; no other one is.
"""

_DOUBLE = re.compile(r"(?<!`)``(?!`)")
"""Code in docstrings has two backticks, in Markdown one."""

MAY_ASK = {
    "mode": "in mode propose, and for engine flags",
    "approval": "when it has grown old: it is asked for again",
    "fresh-data": "when capacity is added and only the bounds in force are unknown",
    "own-bounds": "for an undo that takes a bound out again which the object did not name before",
    "step-limit": "for an undo",
    "budget": "when a price is unknown",
    "runaway": "always: others wait in the same queue, and a person may think them worth it",
    "blast-radius": "for engine flags",
    "error-budget": "for an undo",
    "learning": "in its first week; a person may decide earlier",
    "held-object": "where somebody else owns the field: the change becomes a patch file for them",
}
"""Where approval answers: checked against the guardrails' source by the tests."""


def markdown() -> str:
    """The whole page."""
    always = {guardrail.id for guardrail in ALWAYS}
    parts = [HEAD, DETECTORS, *_sections(DEFAULT_DETECTORS), RECOMMENDERS, *_sections(DEFAULT_RECOMMENDERS), GUARDRAILS]
    for guardrail in DEFAULT_GUARDRAILS:
        notes = ["Cannot be left out."] if guardrail.id in always else []
        if guardrail.id in MAY_ASK:
            notes.append(f"*ask*: {MAY_ASK[guardrail.id]}.")
        parts.append(_section(guardrail, notes))
    return _DOUBLE.sub("`", "\n".join(parts)).rstrip() + "\n"


def _sections(things: Sequence[Any]) -> Iterable[str]:
    for thing in things:
        needs = getattr(thing, "needs", ())
        notes = ["Needs " + ", ".join(f"`{reading.value}`" for reading in needs) + "."] if needs else []
        yield _section(thing, notes)


def _section(thing: Any, notes: Sequence[str]) -> str:
    kind = type(thing)
    idea = inspect.getdoc(sys.modules[kind.__module__]) or ""
    lines = [f"### {thing.id}", "", idea, "", inspect.getdoc(kind) or "", ""]
    if notes:
        lines += [" ".join(notes), ""]
    docs = docstrings(kind)
    if fields(kind):
        lines += ["| setting | default | meaning |", "|---|---|---|"]
        lines += [
            f"| `{field.name}` | {_written(getattr(thing, field.name))} | {' '.join(docs[field.name].split())} |"
            for field in fields(kind)
        ]
        lines.append("")
    return "\n".join(lines)


def _written(value: object) -> str:
    if isinstance(value, timedelta):
        return seconds_text(value.total_seconds())
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, int | float) else "none"
