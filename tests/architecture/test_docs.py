"""Documents that can go stale are checked against the code."""

import re
from pathlib import Path

import pytest

from controlplane.cli.main import COMMANDS, parser

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_readme_names_every_command(command):
    assert f"controlplane {command}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_its_file_and_its_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        parser(command).parse_args([command, "--help"])
    assert ended.value.code == 0
    assert (
        COMMANDS[command].split(":")[0].split(",")[0][:20].lower() in " ".join(capsys.readouterr().out.split()).lower()
    )


def test_links_between_documents_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)} → {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken


def test_every_decision_record_links_the_code_that_embodies_it():
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert records
    assert not [r.name for r in records if "../../controlplane/" not in r.read_text()]
