"""A desk over a real ledger in a file, with one cycle kept, and the whole guarded application around it."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from controlplane.loop.desk import Desk, Health
from controlplane.loop.sessions import SessionBook
from controlplane.model.cycle import Recollection
from controlplane.model.limit import Limit
from controlplane.model.person import Person
from controlplane.model.reading import Reading
from controlplane.store.ledger import Ledger, open_ledger
from controlplane.web.api import api_router
from controlplane.web.app import create_app
from controlplane.web.guard import Guard
from controlplane.web.keys import Keys, Token
from controlplane.web.probes import probes
from tests.builders import NOON, PLANNER, STEP, a_calm_role, a_cycle, a_decision, a_finding, a_fleet, a_spec


@dataclass
class Client:
    """Calls the application in this process, over the same interface a server uses."""

    app: Guard
    headers: dict[str, str]

    def get(self, path: str, **more: object) -> httpx.Response:
        return self._ask("GET", path, **more)

    def post(self, path: str, **more: object) -> httpx.Response:
        return self._ask("POST", path, **more)

    def _ask(self, method: str, path: str, **more: object) -> httpx.Response:
        async def asking() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                return await client.request(method, path, headers=self.headers, **more)

        return asyncio.run(asking())


@dataclass
class House:
    """The application under test and the few things a test moves."""

    ledger: Ledger
    now: datetime = NOON
    token: str | None = None
    people: Mapping[Person, Token] = field(default_factory=dict)
    people_needed: int = 1
    nudged: int = 0
    sessions: SessionBook | None = None
    health: Health = field(default_factory=lambda: Health(last_success={"tick": NOON}))

    def client(self, **headers: str) -> "Client":
        """A program that calls us; ``headers`` replace the usual ones."""
        keys = Keys(shared=lambda: self.token, people=self.people)
        return Client(Guard(self.app(), hosts={"testserver"}, keys=keys), headers)

    def app(self) -> Callable[..., object]:
        desk = Desk(
            fleet="agents-test",
            roles=(a_spec(),),
            tick=STEP,
            archive=self.ledger,
            approvals=self.ledger,
            latest=self.ledger.latest,
            now=lambda: self.now,
            nudge=self._nudge,
            health=lambda: self.health,
            limits={PLANNER: (Limit(reading=Reading.WAITING_PER_REPLICA, comparison=">", value=5, words="limit"),)},
            budget_dollars_per_hour=25.0,
            sessions=self.sessions,
            people=tuple(self.people),
            people_needed=self.people_needed,
        )
        return create_app(desk, routers=(api_router(desk), probes(desk)))

    def _nudge(self) -> None:
        self.nudged += 1


@pytest.fixture
def empty_house(tmp_path: Path) -> Iterator[House]:
    """Nothing has been looked at yet."""
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield House(ledger)
    ledger.close()


@pytest.fixture
def house(empty_house: House) -> House:
    """One tick ago the planner had a queue, and a person was asked."""
    fleet = a_fleet(a_calm_role(waiting_per_replica=9.0, ttft_p95=None))
    cycle = a_cycle(fleet=fleet, findings=(a_finding(),), decisions=(a_decision(),))
    empty_house.ledger.keep(cycle, Recollection(), "{}")
    empty_house.now = NOON + timedelta(seconds=5)
    return empty_house
