"""The fleet.yaml that somebody would have written for the simulated cluster."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from controlplane.simulate.shape import ClusterShape, RoleShape

PRICES: Mapping[str, float] = {"h100-pcie-80gb": 2.50, "a100-pcie-80gb": 1.35, "l40-48gb": 1.00}
"""$ per GPU-hour of the reference fleet."""

PROMISED: Mapping[str, dict[str, str]] = {
    "planner": {"ttft_p95": "7500ms", "itl_p95": "150ms"},
    "worker": {"ttft_p95": "1s", "itl_p95": "150ms"},
}
"""What is promised of whom: what the fleet keeps while nothing is wrong."""

CEILINGS: Mapping[str, tuple[int, int]] = {
    "planner": (1, 1),
    "worker": (2, 6),
    "embedder": (1, 4),
    "reranker": (1, 2),
}
"""A person's own floor and ceiling; the ScaledObjects' bounds may be narrower. The planner has its two H100 and
no more: what cures it is its KV cache, not another $5.00 an hour."""


def fleet_yaml(
    cluster: ClusterShape,
    *,
    targets_file: Path,
    patches: Path,
    store: str,
    port: int,
    modes: Mapping[str, str],
    prices: Mapping[str, float] = PRICES,
) -> str:
    """The text of the file. ``modes`` is the ladder of trust by role; ``propose`` where it says nothing."""
    document = {
        "fleet": "demo",
        "prices": dict(prices),
        "sources": {"targets_file": str(targets_file), "scrape_interval": "15s"},
        "tick": "15s",
        "roles": {
            role.name: _role(role, modes.get(role.name, "propose")) | _asked_as(role, cluster) for role in cluster.roles
        },
        "sessions": {"source": "litellm", "idle_after": "5m"},  # agents here never pause for longer
        "hands": {"mode": "gitops", "directory": str(patches)},
        "budget": {"dollars_per_hour": 25},
        "guardrails": {"learning": {"span": "0s"}},  # a demo has no week to watch first
        "store": {"url": store},
        "serve": {"host": "127.0.0.1", "port": port},
    }
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=120)


def _asked_as(role: RoleShape, cluster: ClusterShape) -> dict[str, Any]:
    """The name callers use where it is not the role's own."""
    names = [asked for asked, pools in cluster.split.items() if role.name in pools]
    return {"served_as": names} if names else {}


def _role(role: RoleShape, mode: str) -> dict[str, Any]:
    least, most = CEILINGS.get(role.name, (role.min, role.max))
    gpus: dict[str, Any] = {"type": role.gpu, "per_replica": role.gpus_per_replica}
    if role.mig is not None:
        gpus["mig"] = role.mig
    declared: dict[str, Any] = {
        "model": {"name": role.model, "kv_cache_dtype": role.kv_cache_dtype},
        "engine": "vllm",
        "gpus": gpus,
        "replicas": {"min": least, "max": most},
        "scaled_object": f"{role.namespace}/{role.name}",
        "workload": f"{role.namespace}/{role.name}",
        "mode": mode,
    }
    if role.phase != "both":
        declared["phase"] = role.phase
    if role.name in PROMISED:
        declared["slo"] = PROMISED[role.name]
    if "FP8" in role.model.upper() or role.name == "planner":
        declared["model"]["precision"] = "fp8"
    return declared
