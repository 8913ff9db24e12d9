"""How instants, spans, numbers, money and names are written."""

from datetime import datetime, timedelta

import pytest

from controlplane.model.reading import Reading
from controlplane.model.role import GpuSpec
from controlplane.model.units import Unit
from controlplane.web import links
from controlplane.web.views import moments, wording
from controlplane.web.views.charts import brief
from controlplane.web.views.quantity import money, money_tone, of_role, short
from tests.builders import NOON, a_calm_role, a_role, a_spec

AGES = [
    (timedelta(milliseconds=400), "just now"),
    (timedelta(seconds=-3), "just now"),
    (timedelta(seconds=6), "6 s ago"),
    (timedelta(seconds=126), "2 min ago"),
    (timedelta(hours=3, minutes=5), "3 h 5 min ago"),
    (timedelta(days=3), "3 d ago"),
]


@pytest.mark.parametrize(("age", "words"), AGES)
def test_an_age_gets_coarser_with_time(age, words):
    assert moments.ago(NOON - age, NOON) == words


@pytest.mark.parametrize(
    ("back", "words"),
    [
        (timedelta(minutes=1), "11:59:00"),
        (timedelta(days=2), "Sat 12:00"),
        (timedelta(days=30), "2 May 12:00"),
        (timedelta(days=-1), "2 Jun 12:00"),
    ],
)
def test_a_clock_says_only_as_much_as_is_needed(back, words):
    assert moments.clock(NOON - back, NOON) == words


def test_times_are_utc_whatever_zone_they_come_in():
    berlin = datetime.fromisoformat("2026-06-01T14:00:00+02:00")
    assert moments.clock(berlin, NOON) == "12:00:00"
    assert moments.iso(berlin) == "2026-06-01T12:00:00Z"
    assert moments.day(NOON - timedelta(days=1), NOON) == "Yesterday"
    assert moments.day(NOON - timedelta(days=4), NOON) == "Thursday 28 May"


@pytest.mark.parametrize(
    ("dollars", "words", "tone"),
    [
        (5.0, "+$5.00/h", "acc"),
        (-1234.5, "−$1,234.50/h", "idle"),
        (0.001, "$0/h", ""),
        (None, "price unknown", ""),
    ],
)
def test_money_has_its_sign_and_an_unknown_price_is_said(dollars, words, tone):
    assert (money(dollars), money_tone(dollars)) == (words, tone)


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "unknown"), (0, "0"), (0.22, "0.2"), (7.4, "7.4"), (2180, "2,180"), (15_400, "15.4 k"), (1.2e6, "1.2 M")],
)
def test_a_count_in_few_characters(value, words):
    assert short(value) == words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, Unit.SECONDS, "unknown"),
        (1.2345, Unit.DOLLARS_PER_MILLION_TOKENS, "$1.23"),
        (1395.0, Unit.TOKENS_PER_SECOND, "1,395"),
        (0.94, Unit.RATIO, "94 %"),
    ],
)
def test_a_legend_leaves_out_what_the_title_says(value, unit, words):
    assert brief(value, unit) == words


def test_an_unknown_reading_keeps_its_reason_and_a_known_one_its_query():
    role = a_calm_role(gpu_activity=None, missing={Reading.GPU_ACTIVITY: "no DCGM exporter"})
    unknown, known = of_role(role, Reading.GPU_ACTIVITY), of_role(role, Reading.KV_USAGE)
    assert (unknown.text, unknown.known, unknown.why) == ("unknown", False, "no DCGM exporter")
    assert (known.text, known.known, known.query) == ("45 %", True, 'kv_usage{role="planner"}')
    assert of_role(a_role(), Reading.KV_USAGE).why, "there is always a reason"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (GpuSpec(type="h100-pcie-80gb", per_replica=2), "2× H100 PCIe"),
        (GpuSpec(type="l40-48gb", per_replica=0.25), "0.25× L40"),
        (GpuSpec(type="h100-pcie-80gb", mig="1g.10gb"), "MIG 1g.10gb"),
        (GpuSpec(type="a100-sxm-80gb", mig="2g.20gb", per_replica=2), "2× MIG 2g.20gb"),
        (GpuSpec(type="24gb"), "1× 24gb"),
    ],
)
def test_gpus_as_people_call_them(spec, words):
    assert wording.gpus(spec) == words


def test_a_model_without_its_owner_and_with_what_is_unusual():
    assert wording.model(a_spec()) == "Llama-3.3-70B-Instruct · FP8"


def test_every_detector_has_few_words_and_any_other_id_still_reads():
    from controlplane.detect import DEFAULT_DETECTORS

    assert {d.id for d in DEFAULT_DETECTORS} == set(wording.SHORT)
    assert wording.detector("new-trouble") == wording.named("new-trouble") == "new trouble"


def test_every_fault_has_a_way_out():
    from controlplane.model.page import Fault

    assert set(wording.FIXES) == set(Fault)


def test_addresses_survive_any_name():
    assert links.role("a/b?c", span="8h") == "/roles/a%2Fb%3Fc?range=8h"
    assert links.activity(role="x & y") == "/activity?role=x+%26+y"
    assert links.recommendation("../stop", "approve") == "/recommendations/..%2Fstop/approve"
