"""What everything generated is made from: one fleet.yaml, as values and as it was written."""

from dataclasses import dataclass
from pathlib import Path

from controlplane.settings.load import Loaded
from controlplane.settings.schema import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One fleet.yaml to generate from."""

    settings: Settings
    source: str
    """The file's name, without its folder: no machine's paths in what is committed."""
    raw: str
    """The file's own text, for the ConfigMap."""
    folder: Path
    """Where the file lies; relative paths in it start there."""


def request_of(loaded: Loaded, raw: str) -> Request:
    """The request of a file that was loaded."""
    file = Path(loaded.file)
    return Request(settings=loaded.settings, source=file.name, raw=raw, folder=file.parent)
