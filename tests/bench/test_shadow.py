"""What a look at a role's shadow costs with ten thousand proposals behind it. Prints; asserts nothing about time."""

import statistics
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from controlplane.loop.shadow import shadow_of
from controlplane.store.codec import micros
from controlplane.store.ledger import open_ledger
from controlplane.store.records import FINDING, RECOMMENDATION
from controlplane.store.tables import findings, recommendations
from tests.builders import NOON, PLANNER, a_finding, a_patch, a_recommendation
from tests.store.steps import keep, tick

ALL, ROLES = 10_000, 20


@pytest.mark.bench
@pytest.mark.parametrize("roles", [1, ROLES])
def test_a_shadow_with_ten_thousand_recommendations(
    tmp_path: Path, roles: int, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    keep(ledger, tick())
    proposed, found = [], []
    for n in range(ALL):
        role = PLANNER if n % roles == 0 else f"role-{n % roles}"
        opened = NOON - timedelta(days=7) * (n / ALL)
        proposal = a_recommendation(role, patch=a_patch(after=n, name=role))
        proposed.append(
            {
                "id": proposal.id,
                "number": 1,
                "newest": True,
                "role": role,
                "state": "expired",
                "version": 1,
                "opened": micros(opened),
                "seen": micros(opened + timedelta(minutes=5)),
                "shape": "",
                "body": RECOMMENDATION.text(proposal),
            }
        )
        found.append(
            {
                "id": f"queue-buildup:{role}",
                "number": n,
                "role": role,
                "opened": micros(opened),
                "seen": micros(opened + timedelta(minutes=5)),
                "closed": micros(opened + timedelta(minutes=5)),
                "body": FINDING.text(a_finding(role=role)),
            }
        )
    with ledger._database.write() as connection:
        connection.execute(insert(recommendations), proposed)
        connection.execute(insert(findings), found)
    now, spans = NOON + timedelta(minutes=20), []
    for _ in range(7):
        cpu = time.process_time()
        shadow = shadow_of(ledger, PLANNER, now)
        spans.append((time.process_time() - cpu) * 1000)
    ledger.close()
    with capsys.disabled():
        print(
            f"\n{ALL} recommendations of {roles} roles: {statistics.median(spans):.0f} ms CPU for "
            f"{len(shadow.proposals)} words{', cut' if shadow.cut else ''}"
        )
    assert shadow.proposals
