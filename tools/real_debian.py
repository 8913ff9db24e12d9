"""Programs from Debian packages: unpacked into the cache where that is enough, installed where it is not."""

import os
import shutil
import tempfile
from pathlib import Path

from tools.real_programs import MissingError, cache, run


def unpacked(program: str) -> Path:
    """Where a program of an unpacked package lies."""
    return cache() / "debian" / "usr" / "bin" / program


def unpack(package: str) -> None:
    """Download a Debian package and unpack it into the cache: nothing of it is configured or started."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise MissingError("this is no Debian system")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # apt's own sandbox user downloads into it
        try:
            run(["apt-get", "download", "-q", package], where=Path(folder))
        except MissingError:
            _refresh_lists()
            run(["apt-get", "download", "-q", package], where=Path(folder))
        (archive,) = Path(folder).glob("*.deb")
        home = cache() / "debian"
        home.mkdir(parents=True, exist_ok=True)  # dpkg makes the last folder only
        run(["dpkg", "-x", str(archive), str(home)])


def install(*packages: str) -> None:
    """Install Debian packages, as root; their services are kept from starting."""
    if not shutil.which("apt-get"):
        raise MissingError("this is no Debian system")
    if os.geteuid() != 0:
        raise MissingError("only root may install packages")
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        _refresh_lists()
        run(command, env=quiet)
    finally:
        if ours:
            policy.unlink(missing_ok=True)


def _refresh_lists() -> None:
    if os.geteuid() == 0:
        run(["apt-get", "update", "-q"])
