"""Scripts, styles and fonts are served under an address that changes with their content, so they are kept for ever."""

import hashlib
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

FOLDER = Path(__file__).parent / "static"
VENDOR = ("vendor/htmx.js", "vendor/uplot.js", "vendor/uplot.css", "vendor/inter.woff2", "vendor/jetbrains-mono.woff2")


class Assets(StaticFiles):
    """The files of ``static/``, mounted at :attr:`prefix`; a style sheet's relative addresses stay inside it."""

    def __init__(self, folder: Path = FOLDER) -> None:
        super().__init__(directory=folder)
        digest = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                digest.update(path.relative_to(folder).as_posix().encode())
                digest.update(path.read_bytes())
        self.prefix = f"/static/{digest.hexdigest()[:12]}"
        self.missing = tuple(name for name in VENDOR if not (folder / name).is_file())
        """Vendor files that the build should have fetched: the pages work without them, but for charts."""

    def url(self, name: str) -> str:
        """Address of one file."""
        return f"{self.prefix}/{name}"

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
