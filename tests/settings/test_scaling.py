"""The section of fleet.yaml about the wish for replicas and the ScaledObjects that follow it."""

from datetime import timedelta

import pytest

from controlplane.decide.law import ScalingLaw
from controlplane.settings.load import examine
from controlplane.settings.scaling import Scaling, Signal
from controlplane.settings.scaling_checks import counted, followed
from controlplane.settings.schema import Settings
from tests.generate.fleets import NIGHT, WORKER, a_request


def read(scaling: str) -> Settings:
    text = f"fleet: f\nscaling: {scaling}\nroles: {{chat: {{model: {{name: m}}, targets: [http://127.0.0.1:8000]}}}}\n"
    return examine(text.encode()).settings


def test_by_default_nothing_is_generated_and_the_law_is_the_usual_one():
    settings = read("{}")
    assert settings.scaling == Scaling()
    assert settings.scaling.signal is Signal.NONE
    assert settings.scaling_law() == ScalingLaw()


def test_the_law_takes_its_settings_from_the_file():
    law = read("{law: {utilisation: 0.8, window: 10m, assumed_lead: 90s}}").scaling_law()
    assert law == ScalingLaw(utilisation=0.8, window=timedelta(minutes=10), assumed_lead=timedelta(seconds=90))


@pytest.mark.parametrize(
    ("written", "sees", "keeps"),
    [
        ("{}", True, True),
        ("{keda: 2.20.1, kubernetes: '1.33'}", True, False),
        ("{keda: v2.20.0, kubernetes: v1.34.2}", False, True),
        ("{keda: '2.21', kubernetes: '2.0'}", True, True),
        ("{keda: 2.9.3}", False, True),
    ],
)
def test_versions_are_compared_as_numbers(written: str, sees: bool, keeps: bool):
    scaling = read(written).scaling
    assert (scaling.sees_absence, scaling.keeps_tolerance) == (sees, keeps)


def test_a_role_may_follow_something_else_in_one_word_or_by_key():
    roles = WORKER.replace("{pods: app=worker}", "none") + NIGHT
    settings = a_request(roles=roles).settings
    worker, night = settings.roles["worker"], settings.roles["night"]
    assert (followed(settings, worker), followed(settings, night)) == (Signal.NONE, Signal.PLANNER)
    assert (counted(worker), counted(night)) == (None, "app=night")


def test_pods_that_are_read_are_pods_that_can_be_counted():
    roles = WORKER.replace("scaling: {pods: app=worker}", "pods: {namespace: llm, selector: app=engine}")
    changed = {"sources: {": "sources: {kubernetes: {in_cluster: true}, "}
    assert counted(a_request(roles=roles, **changed).settings.roles["worker"]) == "app=engine"
