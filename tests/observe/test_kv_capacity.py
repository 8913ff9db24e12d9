"""KV cache in tokens: what the engine says, added over its engines; nothing where one of them is silent."""

import pytest

from controlplane.model.page import Layout, MetricKey
from controlplane.observe.kv_capacity import capacity_rows, kv_capacity


def key(name: str, **labels: str) -> MetricKey:
    return MetricKey(name, tuple(labels.items()))


CONFIG = "vllm:cache_config_info"


@pytest.mark.parametrize(
    ("keys", "values", "tokens"),
    [
        pytest.param([key(CONFIG, engine="0", kv_cache_size_tokens="191040")], [1.0], 191040, id="vllm"),
        pytest.param(
            [key(CONFIG, engine=e, kv_cache_size_tokens="1000") for e in "01"], [1.0, 1.0], 2000, id="data parallel"
        ),
        pytest.param([key(CONFIG, engine="0", num_gpu_blocks="11940")], [1.0], None, id="an older vllm"),
        pytest.param(
            [
                key(CONFIG, engine="0", kv_cache_size_tokens="1000"),
                key(CONFIG, engine="1", kv_cache_size_tokens="None"),
            ],
            [1.0, 1.0],
            None,
            id="one engine does not know",
        ),
        pytest.param(
            [key("sglang:max_total_num_tokens", tp_rank=r, dp_rank="0") for r in "01"],
            [5e5, 5e5],
            5e5,
            id="sglang ranks",
        ),
        pytest.param([key("sglang:max_total_num_tokens")], [float("nan")], None, id="not a number"),
        pytest.param([key("up")], [1.0], None, id="no engine"),
    ],
)
def test_tokens(keys: list[MetricKey], values: list[float], tokens: float | None) -> None:
    assert kv_capacity(capacity_rows(Layout(tuple(keys))), tuple(values)) == tokens
