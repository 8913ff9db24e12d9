"""Activity: the row of filters above the timeline; the address holds them all."""

from dataclasses import dataclass
from datetime import timedelta

from controlplane.model.keys import RoleName
from controlplane.web import links
from controlplane.web.views.events import EventKind
from controlplane.web.views.recommendations import Choice

SPANS = {
    "24h": ("24 h", timedelta(hours=24)),
    "7d": ("7 d", timedelta(days=7)),
    "30d": ("30 d", timedelta(days=30)),
}
"""Value of ``?range=`` → its words and length."""

USUAL_SPAN = "24h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The filters."""

    kinds: tuple[Choice, ...]
    spans: tuple[Choice, ...]


def choices(*, kind: str, role: RoleName | None, span: str) -> Choices:
    """Links that change one filter and keep the others."""
    kinds = [("all", ""), *((k.value, k.value) for k in EventKind)]
    return Choices(
        kinds=tuple(
            Choice(words=words, href=links.activity(role=role, kind=key, span=span), current=key == kind)
            for words, key in kinds
        ),
        spans=tuple(
            Choice(words=words, href=links.activity(role=role, kind=kind, span=key), current=key == span)
            for key, (words, _) in SPANS.items()
        ),
    )
