"""Fleets that few people have: whatever fleet.yaml may say, what is generated from it is whole and loads."""

import json
import subprocess
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml

from controlplane.detect import DEFAULT_DETECTORS
from controlplane.generate.output import files
from controlplane.settings.alerts import AlertName
from controlplane.settings.load import examine
from tests.generate.dashboards import lint

SEEN = "sources: {prometheus: http://p:9090}\n"
FORTY = "".join(
    f"  role-{n:02d}:\n    model: {{name: org/model-{n % 7}}}\n    engine: {('vllm', 'sglang', 'ray-serve')[n % 3]}\n"
    f"    replicas: {{min: 1, max: 20}}\n    slo: {{ttft_p95: 1s}}\n    select: {{namespace: ns-{n}}}\n"
    f"    scaled_object: ns-{n}/role.{n}\n    workload: ns-{n}/role-{n}\n    scaling: {{pods: app=role-{n}}}\n"
    for n in range(40)
)
OFF = ", ".join(f"{detector.id}: {{enabled: false}}" for detector in DEFAULT_DETECTORS)
ODD = {
    "one role and nothing else": SEEN + "roles: {chat: {model: {name: m}}}\n",
    "forty roles": SEEN + "scaling: {signal: planner}\nroles:\n" + FORTY,
    "names of letters that mean something elsewhere": SEEN
    + "roles:\n  9-a:\n    model: {name: 'org/Mo.del+x|y(z)[0]$1&<b>#%{{c}}'}\n    slo: {ttft_p95: 1s}\n"
    "    select: {namespace: llm}\n    scaled_object: llm/a.b\n    workload: llm/a\n",
    "slices only": "sources: {kubernetes: {in_cluster: true}}\nserve: {host: 0.0.0.0, token_file: /run/secrets/t}\n"
    "roles:\n  a:\n    model: {name: m}\n    gpus: {type: h200-141gb, per_replica: 2, mig: 1g.18gb}\n"
    "    pods: {namespace: llm, selector: app=a}\n",
    "a pair and a pool of one model": SEEN
    + "roles:\n"
    + "".join(
        f"  {role}:\n    model: {{name: big}}\n    phase: {role}\n    slo: {{ttft_p95: 1s, itl_p95: 100ms}}\n"
        f"    select: {{namespace: llm-{role}}}\n"
        for role in ("prefill", "decode", "both")
    ),
    "SGLang only, looked at from outside": "roles:\n  a:\n    model: {name: m}\n    engine: sglang\n    mode: observe\n"
    "    targets: ['http://10.0.0.1:30000/metrics']\n",
    "everything off": SEEN + f"roles: {{a: {{model: {{name: m}}}}}}\ndetectors: {{{OFF}}}\n"
    f"alerts: {{without: [{', '.join(AlertName)}]}}\n",
    "odd numbers": SEEN + "tick: 7s\nbudget: {dollars_per_hour: 0.000001}\nrules: {pod_buckets: never}\n"
    "cost: {weights: {prompt: 1, cached: 0, output: 3.3333333333}}\n"
    "alerts: {between_edges: stricter, labels: {team: 'a \"b\" $c <d>'}}\n"
    "roles: {a: {model: {name: m}, slo: {ttft_p95: 1700ms, itl_p95: 37ms, e2e_p95: 3h}, select: {namespace: llm}}}\n",
}


@cache
def made(text: str) -> Mapping[str, str]:
    whole = "fleet: odd\n" + text
    return files(examine(whole.encode(), folder=Path("/")), whole)


def rules(text: str) -> Mapping[str, str]:
    return {path: body for path, body in made(text).items() if path.startswith("rules/")}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_dashboards_are_whole(text: str) -> None:
    boards = {path: body for path, body in made(text).items() if path.startswith("dashboards/")}
    assert len(boards) == 8
    assert [fault for body in boards.values() for fault in lint.faults(json.loads(body))] == []


@pytest.mark.real
def test_rules_load(promtool_binary: Path, tmp_path: Path) -> None:
    for i, text in enumerate(ODD.values()):
        for path, body in rules(text).items():
            (tmp_path / f"{i}-{Path(path).name}").write_text(body, encoding="utf-8")
    done = subprocess.run(
        [promtool_binary, "check", "rules", *sorted(tmp_path.iterdir())], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_no_two_rules_are_the_same(text: str) -> None:
    told = Counter(
        (rule.get("record") or rule["alert"], json.dumps(rule.get("labels"), sort_keys=True))
        for body in rules(text).values()
        for group in yaml.load(body, yaml.CSafeLoader)["groups"]
        for rule in group["rules"]
    )
    assert [rule for rule, times in told.items() if times > 1] == []
