"""Which hands fleet.yaml asks for."""

from collections.abc import Callable
from contextlib import ExitStack

from controlplane.act.cluster import Cluster, Connect
from controlplane.act.dry_run import DryRun
from controlplane.act.gate import Gated, Stopped
from controlplane.act.gitops import GitOps
from controlplane.act.kubernetes import KubernetesHands
from controlplane.clock import Clock
from controlplane.loop import ports
from controlplane.settings.sections import Hands, HandsMode


def hands_of(
    settings: Hands,
    *,
    clock: Clock,
    connect: Connect | None,
    stopped: Stopped,
    fence: Callable[[], int],
    closing: ExitStack,
) -> ports.Hands:
    """Hands that ask ``stopped`` right before each send. What holds connections is given back by ``closing``."""
    match settings.mode:
        case HandsMode.DRY_RUN:
            hands: ports.Hands = DryRun(clock)
        case HandsMode.GITOPS:
            hands = GitOps(settings.directory, clock)
        case HandsMode.KUBERNETES:
            assert connect is not None, "settings demand sources.kubernetes for these hands"
            cluster = Cluster(connect)
            closing.callback(cluster.close)
            patches = GitOps(settings.directory, clock)
            hands = KubernetesHands(cluster, patches, clock=clock, stopped=stopped, fence=fence)
    return Gated(hands, stopped, clock=clock)
