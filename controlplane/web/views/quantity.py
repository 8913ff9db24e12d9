"""A number on a page: how it is written, where it comes from, and why it is unknown when it is."""

from dataclasses import dataclass

from controlplane.model.reading import Reading
from controlplane.model.role import ReplicaView, RoleView
from controlplane.model.units import Unit, text

NOT_SEEN = "nothing has been read for it yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One number that can be asked."""

    text: str
    """The value as people say it, or the word unknown."""
    known: bool
    words: str = ""
    """What it is called."""
    query: str = ""
    """PromQL that gives the same number; empty when there is none."""
    why: str = ""
    """Why it is unknown."""


def plain(value: float | None, unit: Unit, *, why: str = "") -> Quantity:
    """A number without a source of its own, such as a sum over roles."""
    return Quantity(text=text(value, unit), known=value is not None, why="" if value is not None else why)


def of_role(role: RoleView, reading: Reading) -> Quantity:
    """A role's reading at this tick."""
    value = role.now(reading)
    return Quantity(
        text=text(value, reading.unit),
        known=value is not None,
        words=reading.about.words,
        query=role.sources.get(reading, ""),
        why="" if value is not None else role.missing.get(reading, NOT_SEEN),
    )


def of_replica(replica: ReplicaView, reading: Reading) -> Quantity:
    """A replica's own reading."""
    value = replica.values.get(reading)
    return Quantity(
        text=text(value, reading.unit),
        known=value is not None,
        words=reading.about.words,
        why="" if value is not None else replica.fault or "its page does not carry it",
    )


def money(dollars_per_hour: float | None) -> str:
    """A difference in spend with its sign: ``+$5.00/h``, ``−$1.00/h``, ``$0/h``."""
    if dollars_per_hour is None:
        return "price unknown"
    if round(dollars_per_hour, 2) == 0:
        return "$0/h"
    return f"{'+' if dollars_per_hour > 0 else '−'}${abs(dollars_per_hour):,.2f}/h"


def money_tone(dollars_per_hour: float | None) -> str:
    """Colour that goes with the words: costs are accented, savings violet, the rest plain."""
    if dollars_per_hour is None or round(dollars_per_hour, 2) == 0:
        return ""
    return "acc" if dollars_per_hour > 0 else "idle"


def short(value: float | None) -> str:
    """A big count in few characters: ``2,180``, ``15.4 k``, ``1.2 M``."""
    if value is None:
        return "unknown"
    if abs(value) >= 1e6:
        return f"{value / 1e6:.1f} M"
    if abs(value) >= 1e4:
        return f"{value / 1e3:.1f} k"
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.1f}"
