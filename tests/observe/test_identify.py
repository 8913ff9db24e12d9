"""Whose page it is, told from the names on it."""

import pytest

from controlplane.model.role import Engine
from controlplane.observe.identify import PageKind, identify
from controlplane.promql.metric import Signal
from tests.observe.pages import a_page, a_vllm_page, captured


@pytest.mark.parametrize(
    ("name", "kind", "version"),
    [
        ("ramp/0010.prom", PageKind.VLLM, "≥0.32.0"),
        ("data-parallel/03-kv-pressure-01.prom", PageKind.VLLM, "≥0.32.0"),
        ("data-parallel/01-idle-fresh.prom", PageKind.VLLM, "≥0.32.0"),
        ("vllm-0.10.2/02-prefix-heavy-01.prom", PageKind.VLLM, "0.10.2"),
        ("disable-log-stats.prom", PageKind.ENGINE_SILENT, None),
        ("litellm-1.109.1.prom", PageKind.LITELLM, None),
    ],
)
def test_captured_pages_are_told_apart(name, kind, version):
    identity = identify(captured(name))
    assert (identity.kind, identity.version) == (kind, version)
    assert not identity.odd


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('ray_vllm_num_requests_running{WorkerId="w"} 1', PageKind.RAY_SERVE),
        ('ray_vllm:num_requests_running{WorkerId="w"} 1', PageKind.RAY_SERVE),
        ('sglang:num_running_reqs{model_name="m"} 1', PageKind.SGLANG),
        ('DCGM_FI_DEV_GPU_UTIL{gpu="0"} 1', PageKind.DCGM),
        ('kube_deployment_spec_replicas{deployment="d"} 1', PageKind.KUBE_STATE),
        ('keda_scaler_active{scaledObject="s"} 1', PageKind.KEDA),
        ("llm_fleet_build_info 1", PageKind.OURS),
        ("some_thing 1", PageKind.UNKNOWN),
    ],
)
def test_other_programs_are_named(line, kind):
    assert identify(a_page(line)).kind is kind


def test_models_engine_and_lacks_are_told():
    identity = identify(a_vllm_page(generation_tokens=1))
    assert identity.engine is Engine.VLLM
    assert identity.models == ("m",)
    assert Signal.OUTPUT_TOKENS not in identity.missing
    assert {Signal.TTFT, Signal.PREEMPTIONS} <= set(identity.missing)


def test_a_v0_engine_is_older_than_the_old_names():
    page = a_page(
        'vllm:num_requests_running{model_name="m"} 1',
        'vllm:num_requests_swapped{model_name="m"} 0',
        'vllm:gpu_cache_usage_perc{model_name="m"} 0.1',
    )
    assert identify(page).version == "≤0.9.0"


def test_names_that_fit_no_version_are_called_odd_and_only_the_lower_bound_is_said():
    page = a_page(
        'vllm:num_requests_running{model_name="m"} 1',
        'vllm:admission_rejections_total{model_name="m",reason="r"} 0',
    )
    identity = identify(page)
    assert identity.odd
    assert identity.version == "≥0.32.0"
