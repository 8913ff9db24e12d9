"""The table: which real servers the tests run against, at least which version of each, and where it comes from."""

import shutil
from pathlib import Path

from tools import real_debian as debian
from tools import real_debian_newer as suites
from tools.real_crds import OPERATORS
from tools.real_go import BY_HAND, GoProgram
from tools.real_kubernetes import PROGRAMS as KUBERNETES
from tools.real_programs import Server, numbers, on_path_or
from tools.real_python import LITELLM

SIM = GoProgram(
    "llm-d-inference-sim",
    "github.com/llm-d/llm-d-inference-sim",
    "0.10.2",
    "cmd/llm-d-inference-sim",
    "llm-d-inference-sim",
)

PINT = GoProgram("pint", "github.com/cloudflare/pint", "0.87.0", "cmd/pint", "pint")
NEWER = (3, 0)


def _built(program: GoProgram) -> Server:
    """A program of the Go module proxy: only our own build, so that its version is the pinned one."""
    return Server(
        program.name,
        numbers(program.version),
        f"Go module {program.module} v{program.version}, built here",
        program.look,
        program.build,
        BY_HAND,
        (),
    )


def _postgres_places() -> list[Path]:
    places = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return sorted(places, key=lambda p: numbers(p.parent.parent.name), reverse=True)


SERVERS: dict[str, Server] = {
    s.name: s
    for s in (
        Server(
            "prometheus",
            (2, 42),
            "Debian prometheus (bookworm: 2.42), unpacked",
            lambda: on_path_or("prometheus", debian.unpacked("prometheus")),
            lambda: debian.unpack("prometheus"),
            "put a prometheus ≥ 2.42 on PATH",
        ),
        Server(
            "promtool",
            (2, 42),
            "comes with Debian's prometheus",
            lambda: on_path_or("promtool", debian.unpacked("promtool")),
            lambda: debian.unpack("prometheus"),
            "put a promtool ≥ 2.42 on PATH",
        ),
        Server(
            "prometheus3",
            NEWER,
            "Debian prometheus of a newer suite (3.x), unpacked",
            lambda: on_path_or("prometheus3", suites.newer("prometheus")),
            lambda: suites.unpack_newer("prometheus", NEWER),
            "put a prometheus ≥ 3.0 on PATH as prometheus3",
        ),
        Server(
            "promtool3",
            NEWER,
            "Debian promtool of a newer suite (3.x), unpacked",
            lambda: on_path_or("promtool3", suites.newer("promtool")),
            lambda: suites.unpack_newer("promtool", NEWER),
            "put a promtool ≥ 3.0 on PATH as promtool3",
        ),
        Server(
            "alertmanager",
            (0, 25),
            "Debian prometheus-alertmanager (bookworm: 0.25), unpacked",
            lambda: on_path_or(
                "alertmanager", debian.unpacked("prometheus-alertmanager"), Path("/usr/bin/prometheus-alertmanager")
            ),
            lambda: debian.unpack("prometheus-alertmanager"),
            "put an alertmanager ≥ 0.25 on PATH",
        ),
        Server(
            "amtool",
            (0, 25),
            "comes with Debian's prometheus-alertmanager",
            lambda: on_path_or("amtool", debian.unpacked("amtool")),
            lambda: debian.unpack("prometheus-alertmanager"),
            "put an amtool ≥ 0.25 on PATH",
        ),
        Server(
            "postgresql",
            (13,),
            "Debian postgresql (bookworm: 15), installed, never started as a service",
            lambda: on_path_or("postgres", *_postgres_places()),
            lambda: debian.install("postgresql"),
            "install PostgreSQL ≥ 13 (Debian: apt-get install postgresql)",
        ),
        Server(
            "chromium",
            (120,),
            "Debian chromium, installed",
            lambda: on_path_or("chromium", *(Path(p) for p in filter(None, [shutil.which("google-chrome")]))),
            lambda: debian.install("chromium", "chromium-driver"),
            "install Chromium ≥ 120 and its driver (Debian: apt-get install chromium chromium-driver)",
        ),
        Server(
            "chromedriver",
            (120,),
            "Debian chromium-driver, installed",
            lambda: on_path_or("chromedriver"),
            lambda: debian.install("chromium", "chromium-driver"),
            "install Chromium ≥ 120 and its driver (Debian: apt-get install chromium chromium-driver)",
        ),
        *(
            Server(
                one.name,
                numbers(one.version),
                f"Go module {one.module} v{one.version}, its definitions only",
                one.look,
                one.fetch,
                BY_HAND,
                (),
            )
            for one in OPERATORS
        ),
        Server(
            LITELLM.name,
            numbers(LITELLM.version),
            f"Python package litellm {LITELLM.version}, in an environment of its own",
            LITELLM.look,
            LITELLM.install,
            "none: the tests need this version with what tools/litellm/requirements.txt names",
            (),
        ),
        *map(_built, (SIM, PINT, *KUBERNETES)),
    )
}
ALONG = {"chromium": ("chromedriver",)}
"""What is of no use alone."""
