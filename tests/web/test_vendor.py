"""What the pages fetch at build time: pinned, without a registry's address, and left alone when it is there."""

import json
import re
import shutil

import pytest

from controlplane.web.assets import VENDOR
from tools import hatch_build


@pytest.fixture
def project(tmp_path):
    """A project root with our lock file and an empty vendor folder."""
    shutil.copytree(hatch_build.ROOT / hatch_build.WEB, tmp_path / hatch_build.WEB, ignore=lambda *_: ["node_modules"])
    return tmp_path


def test_every_package_is_pinned_by_digest_and_names_no_host():
    lock = json.loads((hatch_build.ROOT / hatch_build.WEB / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) == 5
    for entry in packages.values():
        assert entry["integrity"].startswith("sha512-")
        assert "resolved" not in entry
        assert re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])


def test_the_pages_use_nothing_that_is_not_fetched():
    assert {f"vendor/{name}" for name in hatch_build.FILES.values()} >= set(VENDOR)
    assert "axe.js" not in hatch_build.FILES.values(), "the checker is for tests and is not shipped"


def test_what_is_there_in_the_right_versions_is_left_alone(project, monkeypatch):
    into = project / hatch_build.VENDOR
    into.mkdir(parents=True)
    for name in hatch_build.FILES.values():
        (into / name).write_text("as fetched")
    (into / hatch_build.STAMP).write_text(hatch_build.wanted(project, hatch_build.FILES))
    monkeypatch.setenv("PATH", "")
    assert hatch_build.fetch(project) is False
    assert (into / "htmx.js").read_text() == "as fetched"


def test_another_lock_file_or_another_list_of_files_is_another_version(project):
    before = hatch_build.wanted(project, hatch_build.FILES)
    assert hatch_build.wanted(project, hatch_build.AXE) != before
    lock = project / hatch_build.WEB / "package-lock.json"
    lock.write_text(lock.read_text().replace("2.0.11", "2.0.12"))
    assert hatch_build.wanted(project, hatch_build.FILES) != before


def test_a_lock_file_npm_refuses_ends_in_its_own_words(project):
    (project / hatch_build.WEB / "package-lock.json").write_text("{}")
    with pytest.raises(SystemExit, match="npm could not fetch what the pages need"):
        hatch_build.fetch(project)
    assert not (project / hatch_build.VENDOR).exists(), "nothing half done"
