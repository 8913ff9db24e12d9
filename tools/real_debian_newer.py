"""Programs from a newer suite of Debian than the machine's: downloaded by a source list of our own, and unpacked.

apt reads a list, and keeps lists and packages, in a folder of ours; the system's own are neither read nor changed.
Nothing is installed. Programs written in Go need nothing newer than the machine has.
"""

import re
import shutil
import tempfile
from pathlib import Path

from tools.real_programs import MissingError, cache, run

SUITES = ("testing", "sid")
"""Where newer packages are looked for, the quieter suite first."""
SOURCES = ("sources.list", "sources.list.d/*.list", "sources.list.d/*.sources")
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

_MIRROR = re.compile(r"https?://[^\s\]]+/debian/?(?=\s|$)", re.MULTILINE)


def newer(program: str) -> Path:
    """Where a program of a newer suite lies."""
    return cache() / "debian-newer" / "usr" / "bin" / program


def unpack_newer(package: str, floor: tuple[int, ...]) -> None:
    """Unpack ``package`` from the first suite that has it in version ``floor`` or newer.

    Raises:
        MissingError: none has, or this machine names no mirror of Debian.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise MissingError("this is no Debian system")
    mirror = mirror_of(Path("/etc/apt"))
    tried = []
    for suite in SUITES:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            home.chmod(0o755)  # apt's own sandbox user writes into it
            found = _download(package, suite, mirror, home, floor)
            if found:
                target = cache() / "debian-newer"
                target.mkdir(parents=True, exist_ok=True)
                run(["dpkg", "-x", str(found), str(target)])
                return
        tried.append(suite)
    wanted = ".".join(map(str, floor))
    raise MissingError(f"no {package} {wanted} or newer in {' or '.join(tried)} of {mirror}")


def mirror_of(folder: Path) -> str:
    """The mirror of Debian that the machine's own source lists name.

    Raises:
        MissingError: they name none.
    """
    for pattern in SOURCES:
        for file in sorted(folder.glob(pattern)):
            lines = [line for line in file.read_text(errors="replace").splitlines() if not line.startswith("#")]
            if found := _MIRROR.search("\n".join(lines)):
                return found.group().rstrip("/")
    raise MissingError(f"no source list in {folder} names a mirror of Debian")


def _download(package: str, suite: str, mirror: str, home: Path, floor: tuple[int, ...]) -> Path | None:
    """The package of a suite in ``home``; ``None`` when it is not there or too old."""
    signed = f"[signed-by={KEYS}] " if KEYS.is_file() else ""
    (home / "sources.list").write_text(f"deb {signed}{mirror} {suite} main\n")
    for part in ("lists/partial", "cache/archives/partial"):
        (home / part).mkdir(parents=True)
    options = {
        "Dir::Etc::SourceList": home / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": home / "lists",
        "Dir::Cache": home / "cache",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "-q", *(part for key, value in options.items() for part in ("-o", f"{key}={value}"))]
    run([*apt, "update"])
    try:
        run([*apt, "download", package], where=home)
    except MissingError:
        return None
    (archive,) = home.glob("*.deb")
    version = re.search(r"_(\d+(?:\.\d+)*)", archive.name)
    has = tuple(int(part) for part in version[1].split(".")) if version else ()
    return archive if has >= floor else None
