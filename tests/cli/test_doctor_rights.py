"""What fleet.yaml takes of an account: less where less is looked at, and nothing to write where nothing is written."""

from pathlib import Path

from controlplane.cli.doctor_rights import needed
from controlplane.doctor.rights import Needed
from controlplane.settings.load import examine

FLEET = """\
fleet: t
sources: {{prometheus: "http://prometheus:9090", kubernetes: {{}}}}
hands: {{mode: {hands}, directory: patches}}
roles:
  worker:
    model: {{name: llama}}
    replicas: {{min: 1, max: 4}}
    mode: {mode}
    scaled_object: llm/worker
"""


def taken(*, hands: str, mode: str) -> tuple[Needed, ...]:
    text = FLEET.format(hands=hands, mode=mode)
    return needed(examine(text.encode(), file="/etc/fleet.yaml", folder=Path("/etc")).settings)


def changing(*, hands: str, mode: str) -> list[str]:
    return [str(one.right) for one in taken(hands=hands, mode=mode) if one.changing]


def test_hands_on_the_cluster_take_two_verbs_on_each_object_and_a_look_at_its_namespace() -> None:
    wanted = ["get ScaledObject llm/worker", "patch ScaledObject llm/worker", "get namespaces llm"]
    assert changing(hands="kubernetes", mode="apply") == wanted
    assert changing(hands="kubernetes", mode="propose") == wanted


def test_who_writes_nothing_live_needs_no_right_to() -> None:
    assert changing(hands="kubernetes", mode="observe") == []
    assert changing(hands="gitops", mode="apply") == []
    assert changing(hands="dry-run", mode="apply") == []


def test_eyes_list_and_watch_what_a_role_is_made_of_and_never_get() -> None:
    eyes = {str(one.right) for one in taken(hands="dry-run", mode="observe") if not one.changing}
    scaling = ("scaledobjects.keda.sh", "horizontalpodautoscalers.autoscaling")
    kinds = ("pods", "deployments.apps", "statefulsets.apps", *scaling)
    wanted = [f"{kind} in llm" for kind in kinds] + ["nodes"]
    assert eyes == {f"{verb} {what}" for what in wanted for verb in ("list", "watch")}
