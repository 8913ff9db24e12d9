"""Recordings are read from folders and archives; what is broken is refused with a word."""

import json
import tarfile
from pathlib import Path

import pytest

from controlplane.errors import SourceError
from controlplane.model.page import Fault
from controlplane.simulate.recording import read_recording

RAMP = Path(__file__).parent / "data" / "ramp-planner.tar.xz"


def recorded(folder: Path, *rows: dict[str, object], bodies: dict[str, str] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.jsonl").write_text("\n".join(json.dumps(r) for r in rows))
    for name, body in (bodies or {}).items():
        (folder / name).write_text(body)
    return folder


def row(t: float, file: str | None = "1.prom", **more: object) -> dict[str, object]:
    return {"file": file, "t_unix": t, "status": 200, "content_type": "text/plain", **more}


def test_the_captured_ramp_has_38_pages_every_5_seconds():
    (series,) = read_recording(RAMP)
    assert (series.name, len(series.shots), series.model) == ("planner", 38, "planner")
    assert series.step == pytest.approx(5.0, abs=0.02)
    assert series.end == pytest.approx(190.0, abs=0.1)
    assert series.shots[18].file == "0019.prom"
    assert series.shots[0].body is not None
    assert len(series.shots[0].body) == 52295


def test_several_series_keep_their_distance_in_time(tmp_path: Path):
    recorded(tmp_path / "planner", row(100.0), bodies={"1.prom": "a 1\n"})
    recorded(tmp_path / "worker", row(107.5), bodies={"1.prom": "a 2\n"})
    planner, worker = read_recording(tmp_path)
    assert (planner.name, planner.shots[0].at, worker.name, worker.shots[0].at) == ("planner", 0.0, "worker", 7.5)


def test_what_was_said_at_a_moment_is_the_newest_page_by_then(tmp_path: Path):
    rows = (row(10, "1.prom"), row(20, None, would_be="2.prom", status=None), row(30, "3.prom", status=503))
    recorded(tmp_path, *rows, bodies={"1.prom": "a 1\n", "3.prom": "busy"})
    (series,) = read_recording(tmp_path)
    said = [series.at(t) for t in (-1, 0, 9.9, 10, 20, 29.9, 30)]
    assert [s and (s.file, s.body, s.status) for s in said] == [
        None,
        ("1.prom", b"a 1\n", 200),
        ("1.prom", b"a 1\n", 200),
        ("2.prom", None, 200),
        ("3.prom", b"busy", 503),
        ("3.prom", b"busy", 503),
        None,
    ]


def test_series_of_the_same_name_are_told_apart_by_the_way_to_them(tmp_path: Path):
    for run in ("Run 1", "Run 2"):
        recorded(tmp_path / run / "planner", row(1), bodies={"1.prom": "a 1\n"})
    assert [s.name for s in read_recording(tmp_path)] == ["run-1-planner", "run-2-planner"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", Fault.MALFORMED),
        ("[1]", Fault.MALFORMED),
        ('{"file": "1.prom"}', Fault.MALFORMED),
        ('{"file": "1.prom", "t_unix": "noon"}', Fault.MALFORMED),
        ('{"file": "1.prom", "t_unix": NaN}', Fault.MALFORMED),
        ('{"file": 7, "t_unix": 1}', Fault.MALFORMED),
        ('{"file": "../1.prom", "t_unix": 1}', Fault.FORBIDDEN),
        ('{"file": "/etc/passwd", "t_unix": 1}', Fault.FORBIDDEN),
        ('{"file": "none.prom", "t_unix": 1}', Fault.NAME),
        ("", Fault.EMPTY),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(tmp_path: Path, line: str, fault: Fault):
    (tmp_path / "manifest.jsonl").write_text(line)
    with pytest.raises(SourceError) as refused:
        read_recording(tmp_path)
    assert refused.value.fault is fault


def test_a_folder_without_a_manifest_names_the_archives_in_it(tmp_path: Path):
    (tmp_path / "ramp.tar.gz").write_bytes(b"")
    with pytest.raises(SourceError, match=r"name one: ramp\.tar\.gz"):
        read_recording(tmp_path)


def test_what_is_no_archive_and_what_is_not_there(tmp_path: Path):
    (tmp_path / "page.prom").write_text("a 1\n")
    with pytest.raises(SourceError, match="not a tar archive"):
        read_recording(tmp_path / "page.prom")
    with pytest.raises(SourceError, match="no such folder"):
        read_recording(tmp_path / "nothing")


def test_links_in_an_archive_lead_nowhere(tmp_path: Path):
    recorded(tmp_path / "in", row(1, "1.prom"))
    with tarfile.open(tmp_path / "r.tar", "w") as archive:
        archive.add(tmp_path / "in" / "manifest.jsonl", "r/manifest.jsonl")
        link = tarfile.TarInfo("r/1.prom")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(SourceError) as refused:
        read_recording(tmp_path / "r.tar")
    assert refused.value.fault is Fault.NAME
