"""Each person × each act, on the pages and in the API: what they may is done, what they may not is said and shown."""

import ast
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from controlplane import web
from controlplane.model.cycle import Recollection
from controlplane.model.person import May, Person
from controlplane.model.recommendation import State
from controlplane.store.ledger import open_ledger
from tests.api.conftest import Client, House
from tests.builders import NOON, a_cycle, a_decision, a_recommendation

ID = a_recommendation().id
NAMES = {"dora": May.LOOK, "bob": May.OPERATE, "anna": May.APPROVE, "eve": May.APPROVE, "carl": May.ADMINISTER}
SHARED = "everybody's token"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[House]:
    """Two people must approve, and there is a shared token beside theirs."""
    with closing(open_ledger(f"sqlite:///{tmp_path / 'two.db'}", people=2)) as ledger:
        ledger.keep(a_cycle(decisions=(a_decision(),)), Recollection(), "{}")
        yield peopled(House(ledger, now=NOON + timedelta(seconds=5), token=SHARED, people_needed=2))


@pytest.fixture
def one(house: House) -> House:
    """One person is enough."""
    return peopled(house)


def peopled(house: House) -> House:
    house.people = {Person(name=n, may=may, known=True): lambda n=n: f"{n}'s token" for n, may in NAMES.items()}
    return house


def sign_in(house: House, name: str) -> Client:
    return house.client(authorization=f"Bearer {SHARED if name == 'shared' else f'{name}{chr(39)}s token'}")


def approve(client: Client, version: int = 1) -> object:
    return client.post(f"/api/v1/recommendations/{ID}/approve", json={"version": version})


ACTS: dict[str, tuple[May, Callable[[Client], object], Callable[[Client], object]]] = {
    "dismiss": (
        May.OPERATE,
        lambda c: c.post(f"/api/v1/recommendations/{ID}/dismiss", json={"version": 1, "reason": "no"}),
        lambda c: c.post(f"/recommendations/{ID}/dismiss", data={"version": "1", "reason": "no"}),
    ),
    "stop": (
        May.OPERATE,
        lambda c: c.post("/api/v1/stop", json={"on": True, "reason": "why"}),
        lambda c: c.post("/stop", data={"reason": "why"}),
    ),
    "approve": (May.APPROVE, approve, lambda c: c.post(f"/recommendations/{ID}/approve", data={"version": "1"})),
    "resume": (
        May.ADMINISTER,
        lambda c: c.post("/api/v1/stop", json={"on": False}),
        lambda c: c.post("/resume"),
    ),
}


@pytest.mark.parametrize("name", [*NAMES, "shared"])
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("page", [False, True], ids=["api", "page"])
def test_who_may_do_what(one, name, act, page):
    one.token = SHARED
    takes, api, form = ACTS[act]
    before = (one.ledger.recommendation(ID), one.ledger.stopped())
    answer = (form if page else api)(sign_in(one, name))
    if NAMES.get(name, May.ADMINISTER).covers(takes):
        assert answer.status_code == (303 if page else 200)
    else:
        assert answer.status_code == 403
        assert f"{name} may {NAMES[name]}" in answer.text
        assert "ask " in answer.text
        assert (one.ledger.recommendation(ID), one.ledger.stopped()) == before


@pytest.mark.parametrize("name", NAMES)
def test_everybody_may_look_at_everything(one, name):
    client = sign_in(one, name)
    for path in ("/", f"/recommendations/{ID}", "/stop", "/api/v1/recommendations", "/metrics", "/openapi.json"):
        assert client.get(path).status_code == 200
    assert client.get("/api/v1/me").json() == {"name": name, "may": NAMES[name], "known": True, "people_needed": 1}


def test_whoever_may_only_look_can_post_nothing_at_all(one):
    """The guard's floor: a route that forgets to ask is closed all the same."""
    client = sign_in(one, "dora")
    for path in ("/", "/nothing", "/api/v1/nothing", "/resume", "/ingest/litellm", "/v1/traces"):
        answer = client.post(path, json={})
        assert answer.status_code == 403, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert "dora may look" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "buttons", "words"),
    [
        ("dora", [], "dora may look; it takes approve"),
        ("bob", ["dismiss"], "bob may operate; it takes approve to approve a recommendation: ask anna, eve or carl"),
        ("anna", ["approve", "dismiss"], None),
        ("carl", ["approve", "dismiss"], None),
    ],
)
def test_a_page_has_the_buttons_somebody_may_press_and_says_why_not_the_others(one, name, buttons, words):
    page = sign_in(one, name).get(f"/recommendations/{ID}").text
    assert [b for b in ("approve", "dismiss") if f'action="/recommendations/{ID}/{b}"' in page] == buttons
    assert (words or "may-not") in page if words else "may-not" not in page
    assert f"signed in as {name}, who may {NAMES[name]}" in page


