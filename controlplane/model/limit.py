"""A detector's limit as a line on a chart or in an alert."""

from dataclasses import dataclass

from controlplane.model.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One threshold: ``reading`` is trouble when it is ``comparison`` (``>`` or ``<``) ``value``."""

    reading: Reading
    comparison: str
    value: float
    words: str
    """How the line is labelled: "limit", "objective"."""
