"""llm-d-inference-sim: an imitation of vLLM in Go, written by others, whose metrics can be moved while it runs."""

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.real_servers import RunningServer, free_port, running

QUIET: dict[str, Any] = {
    "running-requests": 2,
    "waiting-requests": 0,
    "kv-cache-usage": 0.2,
    "total-prompt-tokens": 1000,
    "total-generation-tokens": 500,
    "request-success-total": {"stop": 10},
    "ttft-buckets-values": [0] * 23,
}
TTFT_EDGES = 23
"""Buckets of its TTFT histogram; number 12 ends at 2.5 s, number 13 at 5 s."""


@dataclass
class Sim:
    """One running simulator."""

    server: RunningServer
    metrics: dict[str, Any] = field(default_factory=lambda: dict(QUIET))

    @property
    def page(self) -> str:
        """URL of its metrics page."""
        return f"{self.server.url}/metrics"

    def move(self, **metrics: Any) -> None:
        """Set fake metrics; ``_`` stands for ``-`` in their names."""
        changes = {name.replace("_", "-"): value for name, value in metrics.items()}
        self.metrics |= changes
        request = urllib.request.Request(
            f"{self.server.url}/admin/config",
            data=json.dumps({"fake-metrics": changes}).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=5) as reply:
            reply.read()

    def work(self, *, prompt: int, output: int, slow: int) -> None:
        """Serve some tokens; ``slow`` first tokens came between 2.5 s and 5 s."""
        buckets = list(self.metrics["ttft-buckets-values"])
        buckets[13] += slow
        self.move(
            total_prompt_tokens=self.metrics["total-prompt-tokens"] + prompt,
            total_generation_tokens=self.metrics["total-generation-tokens"] + output,
            ttft_buckets_values=buckets,
        )


@contextlib.contextmanager
def inference_sim(binary: Path, model: str, folder: Path) -> Iterator[Sim]:
    """Run one simulator of ``model``; its log goes to ``folder``."""
    port = free_port()
    command: list[str | Path] = [binary, "--model", model, "--port", str(port), "--fake-metrics", json.dumps(QUIET)]
    url = f"http://127.0.0.1:{port}"
    with running(command, log=folder / f"sim-{port}.log", ready=f"{url}/metrics", url=url) as server:
        yield Sim(server)