def test_the_stop_page_shows_who_can_let_changes_go_again(one):
    assert "<form" not in sign_in(one, "dora").get("/stop").text
    assert 'action="/stop"' in sign_in(one, "bob").get("/stop").text
    sign_in(one, "bob").post("/stop", data={"reason": "incident 7"})
    page = sign_in(one, "anna").get("/stop").text
    assert "<form" not in page
    assert "anna may approve; it takes administer to let changes go again: ask carl." in page
    assert 'action="/resume"' in sign_in(one, "carl").get("/stop").text


def test_the_first_of_two_is_shown_everywhere_and_the_second_decides(two):
    said = approve(sign_in(two, "anna")).json()
    assert (said["state"], said["version"], [a["by"] for a in said["approvals"]]) == ("open", 1, ["anna"])
    assert two.nudged == 0, "there is nothing to do yet"
    line = "anna approved it at 12:00:05; one more person is needed until 12:15."
    for name, may in (("anna", False), ("eve", True)):
        page = sign_in(two, name).get(f"/recommendations/{ID}").text
        assert line in page
        assert (f'action="/recommendations/{ID}/approve"' in page) is may
    assert "approved by anna, one more is needed" in sign_in(two, "bob").get("/recommendations").text
    assert "anna approved, as the first of two" in sign_in(two, "bob").get("/activity").text
    assert sign_in(two, "eve").post(f"/recommendations/{ID}/approve", data={"version": "1"}).status_code == 303
    said = sign_in(two, "bob").get(f"/api/v1/recommendations/{ID}").json()
    assert (said["state"], [a["by"] for a in said["approvals"]]) == ("approved", ["anna", "eve"])
    assert two.nudged == 1
    assert "Approved by anna and eve at 12:00:05" in sign_in(two, "bob").get(f"/recommendations/{ID}").text


def test_a_double_click_and_a_name_on_trust_are_refused_with_words(two):
    approve(sign_in(two, "anna"))
    again = approve(sign_in(two, "anna"))
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "you have approved it already: one more person is needed",
    )
    trust = approve(sign_in(two, "shared"))
    assert trust.status_code == 409
    assert "each with a token of their own" in trust.json()["detail"]
    page = sign_in(two, "shared").get(f"/recommendations/{ID}").text
    assert "2 people approve here, each with a token of their own: ask anna, eve or carl" in page
    assert f'action="/recommendations/{ID}/approve"' not in page
    record = two.ledger.recommendation(ID)
    assert (record.state, [a.by for a in record.approvals]) == (State.OPEN, ["anna"])


def test_the_api_describes_who_may(one):
    paths = sign_in(one, "dora").get("/openapi.json").json()["paths"]
    said = {
        path: paths[f"/api/v1/{path}"]["post"]["responses"]["403"] for path in ("stop", "recommendations/{id_}/approve")
    }
    assert "it takes `approve` to approve a recommendation" in said["recommendations/{id_}/approve"]["description"]
    assert "`administer` to let changes go again" in said["stop"]["description"]
    assert "application/problem+json" in said["stop"]["content"]


def test_every_route_that_changes_something_asks_who_may():
    """But for the door of those who hand in calls: the guard's floor is all it needs."""
    asking = {}
    for file in sorted((Path(web.__file__).parent).rglob("*.py")):
        for made in ast.walk(ast.parse(file.read_text())):
            if isinstance(made, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(_changes, made.decorator_list)):
                asking[f"{file.stem}.{made.name}"] = "demand(" in ast.unparse(made)
    assert len(asking) >= 8, "the routes were not found: this test looks at nothing"
    assert [name for name, asks in asking.items() if not asks] == ["intake.intake"]


def _changes(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Attribute) and called.attr in {"post", "put", "patch", "delete", "api_route"}
