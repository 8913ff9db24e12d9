"""A14: names and labels come from outside; they are shown as they are and never become markup."""

from dataclasses import replace
from datetime import timedelta
from html import escape
from pathlib import Path

import pytest

from controlplane.model.cycle import Stop
from controlplane.model.keys import ReplicaKey
from controlplane.model.patch import FieldChange
from controlplane.model.reading import Reading
from tests.builders import (
    NOON,
    a_calm_role,
    a_change_record,
    a_cycle,
    a_finding,
    a_finding_record,
    a_fleet,
    a_patch,
    a_recommendation,
    a_record,
    a_replica,
    a_source,
    an_evidence,
)
from tests.web import showcase
from tests.web.fakes import FakeLedger, a_desk

EVIL = [
    pytest.param('<script>alert("x")</script>', id="script"),
    pytest.param('"><img src=x onerror=alert(1)>', id="attribute"),
    pytest.param("</script><script>alert(1)</script>", id="closing tag"),
    pytest.param("\u202egnp.exe\u2066\u200f", id="right to left"),
    pytest.param('a\nb\r\n"} or vector(0) #', id="newlines and PromQL quotes"),
    pytest.param("{{ 7 * 7 }}{% raw %}", id="template"),
    pytest.param("x" * 10_000 + "<b>", id="10 kB"),
]
WEB = Path(__file__).resolve().parents[2] / "controlplane" / "web"


def poisoned(evil: str) -> FakeLedger:
    """Every string that comes from outside is ``evil``."""
    replica = replace(a_replica(fault=evil), key=ReplicaKey(a_calm_role().name, evil), node=evil, version=evil)
    role = replace(
        a_calm_role(gpu_activity=None),
        replicas=(replica,),
        sources=dict.fromkeys(Reading, evil),
        missing={Reading.GPU_ACTIVITY: evil},
    )
    evidence = replace(an_evidence(), question=evil, query=evil)
    finding = replace(a_finding(summary=evil), evidence=(evidence,))
    patch = replace(a_patch(), fields=(FieldChange(path="/spec/x", before=evil, after=evil + "!"),))
    recommendation = replace(
        a_recommendation(patch=patch, title=evil), because=(evil,), evidence=(evidence,), findings=(finding.id,)
    )
    source = replace(a_source(ok=False), name=evil, detail=evil)
    return FakeLedger(
        cycle=a_cycle(a_fleet(role, sources=(source,)), findings=(finding,), unsure=(f"{evil}:planner",)),
        finding_records=[a_finding_record(finding)],
        records=[a_record(recommendation, by=evil, reason=evil)],
        change_records=[a_change_record(a_change_record().change)],
        stop_now=Stop(by=evil, at=NOON, reason=evil),
        histories={role.name: showcase.ledger().histories[role.name]},
    )


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_from_outside_becomes_markup(visit, evil):
    ledger = poisoned(evil)
    client = visit(a_desk(ledger, note=evil, fleet=evil))
    id_ = ledger.records[0].recommendation.id
    for path in ("/", "/roles/planner", "/recommendations", f"/recommendations/{id_}", "/activity", "/health", "/stop"):
        page = client.get(path)
        assert page.status_code == 200
        assert evil not in page.text.replace(escape(evil), "") or escape(evil) == evil
        assert "<img" not in page.text
        assert "<script>" not in page.text, "our own scripts all have a source"
        assert "49{%" not in page.text


def test_what_a_person_types_into_the_address_becomes_no_markup(visit):
    client = visit(showcase.desk())
    for path in ("/?q={}&sort={}", "/activity?role={}&kind={}", "/roles/planner?range={}&open={}", "/roles/{}"):
        assert "<script>alert" not in client.get(path.replace("{}", "%3Cscript%3Ealert(1)%3C/script%3E")).text


def test_chart_data_cannot_end_its_element(visit):
    ledger = showcase.ledger()
    ledger.finding_records = [
        replace(r, finding=replace(r.finding, summary="</script><script>alert(1)")) for r in ledger.finding_records
    ]
    page = visit(showcase.desk(ledger)).get("/roles/planner").text
    assert "</script><script>alert" not in page
    assert "\\u003c/script\\u003e\\u003cscript\\u003ealert(1)" in page, "still there as data"


def test_a_csv_of_numbers_holds_no_formula(visit):
    text = visit(showcase.desk(late=timedelta(0))).get("/roles/planner/series.csv").text
    assert not [cell for line in text.splitlines() for cell in line.split(",") if cell[:1] in {"=", "+", "@"}]


@pytest.mark.parametrize("path", sorted((WEB / "templates").rglob("*.html")), ids=lambda p: p.name)
def test_templates_need_no_exception_from_the_content_security_policy(path):
    text = path.read_text()
    assert " style=" not in text
    assert " on" not in [word[:3] for word in text.split('"') if word.startswith(" on") and word.endswith("=")]
    assert "|safe" not in text.replace(" ", "")
    assert "<style" not in text
    assert "autoescape false" not in text


@pytest.mark.parametrize("path", sorted((WEB / "static").glob("*.js")), ids=lambda p: p.name)
def test_our_scripts_never_write_markup(path):
    text = path.read_text()
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert forbidden not in text
