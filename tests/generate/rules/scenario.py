"""One situation of a fleet: what exporters say, and what must be recorded; judged by promtool.

Values are compared after rounding to a millionth, so that a scenario can be written with plain arithmetic.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from controlplane.generate.request import request_of
from controlplane.generate.rules import rule_files
from controlplane.settings.load import examine

MINUTES = 72
EVERY = "5m"
"""How often promtool evaluates all rules: each time costs some 25 ms, whatever the groups' own interval."""
SOON = "10m"
"""Two evaluations with full rates; gauges begin with the first of them, so money and tokens have the same ticks."""
LATER = "70m"
"""For what changes within the hour that prices are made of."""

Samples = Mapping[str, float]
"""Labels, as in a selector without its braces → value. Empty: no sample at all."""
NOTHING: Samples = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Series in, recorded samples out."""

    name: str
    fleet: str
    """Text of its fleet.yaml."""
    series: Mapping[str, str]
    """Series → values as promtool reads them, one each 30 s."""
    expect: Mapping[str, Samples]
    """PromQL → all samples it gives."""
    at: str = SOON

    def as_test(self) -> dict[str, object]:
        """The scenario as promtool reads it."""
        return {
            "name": self.name,
            "interval": "30s",
            "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
            "promql_expr_test": [
                {
                    "expr": f"round({expr}, 1e-6)",
                    "eval_time": self.at,
                    "exp_samples": [
                        {"labels": f"{{{labels}}}", "value": round(value, 6)} for labels, value in samples.items()
                    ],
                }
                for expr, samples in self.expect.items()
            ],
        }


def constant(value: float) -> str:
    """A gauge that stands still, from just before rates are full."""
    return f"_x8 {value:.15g}x{MINUTES * 2}"


def steady(per_second: float, born: float = 1000) -> str:
    """A counter that grows evenly."""
    return f"{born:g}+{per_second * 30:.15g}x{MINUTES * 2}"


@cache
def rules_of(fleet: str) -> Mapping[str, str]:
    """Recording rules of a fleet.yaml: path → text."""
    return rule_files(request_of(examine(fleet.encode()), fleet))


@cache
def groups_of(fleet: str) -> Mapping[str, Any]:
    """The same as documents: path → groups, in the order in which one builds on the other."""
    return {path: yaml.safe_load(text)["groups"] for path, text in rules_of(fleet).items()}


def flat(expression: str) -> str:
    """An expression on one line, as it was before it was laid out."""
    return re.sub(r"\( | \)", lambda m: m[0].strip(), re.sub(r"\s+", " ", expression))


def judge(promtool: Path, folder: Path, scenarios: Sequence[Scenario], rules: Mapping[str, str] | None = None) -> str:
    """What promtool has to say against scenarios of one fleet; empty when all is as expected."""
    folder.mkdir(parents=True, exist_ok=True)
    fleet = scenarios[0].fleet
    for path, text in (rules or rules_of(fleet)).items():
        (folder / Path(path).name).write_text(text, encoding="utf-8")
    suite = {
        "rule_files": [Path(path).name for path in groups_of(fleet)],
        "evaluation_interval": EVERY,
        "group_eval_order": [group["name"] for groups in groups_of(fleet).values() for group in groups],
        "tests": [scenario.as_test() for scenario in scenarios],
    }
    (folder / "test.yaml").write_text(json.dumps(suite), encoding="utf-8")  # JSON is YAML, and written ten times faster
    done = subprocess.run(
        [promtool, "test", "rules", "test.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "GOMAXPROCS": "1"},
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def judge_all(promtool: Path, folder: Path, scenarios: Sequence[Scenario]) -> str:
    """Judge scenarios of several fleets, two promtools at a time."""
    fleets = list(dict.fromkeys(scenario.fleet for scenario in scenarios))
    with ThreadPoolExecutor(max_workers=2) as pool:
        return "".join(
            pool.map(
                lambda number: judge(
                    promtool, folder / str(number), [s for s in scenarios if s.fleet == fleets[number]]
                ),
                range(len(fleets)),
            )
        )
