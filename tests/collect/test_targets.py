"""Which targets there are, and what is never one."""

import json
from pathlib import Path

import pytest

from controlplane.collect.targets import Targets, TargetsFile, static, target
from controlplane.errors import SourceError
from controlplane.model.keys import RoleName
from controlplane.model.page import Fault, Job, Target

PLANNER = RoleName("planner")


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://10.0.0.1:8000/metrics", "http://10.0.0.1:8000/metrics"),
        ("http://10.0.0.1:8000", "http://10.0.0.1:8000/metrics"),
        ("https://engine.llm.svc/x/metrics?y=1", "https://engine.llm.svc/x/metrics?y=1"),
        ("http://localhost:8000/metrics", "http://localhost:8000/metrics"),
        ("http://0.0.0.0:8000/metrics", "http://0.0.0.0:8000/metrics"),
        ("http://[::1]:8000/metrics", "http://[::1]:8000/metrics"),
    ],
)
def test_a_url_is_taken(url: str, read: str):
    assert target(url, Job.ENGINE, PLANNER) == Target(read, Job.ENGINE, PLANNER)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ftp://10.0.0.1/metrics", Fault.NAME),
        ("file:///etc/passwd", Fault.NAME),
        ("10.0.0.1:8000", Fault.NAME),
        ("http://", Fault.NAME),
        ("http://host:99999/", Fault.NAME),
        ("http://host:0/", Fault.NAME),
        ("http://[::1/metrics", Fault.NAME),
        ("http://host/a b", Fault.NAME),
        ("http://host/\nX: y", Fault.NAME),
        ("http://user:secret@host/metrics", Fault.FORBIDDEN),
        ("http://user@host/metrics", Fault.FORBIDDEN),
        ("http://169.254.169.254/metrics", Fault.FORBIDDEN),
        ("http://[fe80::1%25eth0]/metrics", Fault.FORBIDDEN),
        ("http://[::ffff:169.254.169.254]/", Fault.FORBIDDEN),
        ("http://100.100.100.200/latest", Fault.FORBIDDEN),
        ("http://224.0.0.1/metrics", Fault.FORBIDDEN),
    ],
)
def test_a_url_is_refused_and_no_password_is_shown(url: str, fault: Fault):
    with pytest.raises(SourceError) as caught:
        target(url, Job.ENGINE)
    assert caught.value.fault is fault
    assert "secret" not in str(caught.value)


def written(path: Path, text: str) -> Path:
    """Write as a careful program does: a new file in place of the old."""
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.replace(path)
    return path


GROUPS = [
    {
        "targets": ["10.0.0.1:8000", "10.0.0.2:8000"],
        "labels": {"role": "planner", "namespace": "llm", "pod": "planner-0", "__meta_x": "gone"},
    },
    {
        "targets": ["node:9400"],
        "labels": {"job": "dcgm", "__metrics_path__": "/x/metrics", "__scheme__": "https", "__param_a": "b c"},
    },
    {"targets": ["plain:1"]},
]
READ = [
    Target("http://10.0.0.1:8000/metrics", Job.ENGINE, PLANNER, (("namespace", "llm"), ("pod", "planner-0"))),
    Target("http://10.0.0.2:8000/metrics", Job.ENGINE, PLANNER, (("namespace", "llm"), ("pod", "planner-0"))),
    Target("https://node:9400/x/metrics?a=b%20c", Job.DCGM),
    Target("http://plain:1/metrics", Job.ENGINE),
]
YAML = """
- targets: ['10.0.0.1:8000', '10.0.0.2:8000']
  labels: {role: planner, namespace: llm, pod: planner-0, __meta_x: gone}
- targets: [node:9400]
  labels: {job: dcgm, __metrics_path__: /x/metrics, __scheme__: https, __param_a: b c}
- targets: ['plain:1']
"""


@pytest.mark.parametrize(("name", "text"), [("t.json", json.dumps(GROUPS)), ("t.yaml", YAML), ("t.yml", YAML)])
def test_a_file_of_prometheus_service_discovery_is_read(tmp_path: Path, name: str, text: str):
    assert list(TargetsFile(written(tmp_path / name, text))()) == READ


def test_a_changed_file_is_read_again(tmp_path: Path):
    file = TargetsFile(written(tmp_path / "t.json", "[]"))
    assert list(file()) == []
    written(file.path, json.dumps(GROUPS))
    assert list(file()) == READ


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "[",
        "{}",
        "[1]",
        '[{"targets": "a:1"}]',
        '[{"targets": [1]}]',
        '[{"targets": ["http://a:1/metrics"]}]',
        '[{"targets": ["user@a:1"]}]',
        '[{"targets": ["169.254.169.254:80"]}]',
        '[{"targets": ["a:1"], "labels": {"x": 1}}]',
        '[{"targets": ["a:1"], "labels": ["x"]}]',
        '[{"targets": ["a:1"], "labels": {"__scheme__": "file"}}]',
        "[" * 100_000,
        None,
    ],
)
def test_a_file_that_breaks_is_kept_at_its_last_good(tmp_path: Path, broken: str | None):
    file = TargetsFile(written(tmp_path / "t.json", json.dumps(GROUPS)))
    assert list(file()) == READ
    if broken is None:
        file.path.unlink()
    else:
        written(file.path, broken)
    assert list(file()) == READ
    assert file.problem
    written(file.path, "[]")
    assert list(file()) == []
    assert not file.problem


def test_a_yaml_file_runs_nothing(tmp_path: Path):
    file = TargetsFile(written(tmp_path / "t.yaml", "!!python/object/apply:os.system ['false']"))
    assert list(file()) == []
    assert "neither JSON nor YAML" in file.problem


def test_the_first_to_name_a_url_wins():
    both = Targets(
        {
            "roles": static(["http://a:1/metrics"], Job.ENGINE, PLANNER),
            "more": static(["http://a:1", "http://b:1"], Job.ENGINE),
        }
    )
    assert both() == (
        Target("http://a:1/metrics", Job.ENGINE, PLANNER),
        Target("http://b:1/metrics", Job.ENGINE),
    )
    assert both.health() == ()


class Fickle:
    """A provider that works until it does not."""

    def __init__(self) -> None:
        self.works = True

    def __call__(self) -> list[Target]:
        if not self.works:
            raise RuntimeError("the API is away")
        return [Target("http://a:1/metrics", Job.ENGINE)]


def test_a_provider_that_fails_keeps_its_targets_and_is_said_to_be_stale():
    provider = Fickle()
    targets = Targets({"kubernetes": provider, "static": static(["http://b:1"], Job.ENGINE)})
    before = targets()
    provider.works = False
    assert targets() == before
    [health] = targets.health()
    assert (health.name, health.fault, health.detail) == ("kubernetes", Fault.STALE, "the API is away")
    provider.works = True
    assert targets() == before
    assert targets.health() == ()


def test_a_broken_file_shows_among_the_sources(tmp_path: Path):
    targets = Targets({"targets.json": TargetsFile(tmp_path / "targets.json")})
    assert targets() == ()
    [health] = targets.health()
    assert "No such file" in health.detail


def test_a_list_without_end_is_cut():
    targets = Targets({"static": static([f"http://a:{i}" for i in range(1, 9)], Job.ENGINE)}, most=3)
    assert len(targets()) == 3
    assert "more than 3" in targets.health()[0].detail
