"""Patch files: exactly our fields, stable bytes, nobody else's edit overwritten, nothing outside the directory."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from controlplane.act.gitops import GitOps
from controlplane.model.change import Change, ChangeState
from controlplane.model.keys import ChangeId, DecisionId, ObjectRef
from controlplane.model.patch import FieldChange, Patch
from tests.act.still import Still
from tests.builders import NOON, a_patch, a_recommendation


@pytest.fixture
def hands(tmp_path: Path) -> GitOps:
    return GitOps(tmp_path, Still())


def a_change(patch: Patch, id_: str = "chg-1", title: str = "Run at least 3 replicas of planner") -> Change:
    return Change(
        id=ChangeId(id_), decision=DecisionId("d"), recommendation=a_recommendation(patch=patch, title=title), at=NOON
    )


def of(kind: str, *fields: FieldChange, namespace: str = "llm", name: str = "planner") -> Patch:
    return Patch(target=ObjectRef(kind, namespace, name), fields=fields)


def flag(before: str | None, after: str | None) -> FieldChange:
    return FieldChange(path="/spec/template/spec/containers/0/args/-", before=before, after=after)


def test_the_file_holds_exactly_the_fields_of_the_change_and_says_why(hands: GitOps, tmp_path: Path) -> None:
    receipt = hands.apply(a_change(a_patch("/spec/maxReplicaCount", 4, 6)))

    path = tmp_path / "llm" / "scaledobject-planner.yaml"
    assert (receipt.state, receipt.where) == (ChangeState.APPLIED, str(path))
    assert path.read_text() == (
        "# Written by controlplane. Fields and the changes behind them:\n"
        "# /spec/maxReplicaCount: chg-1 (was 4): Run at least 3 replicas of planner\n"
        "apiVersion: keda.sh/v1alpha1\n"
        "kind: ScaledObject\n"
        "metadata:\n"
        "  name: planner\n"
        "  namespace: llm\n"
        "spec:\n"
        "  maxReplicaCount: 6\n"
    )


def test_fields_of_earlier_changes_stay(hands: GitOps, tmp_path: Path) -> None:
    hands.apply(a_change(a_patch("/spec/maxReplicaCount", 4, 6), "chg-1"))
    hands.apply(a_change(a_patch("/spec/minReplicaCount", 1, 2), "chg-2"))

    text = (tmp_path / "llm" / "scaledobject-planner.yaml").read_text()
    assert yaml.safe_load(text)["spec"] == {"maxReplicaCount": 6, "minReplicaCount": 2}
    assert "# /spec/maxReplicaCount: chg-1 " in text
    assert "# /spec/minReplicaCount: chg-2 " in text


def test_applying_twice_gives_the_same_bytes(hands: GitOps, tmp_path: Path) -> None:
    change = a_change(a_patch("/spec/maxReplicaCount", 4, 6))
    hands.apply(change)
    first = (tmp_path / "llm" / "scaledobject-planner.yaml").read_bytes()
    assert hands.apply(change).state is ChangeState.APPLIED
    assert (tmp_path / "llm" / "scaledobject-planner.yaml").read_bytes() == first


def test_the_undo_restores_what_was_there(hands: GitOps, tmp_path: Path) -> None:
    patch = a_patch("/spec/maxReplicaCount", 4, 6)
    hands.apply(a_change(patch, "chg-1"))
    hands.apply(a_change(patch.inverse(), "chg-2"))
    assert yaml.safe_load((tmp_path / "llm" / "scaledobject-planner.yaml").read_text())["spec"] == {
        "maxReplicaCount": 4
    }


def test_a_field_that_was_absent_is_undone_to_null_which_removes_it(hands: GitOps, tmp_path: Path) -> None:
    patch = of("Deployment", FieldChange(path="/spec/replicas", before=None, after=2))
    hands.apply(a_change(patch, "chg-1"))
    hands.apply(a_change(patch.inverse(), "chg-2"))
    assert yaml.safe_load((tmp_path / "llm" / "deployment-planner.yaml").read_text())["spec"] == {"replicas": None}


def test_escaped_steps_of_a_pointer_are_unescaped(hands: GitOps, tmp_path: Path) -> None:
    path = "/metadata/annotations/autoscaling.keda.sh~1paused~0x"
    hands.apply(a_change(of("ScaledObject", FieldChange(path=path, before=None, after="true"))))
    document = yaml.safe_load((tmp_path / "llm" / "scaledobject-planner.yaml").read_text())
    assert document["metadata"]["annotations"] == {"autoscaling.keda.sh/paused~x": "true"}


def test_somebody_elses_edit_is_a_conflict_and_stays(hands: GitOps, tmp_path: Path) -> None:
    hands.apply(a_change(a_patch("/spec/maxReplicaCount", 4, 6)))
    path = tmp_path / "llm" / "scaledobject-planner.yaml"
    path.write_text(path.read_text().replace("maxReplicaCount: 6", "maxReplicaCount: 9"))
    before = path.read_bytes()

    receipt = hands.apply(a_change(a_patch("/spec/maxReplicaCount", 6, 8), "chg-2"))

    assert receipt.state is ChangeState.CONFLICT
    assert "9" in receipt.said
    assert path.read_bytes() == before


def test_one_more_engine_flag_is_an_operation_beside_the_merge_patch(hands: GitOps, tmp_path: Path) -> None:
    patch = of("Deployment", flag(None, "--kv-cache-dtype=fp8"))
    for _ in range(2):
        assert hands.apply(a_change(patch)).state is ChangeState.APPLIED
    path = tmp_path / "llm" / "deployment-planner.json6902.yaml"
    assert yaml.safe_load(path.read_text()) == [
        {"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--kv-cache-dtype=fp8"}
    ]
    assert not (tmp_path / "llm" / "deployment-planner.yaml").exists()


def test_taking_a_flag_back_takes_its_operation_out_and_leaves_the_others(hands: GitOps, tmp_path: Path) -> None:
    first, second = of("Deployment", flag(None, "--a=1")), of("Deployment", flag(None, "--b=2"))
    hands.apply(a_change(first, "chg-1"))
    hands.apply(a_change(second, "chg-2"))
    hands.apply(a_change(first.inverse(), "chg-3"))
    path = tmp_path / "llm" / "deployment-planner.json6902.yaml"
    assert [o["value"] for o in yaml.safe_load(path.read_text())] == ["--b=2"]


@pytest.mark.parametrize(
    "patch",
    [a_patch("/spec/maxReplicaCount", 4, 6), of("Deployment", flag(None, "--a=1"))],
    ids=["merge", "operations"],
)
def test_what_became_of_a_change_is_read_from_the_file(hands: GitOps, patch: Patch) -> None:
    change = a_change(patch)
    assert hands.look_up(change) is None
    hands.apply(change)
    found = hands.look_up(change)
    assert found is not None
    assert found.state is ChangeState.APPLIED


def test_a_file_that_names_another_change_says_ours_was_never_written(hands: GitOps) -> None:
    hands.apply(a_change(a_patch("/spec/maxReplicaCount", 4, 6), "chg-1"))
    assert hands.look_up(a_change(a_patch("/spec/maxReplicaCount", 4, 6), "chg-12")) is None


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        pytest.param(
            of("ScaledObject", FieldChange(path="/spec/a", before=1, after=2), namespace="../.."), "name", id="up"
        ),
        pytest.param(
            of("ScaledObject", FieldChange(path="/spec/a", before=1, after=2), name="a/b"), "name", id="slash"
        ),
        pytest.param(of("Secret", FieldChange(path="/data/a", before=1, after=2)), "Secret", id="kind"),
        pytest.param(of("ScaledObject", FieldChange(path="spec", before=1, after=2)), "path", id="no pointer"),
        pytest.param(of("ScaledObject", FieldChange(path="/kind/x", before=1, after=2)), "kind", id="through a value"),
        pytest.param(of("ScaledObject"), "no field", id="advice only"),
    ],
)
def test_what_cannot_be_written_fails_with_words_and_writes_nothing(
    hands: GitOps, tmp_path: Path, patch: Patch, words: str
) -> None:
    receipt = hands.apply(a_change(patch))
    assert receipt.state is ChangeState.FAILED
    assert words in receipt.said
    assert not list(tmp_path.rglob("*.yaml"))


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [1\n", "\x00", "just words\n"])
def test_a_file_that_is_no_patch_any_more_is_left_alone(hands: GitOps, tmp_path: Path, text: str) -> None:
    path = tmp_path / "llm" / "scaledobject-planner.yaml"
    path.parent.mkdir()
    path.write_text(text)
    assert hands.apply(a_change(a_patch("/spec/maxReplicaCount", 4, 6))).state is ChangeState.FAILED
    assert path.read_text() == text


def test_hostile_words_stay_inside_the_comment(hands: GitOps, tmp_path: Path) -> None:
    evil = "a title\nspec: {maxReplicaCount: 999}\r\u2028- x\x1b[31m"
    hands.apply(a_change(a_patch("/spec/maxReplicaCount", 4, 6), title=evil))
    text = (tmp_path / "llm" / "scaledobject-planner.yaml").read_text()
    assert yaml.safe_load(text)["spec"] == {"maxReplicaCount": 6}
    assert "\x1b" not in text and "\u2028" not in text


def test_a_directory_that_cannot_be_written_fails_with_words(tmp_path: Path) -> None:
    (tmp_path / "patches").write_text("a file where the directory should be")
    receipt = GitOps(tmp_path / "patches", Still()).apply(a_change(a_patch("/spec/maxReplicaCount", 4, 6)))
    assert receipt.state is ChangeState.FAILED


def test_a_true_in_the_file_is_not_the_number_one(hands: GitOps, tmp_path: Path) -> None:
    hands.apply(a_change(of("ScaledObject", FieldChange(path="/spec/a", before=None, after=True))))
    receipt = hands.apply(a_change(of("ScaledObject", FieldChange(path="/spec/a", before=1, after=2)), "chg-2"))
    assert receipt.state is ChangeState.CONFLICT


def test_the_change_of_another_object_goes_into_another_file(hands: GitOps, tmp_path: Path) -> None:
    change = a_change(a_patch("/spec/maxReplicaCount", 4, 6))
    hands.apply(change)
    hands.apply(replace(change, recommendation=a_recommendation("worker")))
    assert sorted(p.name for p in tmp_path.rglob("*.yaml")) == ["scaledobject-planner.yaml", "scaledobject-worker.yaml"]
