"""Generated rules, evaluated by promtool on series written by hand."""

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from controlplane.generate.output import files
from controlplane.settings.load import load_with_lines

STAGES = ("llm-pods", "llm-gpus", "llm-roles", "llm-cost")
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@cache
def generated(path: Path) -> Mapping[str, str]:
    return files(load_with_lines(path), path.read_text(encoding="utf-8"))


def steady(per_second: float, minutes: int = 90) -> str:
    """A counter that grows evenly, one sample every 30 s."""
    return f"0+{per_second * 30:g}x{minutes * 2}"


def check(promtool: Path, tmp: Path, fleet: str, series: Mapping[str, str], expect: Mapping[str, object]) -> None:
    made = {n: t for n, t in generated(EXAMPLES / f"{fleet}.yaml").items() if n.startswith("rules/")}
    for name, text in made.items():
        (tmp / Path(name).name).write_text(text, encoding="utf-8")
    groups = [group["name"] for text in made.values() for group in yaml.safe_load(text)["groups"]]
    tests = [{"expr": expr, "eval_time": "85m", "exp_samples": samples} for expr, samples in expect.items()]
    suite = {
        "rule_files": sorted(Path(name).name for name in made),
        "evaluation_interval": "5m",  # each evaluation of everything costs promtool some 30 ms
        "group_eval_order": sorted(groups, key=_stage),
        "tests": [
            {
                "interval": "30s",
                "input_series": [{"series": s, "values": v} for s, v in series.items()],
                "promql_expr_test": tests,
            }
        ],
    }
    (tmp / "test.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", "test.yaml"], cwd=tmp, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _stage(group: str) -> int:
    """Left to itself promtool evaluates groups in any order; later stages build on earlier ones."""
    return next((n for n, stem in enumerate(STAGES) if group.startswith(stem)), len(STAGES))
