"""One question to Prometheus over real HTTP: good answers are read, every kind of bad one is refused with its word."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from controlplane.collect.answers import AnswerLimits
from controlplane.collect.prometheus_api import PrometheusApi
from controlplane.errors import SourceError
from controlplane.model.page import Fault
from tests.collect.fake_http import Asked, FakeHttp, Reply, fake_http
from tests.real_servers import free_port

LIMITS = AnswerLimits(body=4096, deadline=timedelta(milliseconds=400))


def vector(*rows: tuple[dict[str, str], str], **more: Any) -> Reply:
    """An instant vector as Prometheus sends it."""
    result = [{"metric": labels, "value": [1.5, text]} for labels, text in rows]
    data = {"resultType": "vector", "result": result}
    return Reply(json.dumps({"status": "success", "data": data, **more}).encode())


@pytest.fixture
def server() -> Iterator[FakeHttp]:
    with fake_http(lambda _: vector(({"pod": "a"}, "7"))) as fake:
        yield fake


@pytest.fixture
def api(server: FakeHttp) -> Iterator[PrometheusApi]:
    api = PrometheusApi(server.url, monotonic=time.perf_counter, limits=LIMITS)
    yield api
    api.close()


def test_an_answer_is_read_with_its_labels(server: FakeHttp, api: PrometheusApi) -> None:
    (sample,) = api.query("up", at=1234.5)
    assert (sample.labels, sample.value) == ({"pod": "a"}, 7.0)
    (asked,) = server.asked
    assert asked.path == "/api/v1/query"
    assert asked.fields == {"query": "up", "time": "1234.500", "timeout": "0.4s"}
    assert asked.headers["Accept-Encoding"] == "identity"
    assert "Authorization" not in asked.headers


def test_the_token_is_asked_for_anew_and_sent(server: FakeHttp) -> None:
    tokens = iter(["one", "two"])
    api = PrometheusApi(server.url, monotonic=time.perf_counter, bearer=lambda: next(tokens))
    api.query("up")
    api.query("up")
    api.close()
    assert [a.headers["Authorization"] for a in server.asked] == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf"])
def test_a_number_that_is_none_is_left_out(server: FakeHttp, api: PrometheusApi, text: str) -> None:
    server.answer = lambda _: vector(({"pod": "a"}, text), ({"pod": "b"}, "0"))
    assert [s.labels["pod"] for s in api.query("up")] == ["b"]


def test_remarks_on_the_query_do_not_spoil_the_data(server: FakeHttp, api: PrometheusApi) -> None:
    server.answer = lambda _: vector(({}, "1"), infos=["metric might not be a counter"])
    assert len(api.query("up")) == 1


ERROR = json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error"}).encode()
BAD = {
    "warnings": (vector(({}, "1"), warnings=["store gateway unavailable"]), Fault.PARTIAL),
    "Thanos' partial": (vector(({}, "1"), isPartial=True), Fault.PARTIAL),
    "400": (Reply(ERROR, 400), Fault.STATUS),
    "422": (Reply(ERROR, 422), Fault.STATUS),
    "500 in HTML": (Reply(b"<html>", 500, "text/html"), Fault.STATUS),
    "503": (Reply(json.dumps({"status": "error", "errorType": "timeout"}).encode(), 503), Fault.TIMEOUT),
    "401": (Reply(status=401), Fault.UNAUTHORISED),
    "403": (Reply(status=403), Fault.UNAUTHORISED),
    "redirect": (Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}), Fault.REDIRECT),
    "an error with 200": (Reply(ERROR), Fault.STATUS),
    "HTML with 200": (Reply(b"<html>login</html>"), Fault.MALFORMED),
    "empty": (Reply(b""), Fault.MALFORMED),
    "a list": (Reply(b"[]"), Fault.MALFORMED),
    "no data": (Reply(b'{"status": "success"}'), Fault.MALFORMED),
    "a scalar": (Reply(b'{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}'), Fault.MALFORMED),
    "no list": (Reply(b'{"status":"success","data":{"resultType":"vector","result":{}}}'), Fault.MALFORMED),
    "odd rows": (
        Reply(b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}'),
        Fault.MALFORMED,
    ),
    "no number": (vector(({}, "many")), Fault.MALFORMED),
    "too large": (Reply(b" " * 5000), Fault.TOO_LARGE),
    "deep": (Reply(b"[" * 4000), Fault.MALFORMED),
    "compressed": (Reply(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), Fault.ENCODING),
    "cut short": (Reply(b'{"status":', claim=100), Fault.TRUNCATED),
    "hangs": (Reply(hang=True), Fault.TIMEOUT),
    "drips": (Reply(b" " * 100, drip=0.02), Fault.TIMEOUT),
}


@pytest.mark.parametrize(("reply", "fault"), BAD.values(), ids=BAD.keys())
def test_a_bad_answer_is_refused_with_its_word(
    server: FakeHttp, api: PrometheusApi, reply: Reply, fault: Fault
) -> None:
    server.answer = lambda _: reply
    begun = time.perf_counter()
    with pytest.raises(SourceError) as caught:
        api.query("up")
    assert caught.value.fault is fault
    assert len(caught.value.detail) <= 120
    assert time.perf_counter() - begun < 3
    assert len(server.asked) == 1, "nothing is tried twice"


def test_nobody_there_is_a_refusal() -> None:
    api = PrometheusApi(f"http://127.0.0.1:{free_port()}", monotonic=time.perf_counter, limits=LIMITS)
    with pytest.raises(SourceError) as caught:
        api.query("up")
    assert caught.value.fault is Fault.REFUSED
    api.close()


def test_long_queries_travel_in_the_body(server: FakeHttp, api: PrometheusApi) -> None:
    asked: list[Asked] = server.asked
    api.query("up" + " or up" * 3000)
    assert len(asked[0].fields["query"]) > 15_000
