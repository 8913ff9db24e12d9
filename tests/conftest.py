"""Real servers for the tests marked ``real``: paths of programs, a PostgreSQL of our own, free ports.

A server that is not there skips the test with the command that gets it; where ``CI`` is set it fails it.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import real_servers
from tools import real


def program(name: str) -> Path:
    """Path of a real server's program, or the end of the test that asked for it."""
    found = real.find(name)
    if found is not None:
        return found[0]
    message = f"{name} is not here; get it with: {real.how_to_get(name)}"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def prometheus_binary() -> Path:
    return program("prometheus")


@pytest.fixture(scope="session")
def promtool_binary() -> Path:
    return program("promtool")


@pytest.fixture(scope="session")
def prometheus3_binary() -> Path:
    return program("prometheus3")


@pytest.fixture(scope="session")
def promtool3_binary() -> Path:
    return program("promtool3")


@pytest.fixture(scope="session")
def amtool_binary() -> Path:
    return program("amtool")


@pytest.fixture(scope="session")
def pint_binary() -> Path:
    return program("pint")


@pytest.fixture(scope="session")
def operator_definitions() -> Path:
    """Folder with the CRDs of the Prometheus operator."""
    return program("prometheus-operator-crds")


@pytest.fixture(scope="session")
def grafana_definitions() -> Path:
    """Folder with the CRD of the Grafana operator's dashboards."""
    return program("grafana-operator-crds")


@pytest.fixture(scope="session")
def alertmanager_binary() -> Path:
    return program("alertmanager")


@pytest.fixture(scope="session")
def llm_d_sim_binary() -> Path:
    return program("llm-d-inference-sim")


@pytest.fixture(scope="session")
def litellm_binary() -> Path:
    return program("litellm")


@dataclass(frozen=True, slots=True)
class Browser:
    """A Chromium and the driver that belongs to it."""

    chromium: Path
    driver: Path


@pytest.fixture(scope="session")
def chromium() -> Browser:
    return Browser(program("chromium"), program("chromedriver"))


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Ask for a port as often as you need one."""
    return real_servers.free_port


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A fresh PostgreSQL cluster for this run, reached through SQLAlchemy's psycopg driver; nothing is kept.

    Not in pytest's own folder: the server runs as another user, and every pytest that starts shuts that folder again.
    """
    with tempfile.TemporaryDirectory(prefix="fleet-postgres-") as home:
        yield from _cluster(Path(home))


def _cluster(home: Path) -> Iterator[str]:
    programs = program("postgresql").resolve().parent
    user = _server_user()
    data = home / "data"
    data.mkdir(mode=0o700)
    if user:
        home.chmod(0o711)
        shutil.chown(data, user)
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "fleet", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"],
        check=True,
        capture_output=True,
        user=user,
        cwd="/",
    )
    port = real_servers.free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "40",
    }
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    command = [programs / "postgres", "-D", data, *options]
    with real_servers.running(command, log=home / "log", ready=f"tcp:{port}", user=user):
        yield f"postgresql+psycopg://fleet@127.0.0.1:{port}/postgres"


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root: the user to become, ``None`` when we are not root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
