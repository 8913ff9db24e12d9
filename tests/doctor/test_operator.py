"""Objects that the Prometheus operator ignores without a word are named with the label or namespace it asks for."""

from typing import Any

import pytest

from controlplane.doctor import operator
from controlplane.doctor.row import Row
from controlplane.model.finding import Severity

GROUPS = [{"name": "llm-roles", "rules": []}]


def a_prometheus(**spec: Any) -> dict[str, Any]:
    """As kube-prometheus-stack installs it, under the name ``prom``."""
    release = {"matchLabels": {"release": "prom"}}
    whole = {f"{kind}Selector": release for kind in operator.SELECTORS.values()}
    whole |= {f"{kind}NamespaceSelector": {} for kind in operator.SELECTORS.values()}
    return {"kind": "Prometheus", "metadata": {"namespace": "monitoring", "name": "k8s"}, "spec": {**whole, **spec}}


def a_rule(kind: str = "PrometheusRule", namespace: str = "monitoring", **labels: str) -> dict[str, Any]:
    carried = {operator.OURS[0]: operator.OURS[1], **labels}
    meta = {"namespace": namespace, "name": "llm-roles", "labels": carried}
    return {"kind": kind, "metadata": meta, "spec": {"groups": GROUPS}}


def found(*documents: dict[str, Any], loaded: set[str] | None = None) -> list[Row]:
    return list(operator.check(documents, loaded))


@pytest.mark.parametrize(
    "documents",
    [
        pytest.param((), id="nothing there"),
        pytest.param((a_rule(),), id="no operator"),
        pytest.param((a_prometheus(), a_rule(release="prom")), id="the right label"),
        pytest.param((a_prometheus(ruleSelector={}), a_rule()), id="everything is taken"),
        pytest.param((a_prometheus(ruleSelector={}, ruleNamespaceSelector=None), a_rule()), id="its own namespace"),
        pytest.param((a_prometheus(), a_prometheus(ruleSelector={}), a_rule()), id="another Prometheus takes it"),
        pytest.param(
            (a_prometheus(), a_rule(release="prom"), {"kind": "PrometheusRule", "metadata": {}}), id="not ours"
        ),
    ],
)
def test_says_nothing(documents: tuple[dict[str, Any], ...]) -> None:
    assert found(*documents) == []


@pytest.mark.parametrize("kind", sorted(operator.SELECTORS))
def test_a_wrong_release_label_is_named_with_the_right_one(kind: str) -> None:
    rows = found(a_prometheus(), a_rule(kind, release="kube-prometheus-stack"), a_rule(release="prom"))
    (row,) = [r for r in rows if r.check == "operator-label"]
    assert row.severity is Severity.CRITICAL
    assert row.subject == f"{kind} monitoring/llm-roles"
    assert "has release: kube-prometheus-stack, and Prometheus monitoring/k8s asks for release: prom" in row.said
    assert row.fix == "generate: {monitoring: {labels: {release: prom}}}"


def test_a_missing_label_is_named() -> None:
    (row,) = found(a_prometheus(), a_rule())
    assert "no release" in row.said


def test_a_selector_that_is_unset_takes_nothing() -> None:
    (row,) = found(a_prometheus(ruleSelector=None), a_rule(release="prom"))
    assert row.check == "operator-label"
    assert "nothing (it is unset)" in row.said


@pytest.mark.parametrize("selector", [None, {"matchLabels": {"kubernetes.io/metadata.name": "obs"}}])
def test_a_namespace_nobody_looks_into_is_named(selector: object) -> None:
    (row,) = found(a_prometheus(ruleNamespaceSelector=selector), a_rule(namespace="llm", release="prom"))
    assert (row.check, row.severity) == ("operator-namespace", Severity.CRITICAL)
    assert "namespace llm" in row.said


def test_an_operator_without_any_rule_of_ours_is_told() -> None:
    (row,) = found(a_prometheus())
    assert row.check == "operator-not-applied"


def test_a_rule_that_is_selected_and_still_not_loaded_is_told() -> None:
    assert found(a_prometheus(), a_rule(release="prom"), loaded={"llm-roles"}) == []
    (row,) = found(a_prometheus(), a_rule(release="prom"), loaded={"other"})
    assert (row.check, row.evidence) == ("operator-not-loaded", ("llm-roles",))


@pytest.mark.parametrize(
    ("expression", "labels", "picked"),
    [
        ({"key": "a", "operator": "In", "values": ["1"]}, {"a": "1"}, True),
        ({"key": "a", "operator": "In", "values": ["1"]}, {}, False),
        ({"key": "a", "operator": "NotIn", "values": ["1"]}, {}, True),
        ({"key": "a", "operator": "NotIn", "values": ["1"]}, {"a": "1"}, False),
        ({"key": "a", "operator": "Exists"}, {"a": ""}, True),
        ({"key": "a", "operator": "Exists"}, {}, False),
        ({"key": "a", "operator": "DoesNotExist"}, {}, True),
        ({"key": "a", "operator": "DoesNotExist"}, {"a": "1"}, False),
        ({"key": "a", "operator": "Near"}, {"a": "1"}, False),
    ],
)
def test_label_selectors_pick_as_kubernetes_does(expression: object, labels: dict[str, str], picked: bool) -> None:
    assert operator.picks({"matchExpressions": [expression]}, labels) is picked
