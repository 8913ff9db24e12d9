"""Whose token was shown: a person's own says who they are, the shared one nothing; in doubt nobody is let in."""

import base64
import logging

import pytest

from controlplane.errors import RefusedError
from controlplane.model.person import LOCAL, May, Person
from controlplane.settings.load import examine
from controlplane.web.keys import Keys
from controlplane.wiring import build, keys_of

ANNA = Person(name="anna", may=May.APPROVE, known=True)
BOB = Person(name="bob", may=May.LOOK, known=True)


def keys(*, shared=None, intake=None, anna="anna's own token", bob="bob's own token") -> Keys:
    return Keys(shared=lambda: shared, intake=lambda: intake, people={ANNA: lambda: anna, BOB: lambda: bob})


def basic(user, password):
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def bearer(token):
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "headers", [bearer("bob's own token"), basic("bob", "bob's own token"), basic("anna", "bob's own token")]
)
def test_the_token_says_who_somebody_is_whatever_they_call_themselves(headers):
    assert keys().whose(headers, intake=False) == BOB


@pytest.mark.parametrize("headers", [{}, bearer(""), bearer("x"), basic("anna", ""), basic("anna", "x")])
def test_people_alone_close_the_door_to_everybody_else(headers):
    assert keys().whose(headers, intake=False) is None
    assert keys().whose(headers, intake=True) is None


def test_the_shared_token_may_everything_under_any_name_but_one_that_is_somebodys():
    both = keys(shared="everybody's")
    assert both.whose(basic("zoe", "everybody's"), intake=False) == Person(name="zoe", may=May.ADMINISTER, known=False)
    pretender = both.whose(basic("anna", "everybody's"), intake=False)
    assert pretender is not None
    assert (pretender.name, pretender.known) == ("anna (shared token)", False)
    assert both.whose(bearer("anna's own token"), intake=False) == ANNA


def test_without_any_token_everybody_is_local():
    assert Keys().whose({}, intake=True) == LOCAL


def test_the_token_of_calls_opens_their_door_only_and_is_no_person():
    calls = keys(intake="calls")
    assert calls.whose(bearer("calls"), intake=False) is None
    found = calls.whose(bearer("calls"), intake=True)
    assert found is not None
    assert (found.known, found.may) == (False, May.OPERATE)


@pytest.mark.parametrize(
    "doubled", [{"anna": "same", "bob": "same"}, {"shared": "same", "anna": "same"}, {"intake": "same", "bob": "same"}]
)
def test_a_token_of_two_is_refused_and_told_without_it(doubled, caplog):
    with caplog.at_level(logging.ERROR):
        assert keys(**doubled).whose(bearer("same"), intake=True) is None
    assert "belongs to several" in caplog.text
    assert "same" not in caplog.text
    words = keys(**doubled).refuse_doubles()
    assert words is not None
    assert "have the same token" in words
    assert "same token: write another one into the file of serve.people." in words


def test_tokens_of_their_own_are_not_doubles():
    assert keys().refuse_doubles() is None
    assert keys(shared="a", intake="a").refuse_doubles() is None, "as before: whoever hands in calls may everything"


def test_a_token_is_read_anew_each_time():
    token = ["old"]
    changing = Keys(people={ANNA: lambda: token[0]})
    assert changing.whose(bearer("old"), intake=False) == ANNA
    token[0] = "new"
    assert changing.whose(bearer("old"), intake=False) is None
    assert changing.whose(bearer("new"), intake=False) == ANNA


FLEET = """\
fleet: agents
roles: {planner: {model: {name: llama}, targets: ["http://127.0.0.1:1"]}}
serve: {people: {anna: {token_file: anna, may: administer}, bob: {token_file: bob, may: look}}}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "anna").write_text("one\n")
    (tmp_path / "bob").write_text("two\n")
    return tmp_path


def test_each_persons_file_lies_beside_fleet_yaml_and_is_read_anew(folder):
    found = keys_of(examine(FLEET.encode(), folder=folder).settings)
    bob = Person(name="bob", may=May.LOOK, known=True)
    assert found.whose(bearer("two"), intake=False) == bob
    (folder / "bob").write_text("three\n")
    assert found.whose(bearer("two"), intake=False) is None
    assert found.whose(bearer("three"), intake=False) == bob


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_file_that_holds_no_token_lets_nobody_in_and_shuts_out_nobody_else(folder, content):
    for name in ("anna", "bob"):
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)
    found = keys_of(examine(FLEET.encode(), folder=folder).settings)
    assert found.refuse_doubles() is None, "two files without a token are not one token"
    assert found.whose(bearer(""), intake=False) is None
    (folder / "anna").write_text("one")
    assert found.whose(bearer("one"), intake=False) is not None


def test_the_service_does_not_start_with_one_token_for_two_people(folder):
    (folder / "bob").write_text("one")
    settings = examine(FLEET.encode(), folder=folder).settings
    with pytest.raises(RefusedError, match=r"serve\.people\.bob and serve\.people\.anna have the same token"):
        build(settings)
