"""The house keeps its shape: short files, each heavy library in its room, decisions pure, names that say something."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "controlplane"

LONGEST_FILE = 400
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "base", "service", "misc"}
PURE = ("model", "promql", "observe", "estimate", "detect", "recommend", "decide", "verify", "doctor", "web/views")
ROOMS = {
    "aiohttp": ("collect", "notify", "simulate"),
    "alembic": ("store",),
    "apscheduler": ("schedule.py",),
    "fastapi": ("web",),
    "grafanalib": ("generate",),
    "jinja2": ("web",),
    "google": ("collect",),  # protobuf, under opentelemetry
    "kubernetes": ("act", "collect"),
    "opentelemetry": ("collect",),
    "prometheus_api_client": ("collect",),
    "prometheus_client": ("web/metrics.py", "web/metrics_family.py", "web/metrics_seen.py", "web/metrics_sessions.py"),
    "pydantic": ("settings", "store", "web"),
    "rich": ("cli",),
    "sqlalchemy": ("store",),
    "starlette": ("web",),
    "uvicorn": ("wiring.py",),
}
"""Who may import what; a library not named here may be imported anywhere."""

NEVER_IN_PURE = {"asyncio", "logging", "os", "pathlib", "random", "socket", "subprocess", "threading", "time", "urllib"}


def tracked(*patterns: str) -> list[Path]:
    """Files under version control (or about to be), without generated ones."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def where(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_no_file_is_longer_than_a_person_reads_in_one_go():
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in tracked("*.py", "*.js", "*.css", "*.html")
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert not long, f"over {LONGEST_FILE} lines: {long}"


@pytest.mark.parametrize("library", sorted(ROOMS))
def test_each_heavy_library_stays_in_its_room(library):
    strangers = [
        where(path)
        for path in modules()
        if any(name == library or name.startswith(f"{library}.") for name in imports(path))
        and not where(path).startswith(ROOMS[library])
    ]
    assert not strangers


def test_every_heavy_library_is_really_used():
    used = {name.split(".")[0] for path in modules() for name in imports(path)}
    assert set(ROOMS) <= used


def test_pure_packages_touch_neither_the_world_nor_the_clock_nor_chance():
    wrong = []
    for path in modules():
        if not where(path).startswith(tuple(f"{p}/" for p in PURE)):
            continue
        wrong += [f"{where(path)} imports {name}" for name in imports(path) if name.split(".")[0] in NEVER_IN_PURE]
        wrong += [
            f"{where(path)}:{node.lineno} calls {node.func.attr}"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"now", "today", "utcnow"}
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in {"datetime", "date"}
        ]
        wrong += [
            f"{where(path)}:{node.lineno} calls {node.func.id}"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"open", "print", "input"}
        ]
    assert not wrong


def test_only_the_clock_asks_the_time():
    asking = [
        where(path)
        for path in modules()
        if where(path) != "clock.py"
        and re.search(r"datetime\.now\(|\btime\.(time|monotonic|sleep)\(", path.read_text())
    ]
    assert not asking


def test_every_module_says_its_one_idea_first():
    silent = [
        where(path)
        for path in modules()
        if "migrations/versions" not in where(path) and not ast.get_docstring(tree(path))
    ]
    assert not silent


def test_no_file_hides_behind_a_vague_name():
    assert not [where(path) for path in modules() if path.stem.lower() in VAGUE]


def test_tests_do_not_sleep_and_do_not_mock():
    bad = [
        path.relative_to(ROOT).as_posix()
        for path in tracked("tests/*.py")
        if path != Path(__file__)
        and re.search(
            r"\btime\.sleep\(|from unittest(\.mock)? import mock|import unittest\.mock|monkeypatch\.setattr",
            path.read_text(),
        )
    ]
    assert not bad


def test_the_repository_names_no_machine_and_no_registry_host():
    hosts = "|".join(
        [
            "pypi" + r"\.org",
            "registry" + r"\.npmjs",
            "proxy" + r"\.golang",
            "deb" + r"\.debian",
            "files" + r"\.pythonhosted",
        ]
    )
    places = "|".join(["/" + "work/", "/" + "root/", "/" + "tmp/cap"])
    pattern = re.compile(f"{hosts}|{places}")
    named = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        named += [f"{path.relative_to(ROOT)}: {m.group()}" for m in pattern.finditer(text)]
    assert not named
