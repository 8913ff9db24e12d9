"""``controlplane inspect``: a page explained, over files and over HTTP."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from controlplane.cli.inspect import as_json
from controlplane.cli.main import main
from controlplane.model.reading import Reading
from controlplane.observe.report import When, understand
from tests.observe.pages import DATA, a_page, captured

RAMP = "ramp/0022.prom"


def line(report, reading, when):
    (found,) = [x for x in report.lines if x.reading is reading and x.when is when]
    return found


def test_one_page_gives_gauges_of_now_and_totals_since_start():
    report = understand(captured(RAMP))
    assert report.summary == "vLLM ≥0.32.0, a page we can watch"
    assert (report.models, report.replicas, report.engines) == (("planner",), 1, 1)
    assert line(report, Reading.WAITING, When.NOW).value == 3
    assert line(report, Reading.KV_USAGE_MAX, When.NOW).series.startswith("vllm:kv_cache_usage_perc{")
    assert line(report, Reading.OUTPUT_TOKENS, When.SINCE_START).value == 22143
    assert line(report, Reading.PREFIX_HIT_RATIO, When.SINCE_START).value == pytest.approx(174880 / 208295)
    assert line(report, Reading.TTFT_P95, When.SINCE_START).note == "285 observations"
    assert not [x for x in report.lines if x.when is When.BETWEEN]


def test_two_pages_give_rates_too():
    report = understand(captured(RAMP), earlier=captured("ramp/0010.prom"), seconds=60.0)
    assert line(report, Reading.OUTPUT_TOKENS, When.BETWEEN).value == pytest.approx((22143 - 18810) / 60)
    assert line(report, Reading.TTFT_P95, When.BETWEEN).value == pytest.approx(5.125)


def test_what_is_missing_names_the_detectors_that_go_blind():
    report = understand(captured("data-parallel/01-idle-fresh.prom"), blind={Reading.WAITING: ["kv-pressure"]})
    (lack,) = [x for x in report.missing if x.reading is Reading.WAITING]
    assert lack.blind == ("kv-pressure",)
    assert any("no gauges yet" in note for note in report.notes)


def test_old_names_are_told_as_old():
    notes = understand(captured("vllm-0.10.2/02-prefix-heavy-01.prom")).notes
    assert any(note.startswith("gpu_cache_usage_perc is the old name of kv_cache_usage_perc") for note in notes)


def test_prefix_caching_that_is_off_is_said():
    page = a_page("vllm:num_requests_running 1", 'vllm:cache_config_info{enable_prefix_caching="False"} 1')
    assert any(note.startswith("prefix caching is off") for note in understand(page).notes)


@pytest.mark.parametrize(
    ("page", "summary"),
    [
        (captured("litellm-1.109.1.prom"), "not an engine's page: LiteLLM proxy"),
        (captured("disable-log-stats.prom"), "no engine readings: an OpenAI-compatible server that hides"),
        (
            a_page('DCGM_FI_DEV_GPU_UTIL{UUID="u",pod="p",namespace="n"} 5'),
            "not an engine's page: NVIDIA DCGM exporter",
        ),
        (a_page('keda_scaler_active{scaledObject="s"} 1'), "not an engine's page: KEDA operator"),
        (a_page("something 1"), "not an engine's page: a metrics page of a program we do not know"),
    ],
)
def test_pages_that_are_no_engines_say_what_they_are(page, summary):
    report = understand(page)
    assert report.summary.startswith(summary)
    assert not report.is_engine


@pytest.mark.parametrize("name", sorted(p.relative_to(DATA).as_posix() for p in DATA.rglob("*.prom")))
def test_every_captured_page_is_explained_in_words_and_in_json(name, capsys):
    assert main(["inspect", str(DATA / name)]) == 0
    assert capsys.readouterr().out.strip()
    assert main(["inspect", str(DATA / name), "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["is_engine"] == (name not in {"litellm-1.109.1.prom", "disable-log-stats.prom"})


def test_json_has_no_number_that_is_none():
    page = a_page("vllm:num_requests_running NaN", "vllm:num_requests_waiting +Inf", "vllm:generation_tokens_total NaN")
    told = json.loads(as_json(understand(page)))
    assert {x["value"] for x in told["lines"]} == {None}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><html></html>", "this is an HTML page"),
        (b'{"object": "list"}', "this is JSON"),
        (b"", "the file is empty"),
        (b"up 1\nnot a line\n", "not a metrics page"),
    ],
)
def test_a_file_that_is_no_metrics_page_gets_one_clear_line(tmp_path, capsys, body, words):
    file = tmp_path / "page"
    file.write_bytes(body)
    assert main(["inspect", str(file)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


class Engine(BaseHTTPRequestHandler):
    """Serves the ramp, one page further at each request."""

    pages = ("0010", "0013", "0016")
    asked = 0

    def do_GET(self):
        body = (DATA / "ramp" / f"{self.pages[min(type(self).asked, 2)]}.prom").read_bytes()
        type(self).asked += 1
        self.send_response(200 if self.path == "/metrics" else 404)
        self.send_header("Content-Type", "text/plain; version=1.0.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def engine():
    Engine.asked = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_is_read_twice_so_that_there_are_rates(engine, capsys):
    assert main(["inspect", engine, "--for", "0.2s", "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    between = {x["reading"]: x["value"] for x in told["lines"] if x["when"] == When.BETWEEN}
    assert told["seconds"] > 0.2
    assert between["output_tokens"] == pytest.approx((19111 - 18810) / told["seconds"])
    assert Engine.asked == 2


def test_a_server_that_refuses_gets_one_clear_line(capsys):
    assert main(["inspect", "127.0.0.1:9"]) == 2
    assert "connection refused; is the server running, and is the port right?" in capsys.readouterr().err.replace(
        "; ;", ";"
    )
