"""Writes the documents that are made from the code: `make artifacts` runs it, tests fail when one is stale."""

from pathlib import Path

from controlplane.promql import document, recorded_page
from tools import doctor_page, thinking_page

DOCS = Path(__file__).resolve().parents[1] / "docs"
WRITTEN = {
    "metrics.md": document.markdown,
    "recorded.md": recorded_page.markdown,
    "detectors.md": thinking_page.markdown,
    "doctor.md": doctor_page.markdown,
}


def main() -> None:
    """Write them all."""
    for name, text in WRITTEN.items():
        (DOCS / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
