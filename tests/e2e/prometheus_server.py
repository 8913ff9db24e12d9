"""A real Prometheus for a test: with a past written into it, or scraping for itself."""

import contextlib
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from controlplane.model.page import MetricKey, Page
from tests.real_servers import RunningServer, free_port, running


@contextlib.contextmanager
def prometheus(
    binary: Path, folder: Path, settings: Mapping[str, object] | None = None, *, port: int | None = None
) -> Iterator[RunningServer]:
    """Start it over the data in ``folder``; ``settings`` as in prometheus.yml (which may be JSON)."""
    folder.mkdir(exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(settings or {}))
    url = f"http://127.0.0.1:{port or free_port()}"
    command: list[str | Path] = [
        binary,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--web.enable-lifecycle",
    ]
    with running(command, log=folder / "log", ready=f"{url}/-/ready", url=url) as server:
        yield server


def write_past(promtool: Path, folder: Path, scrapes: Iterable[tuple[float, str, Page]]) -> None:
    """Write what a Prometheus would hold that scraped these pages: (Unix time, instance, page)."""
    lines = []
    for at, instance, page in scrapes:
        target = (("instance", instance), ("job", "engine"))
        lines.append(f"{MetricKey('up', target)} 1 {at}")
        for key, value in zip(page.layout.keys, page.values, strict=True):
            lines.append(f"{MetricKey(key.name, tuple(sorted((*key.labels, *target))))} {value!r} {at}")
    folder.mkdir(exist_ok=True)
    text = folder / "past.openmetrics"
    text.write_text("\n".join([*lines, "# EOF", ""]))
    command: list[str | Path] = [promtool, "tsdb", "create-blocks-from", "openmetrics", text, folder / "data"]
    subprocess.run(command, check=True, capture_output=True)
