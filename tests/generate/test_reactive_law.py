"""The law behind the planner, by promtool on recorded series: up, down, no change, nothing out of nothing."""

import subprocess
from pathlib import Path

import pytest
import yaml

from controlplane.decide.law import DEFAULT_LAW
from controlplane.generate.manifests.reactive import Reactive

pytestmark = pytest.mark.real

LAW = Reactive(namespace="llm", role="worker", ttft=1.0, law=DEFAULT_LAW)
ROLE = 'namespace="llm",role="worker",model="m",phase="both"'
OTHER = 'namespace="llm",role="planner",model="m",phase="both"'


def series(
    waiting: str = "0x40", kv: str = "0.5x40", replicas: str = "4x40", ttft: str | None = "0.3x40", labels: str = ROLE
) -> dict[str, str]:
    """A quarter of an hour of recorded values, one each 30 s."""
    found = {
        f"llm_role:requests_waiting_per_replica:avg{{{labels}}}": waiting,
        f"llm_role:kv_cache_usage:avg{{{labels}}}": kv,
        f"llm_role:replicas:count{{{labels}}}": replicas,
    }
    if ttft is not None:
        found[f'llm_role:ttft_seconds:quantile5m{{{labels},quantile="0.95",runtime="vllm"}}'] = ttft
    return found


CASES: list[tuple[str, dict[str, str], float | None, float | None]] = [
    ("steady", series(), 0, None),
    ("a queue", series(waiting="8x40"), 6.4, 6.4),
    ("a long queue", series(waiting="80x40"), 8, 8),
    ("full KV caches", series(kv="0.95x40"), 4 * 0.95 / 0.85, 4 * 0.95 / 0.85),
    ("late while requests wait", series(waiting="2x40", ttft="1.5x40"), 6, 6),
    ("late although nothing waits: more replicas would not help", series(ttft="1.5x40"), 0, None),
    ("idle", series(kv="0.1x40"), 0.5, 2),
    ("rather idle", series(kv="0.306x40"), 0.36 / 0.6, 4 * 0.36 / 0.6),
    ("idle but late", series(kv="0.1x40", ttft="0.9x40"), 0, None),
    ("idle for less than five minutes", series(kv="0.5x35 0.1x5"), 0, None),
    ("idle after a gap", series(waiting="0x20 _x12 0x8", kv="0.1x20 _x12 0.1x8"), 0, None),
    ("idle, and a replica was lost", series(kv="0.1x40", replicas="5x36 4x4"), 0, None),
    ("idle without the first token's time", series(kv="0.1x40", ttft=None), 0.5, 2),
    ("another role has a queue", series() | series(waiting="80x40", labels=OTHER), 0, None),
    ("two models of a role", series() | series(waiting="8x40", labels=ROLE.replace('"m"', '"n"')), 6.4, 6.4),
    ("no replica answers", {}, None, None),
    ("everything has gone", series("0x25", "0.1x25", "4x25", "0.3x25"), None, None),
]


def test_every_case(promtool_binary: Path, tmp_path: Path):
    def row(expr: str, value: float | None) -> dict[str, object]:
        found = [] if value is None else [{"labels": "{}", "value": value}]
        return {"expr": expr, "eval_time": "20m", "exp_samples": found}

    tests = [
        {
            "name": name,
            "interval": "30s",
            "input_series": [{"series": s, "values": v} for s, v in given.items()],
            "promql_expr_test": [
                row(LAW.share(may_be_none=False), share),
                row(LAW.level(may_be_none=False), level),
                row(LAW.share(may_be_none=True), 0 if share is None else share),
            ],
        }
        for name, given, share, level in CASES
    ]
    (tmp_path / "law.yaml").write_text(yaml.safe_dump({"tests": tests, "evaluation_interval": "30s"}))
    done = subprocess.run(
        [promtool_binary, "test", "rules", "law.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
