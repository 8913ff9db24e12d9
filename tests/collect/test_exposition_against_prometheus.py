"""The same pages read by a real Prometheus: what both read is the same, and where we are stricter is listed here."""

import asyncio
import json
import threading
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.collect.exposition import parse
from controlplane.errors import ExpositionError
from tests import real_servers
from tests.collect.pages import OPENMETRICS, TEXT, real
from tests.collect.wire import whole, wire

pytestmark = pytest.mark.real

BOTH_READ: Mapping[str, str] = {
    "vLLM 0.32": real("vllm-0.32.0-planner-1").decode(),
    "vLLM 0.10": real("vllm-0.10.2-prefix-heavy").decode(),
    "LiteLLM": real("litellm-1.109.1-idle").decode(),
    "numbers": "a 1\nb -0\nc +1\nd 1.\ne .5\nf 1E-3\ng +Inf\nh -Inf\ni 123456789012345678901234567890\n",
    "escapes": 'a{x="C:\\\\dir",y="say \\"hi\\"",z="two\\nlines",w="\\d"} 1\n',
    "blanks": '# comment\n\na { x = "1" , y = "2" , }\t1\n',
    "braces": 'a{x="} 5 # ",y="{,}"} 1\n',
    "no such label": 'a{x=""} 1\n',
    "type of another": "# TYPE a_total counter\na_total 1\n# TYPE a gauge\na 1\n",
    "openmetrics": '# TYPE a counter\na_total 8 # {trace_id="4bf9"} 0.067\n'
    "# TYPE b_s gauge\n# UNIT b_s s\nb_s 1\n# EOF\n",
}
BOTH_REFUSE: Mapping[str, str] = {
    "no value": "a\n",
    "hex": "a 0x10\n",
    "underscores": "a 1_000\n",
    "digits of another script": "a ٣\n",
    "overflow": "a 1e999\n",
    "carriage return": "a 1\r\n",
    "exemplar in classic text": 'a_bucket{le="0.1"} 8 # {trace_id="4bf9"} 0.067\n',
    "timestamp with a fraction": "a 1 1.5\n",
    "name begins with a digit": "1a 1\n",
    "open string": 'a{x="1} 1\n',
    "no quotes": "a{x=1} 1\n",
    "html": "<!DOCTYPE html>\n",
    "json": '{"status": "ok"}\n',
    "unknown type": "# TYPE a nonsense\na 1\n",
    "label twice": 'a{x="1",x="2"} 1\n',
    "openmetrics without end": "# TYPE a gauge\na 1\n# EO\n",
}
ONLY_WE_REFUSE: Mapping[str, str] = {
    "a series twice": "a 1\na 2\n",
    "last line without end": "a 1\nb 12",
    "two types": "# TYPE a counter\n# TYPE a gauge\na 1\n",
    "le is no number": 'a_bucket{le="small"} 1\n',
    "nothing on the page": "# nothing\n",
}
PAGES = {**BOTH_READ, **BOTH_REFUSE, **ONLY_WE_REFUSE}


def is_openmetrics(name: str) -> bool:
    return name.startswith("openmetrics")


def asked(url: str, query: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}", timeout=10) as answer:
        rows: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return rows


@pytest.fixture
async def prometheus_says(prometheus_binary: Path, tmp_path: Path) -> dict[str, dict[str, str] | None]:
    """By page: what Prometheus made of it as series and value; ``None`` where it refused the scrape."""
    names = list(PAGES)

    async def say(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = names[int(server.requests[-1].split(b" ", 2)[1].rpartition(b"/")[2])]
        content_type = OPENMETRICS if is_openmetrics(name) else TEXT
        writer.write(whole(PAGES[name].encode(), f"Content-Type: {content_type}", "Connection: close"))
        await writer.drain()

    async with wire(say) as server:
        address = urllib.parse.urlsplit(server.url).netloc
        groups = [
            {"targets": [address], "labels": {"__metrics_path__": f"/{n}", "page": str(n)}} for n in range(len(names))
        ]
        scraping = {"job_name": "j", "scrape_interval": "1s", "static_configs": groups}
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [scraping]}))
        port = real_servers.free_port()
        command = [
            *(prometheus_binary, f"--config.file={tmp_path / 'prometheus.yml'}"),
            *(f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}"),
        ]
        url = f"http://127.0.0.1:{port}"

        def look() -> dict[str, dict[str, str] | None]:
            found: dict[str, dict[str, str] | None] = {
                names[int(row["metric"]["page"])]: {} if row["value"][1] == "1" else None for row in asked(url, "up")
            }
            own = "up|scrape_.*"
            for row in asked(url, f'{{page!="",__name__!~"{own}"}}'):
                labels = {k: v for k, v in row["metric"].items() if k not in ("page", "job", "instance")}
                series = found[names[int(row["metric"]["page"])]]
                if series is not None:
                    series[json.dumps(labels, sort_keys=True)] = row["value"][1]
            return found

        def run() -> dict[str, dict[str, str] | None]:
            with real_servers.running(command, log=tmp_path / "log", ready=f"{url}/-/ready"):
                pause = threading.Event().wait
                for _ in range(60):
                    if len(asked(url, "up")) == len(names):
                        return look()
                    pause(0.5)
            raise AssertionError("Prometheus has not scraped every page")

        return await asyncio.to_thread(run)


async def test_both_read_the_same_series_and_values(prometheus_says: dict[str, dict[str, str] | None]):
    for name, text in BOTH_READ.items():
        page = parse(text.encode(), openmetrics=is_openmetrics(name))
        ours = {
            json.dumps({"__name__": key.name, **dict(key.labels)}, sort_keys=True): value
            for key, value in zip(page.layout.keys, page.values, strict=True)
        }
        theirs = prometheus_says[name]
        assert theirs is not None, f"Prometheus refuses {name}"
        assert ours.keys() == theirs.keys(), name
        assert {k: float(v) for k, v in theirs.items()} == ours, name
    for name, text in {**BOTH_REFUSE, **ONLY_WE_REFUSE}.items():
        with pytest.raises(ExpositionError):
            parse(text.encode(), openmetrics=is_openmetrics(name))
        assert (prometheus_says[name] is None) is (name in BOTH_REFUSE), name
