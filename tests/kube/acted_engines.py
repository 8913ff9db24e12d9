"""Engine pages for pods that only kwok acts: one server, and a page for each pod's own address, as its role behaves.

Counters grow with the clock of the service that reads them, so that time may run faster than life.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from controlplane.clock import Clock

EDGES = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 7.5, 10.0)


@dataclass(frozen=True)
class Doing:
    """What one replica of a role does."""

    running: float
    waiting: float
    ttft: float
    """Seconds to the first token of every request."""
    busy: float
    """Share of the GPU's time, and of its KV cache."""
    finishes: float
    """Requests a second."""


Behaviour = Callable[[int], Doing]
"""What a replica does when so many are ready."""

IDLE = Doing(running=0, waiting=0, ttft=0.2, busy=0.01, finishes=0.2)


@dataclass(frozen=True)
class Pod:
    """A ready pod."""

    name: str
    role: str
    address: str


@dataclass
class Engines:
    """Who does what. ``behaves`` may be changed at any time."""

    clock: Clock
    space: str
    pods: Callable[[], list[Pod]]
    behaves: dict[str, Behaviour]
    counted: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """By pod: when it was last counted, requests finished, and those of them that were slow."""

    def doing(self, role: str) -> Doing:
        """What each replica of a role does now."""
        return self.behaves[role](sum(pod.role == role for pod in self.pods()))

    def engine_page(self, address: str) -> str | None:
        """The page of the pod at an address; ``None`` when there is none."""
        pod = next((p for p in self.pods() if p.address == address), None)
        if pod is None:
            return None
        doing, now = self.doing(pod.role), self.clock.now().timestamp()
        last, done, slow = self.counted.get(pod.name, (now, 0.0, 0.0))
        more = doing.finishes * (now - last)
        done, slow = done + more, slow + (more if doing.ttft > 1 else 0.0)
        self.counted[pod.name] = (now, done, slow)
        return _vllm({"running": doing.running, "waiting": doing.waiting, "kv": doing.busy}, done, slow, doing.ttft)

    def dcgm_page(self) -> str:
        """The GPUs of all pods."""
        lines = []
        for name in ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_DRAM_ACTIVE"):
            lines.append(f"# TYPE {name} gauge")
            for i, pod in enumerate(sorted(self.pods(), key=lambda p: p.name)):
                labels = f'gpu="{i}",UUID="GPU-{i}",Hostname="gpu-a",namespace="{self.space}",pod="{pod.name}"'
                lines.append(f"{name}{{{labels}}} {self.doing(pod.role).busy}")
        return "\n".join([*lines, ""])


def _vllm(gauges: Mapping[str, float], done: float, slow: float, ttft: float) -> str:
    labels = 'engine="0",model_name="acted"'
    lines = []
    for name, value in (
        ("num_requests_running", gauges["running"]),
        ("num_requests_waiting", gauges["waiting"]),
        ("kv_cache_usage_perc", gauges["kv"]),
    ):
        lines += [f"# TYPE vllm:{name} gauge", f"vllm:{name}{{{labels}}} {value}"]
    for name, value in (("prompt_tokens", done * 500), ("generation_tokens", done * 100), ("num_preemptions", 0.0)):
        lines += [f"# TYPE vllm:{name} counter", f"vllm:{name}_total{{{labels}}} {value}"]
    lines += [
        "# TYPE vllm:request_success counter",
        f'vllm:request_success_total{{{labels},finished_reason="stop"}} {done}',
    ]
    lines.append("# TYPE vllm:time_to_first_token_seconds histogram")
    for edge in EDGES:
        within = done if edge >= max(ttft, 5.0) else done - slow if edge >= 0.25 else 0.0
        lines.append(f'vllm:time_to_first_token_seconds_bucket{{{labels},le="{edge}"}} {within}')
    lines.append(f'vllm:time_to_first_token_seconds_bucket{{{labels},le="+Inf"}} {done}')
    lines.append(f"vllm:time_to_first_token_seconds_count{{{labels}}} {done}")
    lines.append(f"vllm:time_to_first_token_seconds_sum{{{labels}}} {done * ttft}")
    return "\n".join([*lines, ""])


@contextlib.contextmanager
def serve(engines: Engines) -> Iterator[int]:
    """Serve all pages on one port of every loopback address: ``/metrics`` is the pod's there, ``/dcgm`` the GPUs'."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 64 * 1024

        def do_GET(self) -> None:
            here = self.connection.getsockname()[0]
            page = engines.dcgm_page() if self.path == "/dcgm" else engines.engine_page(here)
            body = (page or "no such pod").encode()
            self.send_response(200 if page is not None else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET

    server = Server(("", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
