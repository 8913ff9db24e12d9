"""Patch files that our own hands wrote become the simulated cluster's state."""

from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.act.gitops import GitOps
from controlplane.clock import SystemClock
from controlplane.model.change import ChangeState
from controlplane.model.keys import ObjectRef
from controlplane.model.patch import FieldChange, Patch
from controlplane.recommend.patches import LAST_ARGUMENT
from controlplane.simulate.fleet import Fleet
from controlplane.simulate.gitops import LARGEST, GitOpsFollower, kv_cache_dtype
from controlplane.simulate.story import reference_cluster
from tests.builders import a_change, a_recommendation
from tests.simulate.watching import START, a_fleet


@pytest.fixture
def fleet() -> Fleet:
    return a_fleet(reference_cluster())


def written(folder: Path, kind: str, name: str, *fields: FieldChange) -> None:
    patch = Patch(target=ObjectRef(kind, "llm", name), fields=fields)
    receipt = GitOps(folder, SystemClock()).apply(a_change(a_recommendation(patch=patch)))
    assert receipt.state is ChangeState.APPLIED, receipt.said


def test_new_bounds_are_applied_and_the_autoscaler_keeps_them(fleet: Fleet, tmp_path: Path):
    follower = GitOpsFollower(tmp_path, fleet)
    written(tmp_path, "ScaledObject", "worker", FieldChange(path="/spec/minReplicaCount", before=2, after=3))
    follower.follow()
    scaled = fleet.scaled_objects["worker"]
    assert (scaled.min, scaled.max) == (3, 4)
    fleet.advance(START + timedelta(seconds=20))
    assert fleet.deployments["worker"].wished == 3
    assert follower.applied == ["worker: between 3 and 4 replicas"]


def test_a_file_is_applied_once_and_again_when_it_changes(fleet: Fleet, tmp_path: Path):
    follower = GitOpsFollower(tmp_path, fleet)
    for before, after in ((1, 2), (2, 3)):
        field = FieldChange(path="/spec/maxReplicaCount", before=before, after=after)
        written(tmp_path, "ScaledObject", "planner", field)
        follower.follow()
        follower.follow()
    assert follower.applied == ["planner: between 1 and 2 replicas", "planner: between 1 and 3 replicas"]


def test_an_fp8_flag_replaces_the_pods_and_its_undo_brings_back_what_was_built(fleet: Fleet, tmp_path: Path):
    follower = GitOpsFollower(tmp_path, fleet)
    flag = FieldChange(path=LAST_ARGUMENT, before=None, after="--kv-cache-dtype=fp8")
    written(tmp_path, "Deployment", "planner", flag)
    follower.follow()
    planner = fleet.deployments["planner"]
    assert (planner.role.kv_cache_dtype, planner.revision) == ("fp8", 2)
    written(tmp_path, "Deployment", "planner", flag.inverse())
    follower.follow()
    assert (planner.role.kv_cache_dtype, planner.revision) == ("auto", 3)


def test_taking_the_file_away_restores_what_was_built(fleet: Fleet, tmp_path: Path):
    follower = GitOpsFollower(tmp_path, fleet)
    written(tmp_path, "ScaledObject", "worker", FieldChange(path="/spec/minReplicaCount", before=2, after=3))
    follower.follow()
    (file,) = tmp_path.glob("llm/*.yaml")
    file.unlink()
    follower.follow()
    assert fleet.scaled_objects["worker"].min == 2


def test_a_file_that_breaks_keeps_its_last_good_content(fleet: Fleet, tmp_path: Path):
    follower = GitOpsFollower(tmp_path, fleet)
    written(tmp_path, "ScaledObject", "worker", FieldChange(path="/spec/minReplicaCount", before=2, after=3))
    follower.follow()
    (file,) = tmp_path.glob("llm/*.yaml")
    file.write_text("not: [yaml")
    follower.follow()
    assert fleet.scaled_objects["worker"].min == 3


def test_an_argument_in_a_merge_patch_counts_too(fleet: Fleet, tmp_path: Path):
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "deployment-planner.yaml").write_text(
        "spec: {template: {spec: {containers: [{name: vllm, args: [--kv-cache-dtype, fp8]}]}}}"
    )
    GitOpsFollower(tmp_path, fleet).follow()
    assert fleet.deployments["planner"].role.kv_cache_dtype == "fp8"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("not: [yaml", id="broken"),
        pytest.param("- a\n- b\n", id="a list"),
        pytest.param("spec: {minReplicaCount: many}\n", id="no number"),
        pytest.param("spec: {minReplicaCount: true}\n", id="a bool"),
        pytest.param("spec: {minReplicaCount: 100000}\n", id="absurd"),
        pytest.param("spec: {cooldownPeriod: 30}\n", id="another field"),
        pytest.param("spec: {minReplicaCount: 3}\n#" + "x" * LARGEST, id="large"),
    ],
)
def test_what_cannot_be_understood_changes_nothing(fleet: Fleet, tmp_path: Path, text: str):
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "scaledobject-worker.yaml").write_text(text)
    follower = GitOpsFollower(tmp_path, fleet)
    follower.follow()
    assert follower.applied == []
    assert (fleet.scaled_objects["worker"].min, fleet.scaled_objects["worker"].max) == (2, 4)


def test_no_folder_is_no_patch(fleet: Fleet, tmp_path: Path):
    GitOpsFollower(tmp_path / "later", fleet).follow()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--kv-cache-dtype=fp8"], "fp8"),
        (["--kv-cache-dtype", "fp8"], "fp8"),
        (["--kv-cache-dtype=auto", "--max-num-seqs=8", "--kv-cache-dtype=fp8"], "fp8"),
        (["--kv-cache-dtype"], None),
        (["--max-num-seqs=8"], None),
        ([], None),
    ],
)
def test_the_last_flag_counts(args: list[str], said: str | None):
    assert kv_cache_dtype(args) == said
