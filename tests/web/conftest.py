"""A browser's view without a browser: the pages over a fake desk."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from controlplane.loop.desk import Desk
from controlplane.web.app import create_app


@dataclass(frozen=True)
class Visitor:
    """Asks one page at a time, and does not follow redirects."""

    app: FastAPI

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._ask("GET", path, headers=headers)

    def post(self, path: str, data: dict[str, str] | None = None) -> httpx.Response:
        return self._ask("POST", path, data=data)

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())


@pytest.fixture
def visit() -> Callable[[Desk], Visitor]:
    """The pages of one desk."""
    return lambda desk: Visitor(create_app(desk))
