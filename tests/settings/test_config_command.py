"""``controlplane config``: what a file amounts to, every setting in force, and the schema for editors."""

import json
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from controlplane.cli.main import main
from controlplane.settings.explain import DEFAULT, rows
from controlplane.settings.json_schema import schema_text
from controlplane.settings.load import load_with_lines

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"


def test_check_says_what_a_good_file_amounts_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", str(EXAMPLES / "reference-fleet.yaml")]) == 0
    said = capsys.readouterr().out
    assert "OK, fleet agents-prod, 4 roles, $8.70/h at least, $38.20/h at most" in said
    assert 'Prometheus {model_name="BAAI/bge-m3",namespace="llm"}' in said


def test_check_prints_one_line_per_problem_and_fails_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("fleet: f\nroles:\n  a: {model: {name: m}}\ntick: 15\n")
    assert main(["config", "check", str(file)]) == 2
    unseen = "nothing says where the role is seen; give targets, pods, sources.prometheus or sources.targets_file"
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:3: roles.a: {unseen}",
        f"{file}:4: tick: 15 has no unit; write 15s, or 15m for minutes",
    ]


def test_explain_marks_defaults_list_prices_and_lines() -> None:
    loaded = load_with_lines(EXAMPLES / "mixed-fleet.yaml")
    found = {row.key: (row.value, row.origin) for row in rows(loaded)}
    assert found["prices.h100-sxm-80gb"] == ("2.95", "line 5")
    assert found["tick"] == ("15s", DEFAULT)
    assert found["sources.limits.body"] == ("32MiB", "line 12")
    assert found["detectors.queue-buildup.limit"][0] == "8"
    assert found["detectors.queue-buildup.leave"][1] == DEFAULT


def test_explain_marks_a_list_price_as_one(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(
        "fleet: f\nroles:\n  a: {model: {name: m}, gpus: {type: l40-48gb}, targets: ['http://127.0.0.1:1']}\n"
    )
    row = next(row for row in rows(load_with_lines(file)) if row.key == "prices.l40-48gb")
    assert (row.value, row.origin) == ("1", "list price")


def test_every_setting_is_explained_in_words() -> None:
    for example in EXAMPLES.glob("*.yaml"):
        assert [row.key for row in rows(load_with_lines(example)) if not row.words] == []


def test_explain_prints_what_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "explain", str(EXAMPLES / "mixed-fleet.yaml"), "sources.dcgm"]) == 0
    assert "[http://dcgm-exporter" in capsys.readouterr().out
    assert main(["config", "explain", str(EXAMPLES / "mixed-fleet.yaml"), "nothing-like-it"]) == 2


def test_the_committed_schema_is_the_one_the_program_prints() -> None:
    committed = (ROOT / "docs" / "fleet.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(), "run: controlplane config schema > docs/fleet.schema.json"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_an_editor_with_the_schema_accepts_every_example(path: Path) -> None:
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schema)


def test_an_editor_with_the_schema_refuses_an_unknown_key() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            {"fleet": "f", "roles": {"a": {"model": {"name": "m"}}}, "rols": {}}, json.loads(schema_text())
        )


def test_settings_load_without_the_heavy_libraries() -> None:
    """The command line answers at once, and a rule generator needs no cluster client."""
    heavy = {"kubernetes", "sqlalchemy", "aiohttp", "fastapi", "grafanalib", "prometheus_api_client", "apscheduler"}
    import subprocess

    code = "import sys, controlplane.settings.load; print(','.join(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert heavy & set(loaded.strip().split(",")) == set()
