"""The mixed cluster: what the walk makes of its pages is what its own books say, whatever the exporters' style."""

from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.model.fleet import Fleet as Seen
from controlplane.model.money import Bucket, TokenKind
from controlplane.model.role import Phase
from controlplane.observe.assemble import History, assemble
from controlplane.settings.gpus import kinds_by_product
from controlplane.settings.load import examine
from controlplane.settings.schema import Settings
from controlplane.simulate.declared import fleet_yaml
from controlplane.simulate.fleet import Fleet
from controlplane.simulate.keda_page import keda_page
from controlplane.simulate.kube_page import kube_page
from controlplane.simulate.mixed import BUSY, PRICES, mixed_cluster
from controlplane.simulate.shape import ClusterShape
from controlplane.simulate.story import Steady
from controlplane.simulate.truth import Truth, truth
from tests.simulate.watching import STEP, Reader, a_fleet

STYLES = {
    "as shipped": mixed_cluster(),
    "the other way round": mixed_cluster(dcgm=("4.9", "4.8"), honor_labels=(True, False)),
}


def declared(cluster: ClusterShape, folder: Path) -> Settings:
    """The fleet.yaml somebody would have written for it."""
    text = fleet_yaml(
        cluster,
        targets_file=folder / "targets.json",
        patches=folder,
        store="sqlite:///x.db",
        port=0,
        modes={},
        prices=PRICES,
    )
    return examine(text.encode(), folder=folder).settings


def watched(fleet: Fleet, settings: Settings, minutes: int) -> Seen:
    """The fleet as the walk sees it after some minutes."""
    reader, history = Reader(fleet), History.empty(STEP)
    until = fleet.now + timedelta(minutes=minutes)
    while fleet.now < until:
        fleet.advance(fleet.now + STEP)
        seen, history = assemble(
            history,
            reader.sighting(),
            settings.role_specs(),
            fleet.now,
            name="mixed",
            gpus=kinds_by_product(settings.prices),
        )
    return seen


@pytest.fixture(scope="module", params=STYLES.values(), ids=STYLES.keys())
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Seen, Truth]:
    fleet = a_fleet(request.param, Steady(always=BUSY))
    return watched(fleet, declared(request.param, tmp_path_factory.mktemp("mixed")), 7), truth(fleet, PRICES)


def test_every_dollar_is_in_the_bucket_it_belongs_to(seen: tuple[Seen, Truth]) -> None:
    fleet, true = seen
    charged = {(c.role, c.bucket): c.dollars_per_hour for c in fleet.bill.charges}
    for name, role in true.roles.items():
        assert charged[name, Bucket.SERVING] == pytest.approx(role.serving, abs=1e-4), name  # type: ignore[index]
        assert charged[name, Bucket.IDLE] == pytest.approx(role.idle, abs=1e-4), name  # type: ignore[index]
    assert charged[None, Bucket.OTHER] == pytest.approx(true.other)
    assert charged[None, Bucket.UNALLOCATED] == pytest.approx(true.unallocated)
    assert sum(charged.values()) == pytest.approx(true.bill, rel=1e-3)


def test_the_books_hold_what_the_cluster_was_made_for(seen: tuple[Seen, Truth]) -> None:
    _, true = seen
    assert true.bill == pytest.approx(3 * 3.2 + 2 * 1.35 + 3 * 1.0)
    assert true.other == pytest.approx(1.35), "the notebook's A100; the job that has ended costs nothing"
    stranded = 3.2 * (2 / 7) / (1 / 2 + 2 / 7 + 2 / 7)
    assert true.unallocated == pytest.approx(stranded + 1.0), "a slice and an L40"
    assert true.roles["coder"].idle == pytest.approx(2.0)
    assert true.roles["coder"].serving == 0


def test_a_prompt_of_the_split_role_is_delivered_once(seen: tuple[Seen, Truth]) -> None:
    fleet, true = seen
    kinds = {(d.role, d.kind) for d in fleet.bill.deliveries if d.role in ("prefill", "decode")}
    assert kinds == {
        ("prefill", TokenKind.PROMPT),
        ("prefill", TokenKind.CACHED),
        ("decode", TokenKind.OUTPUT),
    }
    assert true.roles["prefill"].prompt > 10_000 and true.roles["decode"].prompt == 0
    assert true.roles["decode"].output > 10_000 and true.roles["prefill"].output == 0
    assert fleet.roles["decode"].spec.phase is Phase.DECODE  # type: ignore[index]


def test_every_machine_has_its_price_and_its_gpus(seen: tuple[Seen, Truth]) -> None:
    nodes = {node.name: node for node in seen[0].nodes}
    assert {name: (node.count, node.dollars_per_hour) for name, node in nodes.items()} == {
        "gpu-a100-0": (2, 1.35),
        "gpu-h100-0": (2, 3.2),
        "gpu-l40-0": (3, 1.0),
        "gpu-mig-0": (1, 3.2),
    }


def test_the_answer_takes_over_where_the_prompt_was_read() -> None:
    fleet = a_fleet(mixed_cluster(), Steady(always=BUSY))
    fleet.advance(fleet.now + timedelta(minutes=3))
    prefill, decode = (fleet.deployments[name].pods[0].engine for name in ("prefill", "decode"))
    assert prefill is not None and decode is not None
    assert prefill.tally.generation_tokens == prefill.tally.finished, "one token per prompt"
    assert decode.tally.transferred_tokens > 0.9 * decode.tally.prompt_tokens
    assert decode.tally.prefix_hits == 0, "what came over the network is no hit of its own cache"
    assert fleet.traffic.sessions_finished > 0


def test_a_pod_that_has_ended_keeps_its_request_and_holds_nothing() -> None:
    page = kube_page(a_fleet(mixed_cluster(), Steady(always=BUSY)))
    job = 'pod="finetune-7b-x8k2p"'
    assert any(job in line and 'resource="nvidia_com_gpu"' in line for line in page.splitlines())
    assert any(
        job in line and 'phase="Succeeded"' in line and line.endswith((" 1", " 1.0")) for line in page.splitlines()
    )
    assert 'resource="nvidia_com_mig_3g_40gb"' in page and 'resource="nvidia_com_mig_2g_20gb"' in page


def test_the_router_counts_what_teams_used_and_keda_what_its_triggers_saw() -> None:
    fleet = a_fleet(mixed_cluster(), Steady(always=BUSY))
    fleet.advance(fleet.now + timedelta(minutes=5))
    page = fleet.router.page(3, {"worker": "http://worker"})
    used = {line.partition("} ")[0] for line in page.splitlines() if line.startswith("litellm_spend_metric_total")}
    assert {team for team in ("team-a", "team-b", "team-c") if any(f'team="{team}"' in line for line in used)} == {
        "team-a",
        "team-b",
        "team-c",
    }
    assert not any("prefill" in line for line in used), "the caller sees one model behind a split role"
    assert 'scaledObject="worker",scaler="prometheusScaler",triggerIndex="1"' in keda_page(fleet)
