"""Who may ask, from where: the guard answers before any page is reached."""

import base64

import pytest

from controlplane.web.guard import HEADERS, LARGEST_BODY, refuse_wide

TOKEN = "a-token-nobody-guesses"


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_without_a_token_loopback_is_open_and_everybody_is_local(house):
    assert house.client().get("/api/v1/fleet").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="nothing"),
        pytest.param("Bearer wrong", id="wrong token"),
        pytest.param("Bearer", id="empty token"),
        pytest.param("Basic !!!", id="not base64"),
        pytest.param("Basic " + base64.b64encode(b"\xff\xfe").decode(), id="not text"),
        pytest.param(basic("ada", "wrong"), id="wrong password"),
        pytest.param(f"Digest {TOKEN}", id="another scheme"),
    ],
)
def test_with_a_token_whoever_does_not_show_it_learns_nothing(house, header):
    house.token = TOKEN
    client = house.client(**({"authorization": header} if header else {}))
    for path in ("/", "/api/v1/fleet", "/metrics", "/openapi.json", "/recommendations"):
        answer = client.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert "planner" not in answer.text


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", basic("ada", TOKEN)])
def test_with_the_token_the_door_opens(house, header):
    house.token = TOKEN
    assert house.client(authorization=header).get("/api/v1/fleet").status_code == 200


def test_the_user_name_of_a_browser_is_kept_as_the_person_who_acted(house):
    house.token = TOKEN
    answer = house.client(authorization=basic("ada", TOKEN)).post("/api/v1/stop", json={"on": True, "reason": "why"})
    assert answer.json()["by"] == "ada"


def test_the_probes_need_no_token(house):
    house.token = TOKEN
    assert house.client().get("/healthz").status_code == 200
    assert house.client().get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"sec-fetch-site": "cross-site"}, id="another site"),
        pytest.param({"sec-fetch-site": "same-site"}, id="a sibling host"),
        pytest.param({"origin": "http://evil.example"}, id="another origin"),
        pytest.param({"origin": "null"}, id="a sandboxed frame"),
    ],
)
def test_nothing_is_changed_for_another_origin(house, headers):
    answer = house.client(**headers).post("/api/v1/stop", json={"on": True, "reason": "forged"})
    assert answer.status_code == 403
    assert house.ledger.stopped() is None


def test_our_own_pages_may_change_things(house):
    client = house.client(**{"sec-fetch-site": "same-origin", "origin": "http://testserver"})
    assert client.post("/api/v1/stop", json={"on": True, "reason": "why"}).status_code == 200


def test_a_form_cannot_reach_the_json_api(house):
    answer = house.client().post("/api/v1/stop", data={"on": "true", "reason": "forged"})
    assert answer.status_code == 415


def test_another_host_name_is_not_answered(house):
    assert house.client(host="evil.example").get("/api/v1/fleet").status_code == 421
    assert house.client(host="[broken").get("/api/v1/fleet").status_code == 421


def test_a_prometheus_in_the_cluster_may_call_us_by_any_name_but_needs_the_token(house):
    assert house.client(host="10.1.2.3:8700").get("/metrics").status_code == 200
    house.token = TOKEN
    assert house.client(host="10.1.2.3:8700").get("/metrics").status_code == 401


def test_a_large_body_is_refused_before_it_is_read(house):
    answer = house.client().post("/api/v1/stop", json={"on": True, "reason": "x" * LARGEST_BODY})
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/", "/api/v1/fleet", "/nothing-here", "/metrics"])
def test_every_answer_carries_the_strict_headers(house, path):
    headers = house.client().get(path).headers
    for name, value in HEADERS.items():
        assert headers[name.decode()] == value.decode()
    assert "unsafe" not in headers["content-security-policy"]


def test_a_get_never_changes_anything(house):
    client = house.client()
    before = house.ledger.recommendations()
    for path in house.client().get("/openapi.json").json()["paths"]:
        client.get(path.replace("{id_}", before[0].recommendation.id).replace("{name}", "planner"))
    assert house.ledger.recommendations() == before
    assert house.ledger.stopped() is None


@pytest.mark.parametrize(
    ("host", "closed", "refused"),
    [
        ("127.0.0.1", False, False),
        ("localhost", False, False),
        ("0.0.0.0", False, True),
        ("10.1.2.3", False, True),
        ("0.0.0.0", True, False),
    ],
)
def test_listening_wider_than_loopback_needs_a_token(host, closed, refused):
    assert (refuse_wide(host, closed=closed) is not None) is refused
