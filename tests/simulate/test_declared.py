"""The demo's own fleet.yaml is one that the service accepts, and costs what the reference fleet costs."""

from pathlib import Path

import pytest

from controlplane.model.role import Mode
from controlplane.settings.load import examine
from controlplane.simulate.declared import fleet_yaml
from controlplane.simulate.story import reference_cluster


def test_it_loads_and_its_least_replicas_cost_8_dollars_70(tmp_path: Path):
    cluster = reference_cluster()
    text = fleet_yaml(
        cluster,
        targets_file=tmp_path / "targets.json",
        patches=tmp_path / "patches",
        store="sqlite:///demo.db",
        port=0,
        modes={"worker": "apply"},
    )
    settings = examine(text.encode(), folder=tmp_path).settings
    specs = {s.name: s for s in settings.role_specs()}
    assert list(specs) == [r.name for r in cluster.roles]
    assert specs["worker"].mode is Mode.APPLY
    assert specs["planner"].mode is Mode.PROPOSE
    spend = sum(specs[r.name].dollars_per_replica * r.min for r in cluster.roles)  # type: ignore[operator,index]
    assert spend == pytest.approx(8.70)
    assert settings.hands.directory == tmp_path / "patches"
    for role in cluster.roles:
        assert specs[role.name].replicas.max >= role.max  # type: ignore[index]
