"""A real Alertmanager for a test, with a configuration given as a value.

Debian's reads its default templates from ``/usr/share/prometheus``, wherever it was unpacked to. It is started where
``/usr/share`` has them on top, in a mount namespace of its own; nothing is put beside the system's files.
"""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.real_servers import RunningServer, free_port, running

TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")
OVERLAY = 'mount -t overlay overlay -o "lowerdir=$0:/usr/share" /usr/share && exec "$@"'


@contextlib.contextmanager
def serving(
    binary: Path, folder: Path, settings: Mapping[str, object], templates: Mapping[str, str]
) -> Iterator[RunningServer]:
    """Start it with ``settings`` (alertmanager.yaml, which may be JSON) and template files beside them."""
    folder.mkdir(exist_ok=True)
    for name, text in templates.items():
        (folder / name).write_text(text)
    (folder / "alertmanager.yaml").write_text(json.dumps(settings))
    url = f"http://127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        *_room(binary),
        binary,
        f"--config.file={folder / 'alertmanager.yaml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    with running(command, log=folder / "log", ready=f"{url}/-/ready", url=url) as server:
        yield server


def _room(binary: Path) -> list[str | Path]:
    """What stands before the command of an unpacked Alertmanager, so that it finds its templates."""
    unpacked = binary.parents[1] / "share"
    if TEMPLATES.exists() or not (unpacked / TEMPLATES.relative_to("/usr/share")).exists():
        return []
    alone = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    room: list[str | Path] = [*alone, "sh", "-c", OVERLAY, unpacked]
    tried = subprocess.run([*room, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        said = f"no mount namespace for Debian's Alertmanager ({tried.stderr.strip()}); install it, or put one on PATH"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(said)
    return room
