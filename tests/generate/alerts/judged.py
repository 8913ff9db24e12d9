"""promtool judges alerts by their scenarios: many alerts, and many broken ones, in one run of it."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from controlplane.generate.alerts import alert_groups
from controlplane.generate.alerts.alert import Alert
from controlplane.generate.alerts.edges import promised
from controlplane.generate.alerts.slo import slo_groups
from controlplane.generate.request import Request, request_of
from controlplane.settings.alerts import AlertName
from controlplane.settings.load import examine
from tests.generate.alerts.scenario import Scenario, as_tests

FLEET = """\
fleet: stage
sources: {prometheus: "http://127.0.0.1:9090"}
roles:
  planner: {model: {name: m}, slo: {ttft_p95: 2500ms, itl_p95: 75ms, e2e_p95: 60s}}
  pre: {model: {name: m2}}
  dec: {model: {name: m3}}
  transcriber: {model: {name: whisper}, replicas: {min: 0, max: 2}, scale_to_zero: true}
"""
"""A fleet with every kind of alert: promises, and a role that sleeps."""


def stage(text: str = FLEET) -> Request:
    """The request of a fleet.yaml given as text."""
    return request_of(examine(text.encode()), text)


def alerts_of(request: Request) -> tuple[Alert, ...]:
    """Every alert, in the order of the file."""
    groups = alert_groups(request.settings, promised(request))
    return tuple(rule for group in groups for rule in group.rules if isinstance(rule, Alert))


def rules_of(name: AlertName, alerts: Sequence[Alert], request: Request) -> list[object]:
    """One alert's rules, and before them what they need recorded: alone, so that nothing else is evaluated."""
    records = [rule for group in slo_groups(promised(request)) for rule in group.rules]
    needed = records if name is AlertName.LATENCY_BUDGET_BURN else []
    rules = [*needed, *(replace(alert, runbook_url="") for alert in alerts if alert.name is name)]
    return [rule.as_yaml() for rule in rules]


def judge(
    promtool: Path, folder: Path, stages: Mapping[str, tuple[list[object], Sequence[Scenario]]]
) -> Mapping[str, str]:
    """Name → what promtool says of it: nothing, when its rules do what its scenarios ask."""
    for name, (rules, scenarios) in stages.items():
        group = {"name": "g", "interval": "30s", "rules": rules}
        (folder / f"{name}.rules").write_text(json.dumps({"groups": [group]}))
        for step in sorted({scenario.step for scenario in scenarios}):
            tests = as_tests([scenario for scenario in scenarios if scenario.step == step])
            suite = {"rule_files": [f"{name}.rules"], "evaluation_interval": step, "tests": tests}
            (folder / f"{name}.{step}.test").write_text(json.dumps(suite))
    files = sorted(path.name for path in folder.glob("*.test"))
    done = subprocess.run(
        [promtool, "test", "rules", *files],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # failures go there: only together they are in order
        text=True,
        check=False,
    )
    said = dict.fromkeys(stages, "")
    for file, words in _by_file(done.stdout, files).items():
        said[file.split(".", 1)[0]] += words
    return said


def _by_file(output: str, files: Sequence[str]) -> Mapping[str, str]:
    """What is said of each file, empty for success."""
    found: dict[str, str] = {}
    blocks = re.split(r"^Unit Testing: +", output, flags=re.MULTILINE)[1:]
    for block in blocks:
        file, _, words = block.partition("\n")
        found[file.strip()] = "" if "SUCCESS" in words else words.strip() or "FAILED"
    assert sorted(found) == sorted(files), output[-2000:]
    return found
