"""fleet.yaml says which hands there are; all of them ask before they send."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from controlplane.act.choose import hands_of
from controlplane.act.dry_run import DryRun
from controlplane.act.gitops import GitOps
from controlplane.act.kubernetes import KubernetesHands
from controlplane.loop import ports
from controlplane.model.change import ChangeState
from controlplane.settings.sections import Hands, HandsMode
from tests.act.people import client_of
from tests.act.still import Still
from tests.builders import a_change


def chosen(mode: HandsMode, where: Path, closing: ExitStack, why: str | None = None) -> ports.Hands:
    return hands_of(
        Hands(mode=mode, directory=where),
        clock=Still(),
        connect=client_of("http://127.0.0.1:1"),
        stopped=lambda: why,
        fence=lambda: 1,
        closing=closing,
    )


@pytest.mark.parametrize(
    ("mode", "kind"),
    [(HandsMode.DRY_RUN, DryRun), (HandsMode.GITOPS, GitOps), (HandsMode.KUBERNETES, KubernetesHands)],
)
def test_each_mode_has_its_hands_and_all_stop_when_they_are_told(mode: HandsMode, kind: type, tmp_path: Path) -> None:
    with ExitStack() as closing:
        assert isinstance(chosen(mode, tmp_path, closing)._hands, kind)  # type: ignore[attr-defined]
        receipt = chosen(mode, tmp_path, closing, "incident 7").apply(a_change())
    assert receipt.state is ChangeState.REFUSED and "incident 7" in receipt.said
    assert list(tmp_path.iterdir()) == []
