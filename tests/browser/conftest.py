"""A real Chromium on the real pages behind the real guard, over the showcase fleet."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains

from controlplane.loop.desk import Desk
from controlplane.web.app import create_app
from controlplane.web.guard import Guard
from controlplane.web.keys import Keys
from tests.conftest import Browser
from tools.hatch_build import AXE, ROOT, fetch

SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@dataclass(frozen=True)
class Eyes:
    """One browser window, and what it complained about."""

    driver: webdriver.Chrome
    address: str

    def open(self, path: str, *, width: int = 1560, theme: str = "light") -> None:
        """Open a page of the service at this width in this theme."""
        self.driver.get_log("browser")  # what an earlier page said is not about this one
        dark = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": dark})
        self._size(width, 900)
        self.driver.get(self.address + path)
        self.driver.execute_script("return document.fonts.ready")

    def _size(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def complaints(self) -> list[str]:
        """Errors in the console since the page was opened, policy violations among them."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] != "INFO"]

    def picture(self, path: Path, width: int) -> None:
        """The whole page as an image."""
        self._size(width, max(900, self.script("return document.documentElement.scrollHeight")))
        self.driver.save_screenshot(str(path))

    def script(self, text: str, *args: Any) -> Any:
        return self.driver.execute_script(text, *args)

    def keys(self, *keys: str) -> None:
        """Type into whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker, fetched like the pages' own scripts but never shipped."""
    folder = ROOT / "tools" / "web" / "node_modules" / "axe"
    fetch(into=folder, files=AXE)
    return (folder / "axe.js").read_text()


@pytest.fixture(scope="session")
def driver(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(chromium.chromium)
    for switch in SWITCHES:
        options.add_argument(switch)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=options, service=Service(str(chromium.driver)))
    window.implicitly_wait(5)
    yield window
    window.quit()


@pytest.fixture
def look(driver: webdriver.Chrome) -> Iterator[Callable[[Desk], Eyes]]:
    """Serve a desk on a free port and look at it."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(desk: Desk) -> Eyes:
        listening = socket.create_server(("127.0.0.1", 0))
        guarded = Guard(create_app(desk), hosts={"127.0.0.1"}, keys=Keys())
        server = uvicorn.Server(uvicorn.Config(guarded, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        servers.append((server, thread))
        return Eyes(driver, f"http://127.0.0.1:{listening.getsockname()[1]}")

    yield serve
    driver.get("about:blank")
    for server, thread in servers:
        server.should_exit = True
        thread.join(10)
