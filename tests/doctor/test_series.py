"""What rules need and the server never had is told once per exporter; what records something needs nothing more."""

from controlplane.doctor import loaded, series
from controlplane.doctor.row import Row
from controlplane.model.finding import Severity

KV = "llm_pod:kv_cache_usage:max"
RULES = {
    KV: "max by (pod) (vllm:kv_cache_usage_perc or vllm:gpu_cache_usage_perc)",
    "llm_role:kv_cache_usage:max": f"max by (role) ({KV} * on (pod) group_left (role) llm_fleet_pod_info)",
    "llm_gpu:power:watts": "DCGM_FI_DEV_POWER_USAGE or DCGM_FI_DEV_BOARD_POWER_WATTS",
    "llm_node:gpu_price_dollars_per_hour:max": "llm_fleet_gpu_price_dollars_per_hour or node_gpu_hourly_cost > 0",
}
EXPECTED = loaded.written(
    {"groups": [{"name": "llm", "rules": [{"record": k, "expr": v} for k, v in RULES.items()]}]}, "rules/llm.yaml"
)
ALL_SEEN = {
    "vllm:kv_cache_usage_perc",
    "llm_fleet_pod_info",
    "DCGM_FI_DEV_POWER_USAGE",
    "llm_fleet_gpu_price_dollars_per_hour",
}
ALL_NOW = set(RULES)


def found(ever: set[str] = ALL_SEEN, now: set[str] = ALL_NOW, running: set[str] | None = None) -> dict[str, Row]:
    rows = series.check(EXPECTED, {"llm"} if running is None else running, ever, now)
    assert len({row.subject for row in rows}) == len(rows)
    return {row.subject: row for row in rows if row.severity is not Severity.INFO}


def test_what_is_needed_is_what_is_asked_for_and_not_recorded() -> None:
    assert KV not in series.needed(EXPECTED)
    assert {"vllm:gpu_cache_usage_perc", "llm_fleet_pod_info", "node_gpu_hourly_cost"} <= series.needed(EXPECTED)
    assert series.recorded(EXPECTED) == ALL_NOW


def test_says_nothing_while_everything_is_recorded_though_old_names_were_never_seen() -> None:
    assert found() == {}


def test_an_exporter_that_was_never_scraped_is_named_with_what_stays_empty() -> None:
    rows = found(ALL_SEEN - {"DCGM_FI_DEV_POWER_USAGE"}, ALL_NOW - {"llm_gpu:power:watts"})
    assert set(rows) == {"DCGM exporter"}
    assert rows["DCGM exporter"].check == "series-never-seen"
    assert "never seen" in rows["DCGM exporter"].said
    assert rows["DCGM exporter"].evidence == (
        "llm_gpu:power:watts is made from DCGM_FI_DEV_BOARD_POWER_WATTS, DCGM_FI_DEV_POWER_USAGE",
    )


def test_the_cause_is_told_not_all_that_follows_from_it() -> None:
    rows = found(ALL_SEEN - {"vllm:kv_cache_usage_perc"}, ALL_NOW - {KV, "llm_role:kv_cache_usage:max"})
    assert set(rows) == {"vLLM"}
    assert "2 recorded names are empty" in rows["vLLM"].said


def test_names_that_are_quiet_though_their_metrics_exist_are_only_mentioned() -> None:
    (row,) = series.check(EXPECTED, {"llm"}, ALL_SEEN, ALL_NOW - {"llm_gpu:power:watts"})[-1:]
    assert (row.check, row.severity) == ("series-not-now", Severity.INFO)


def test_groups_that_are_not_loaded_record_nothing_and_are_not_blamed_for_it() -> None:
    assert found(ALL_SEEN, set(), running=set()) == {}


def test_something_optional_is_mentioned_at_most() -> None:
    rows = series.check(EXPECTED, {"llm"}, ALL_SEEN, ALL_NOW)
    assert {row.severity for row in rows if row.subject == "OpenCost"} <= {Severity.INFO}


def test_nothing_of_ours_seen_is_a_warning_and_some_of_it_is_not() -> None:
    mine = {"llm_fleet_pod_info", "llm_fleet_gpu_price_dollars_per_hour"}
    assert (
        found(ALL_SEEN - mine, ALL_NOW - {"llm_role:kv_cache_usage:max"})["control plane"].severity is Severity.WARNING
    )
    assert "control plane" not in found(ALL_SEEN - {"llm_fleet_pod_info"}, ALL_NOW - {"llm_role:kv_cache_usage:max"})


def test_a_counter_that_is_off_unless_somebody_turns_it_on_is_only_mentioned() -> None:
    rule = {"record": "llm_gpu:throttled:ratio5m", "expr": "rate(DCGM_FI_DEV_THERMAL_VIOLATION[5m])"}
    power = {"record": "llm_gpu:power:watts", "expr": "DCGM_FI_DEV_POWER_USAGE"}
    expected = loaded.written({"groups": [{"name": "llm", "rules": [rule, power]}]}, "rules/llm.yaml")
    (row,) = series.check(expected, {"llm"}, {"DCGM_FI_DEV_POWER_USAGE"}, {"llm_gpu:power:watts"})
    assert (row.check, row.severity) == ("series-never-seen", Severity.INFO)
    assert "DCGM_FI_DEV_THERMAL_VIOLATION" in row.said


def test_what_every_server_says_of_its_own_targets_belongs_to_the_server() -> None:
    alert = {"alert": "GPUExporterDown", "expr": 'a unless on (node) up{job=~".*dcgm.*|gpu-metrics"}'}
    expected = loaded.written({"groups": [{"name": "llm", "rules": [alert]}]}, "rules/llm.yaml")
    assert "up" in series.needed(expected)
    assert series.check(expected, {"llm"}, {"a", "up"}, set()) == ()


def test_inside_ray_either_engine_will_do() -> None:
    rule = {"record": KV, "expr": "ray_vllm_kv_cache_usage_perc or ray_sglang_token_usage"}
    expected = loaded.written({"groups": [{"name": "llm", "rules": [rule]}]}, "rules/llm.yaml")
    assert series.check(expected, {"llm"}, {"ray_sglang_token_usage"}, {KV}) == ()
    (row,) = series.check(expected, {"llm"}, set(), set())
    assert (row.subject, row.severity) == ("Ray Serve LLM", Severity.WARNING)
    assert "log_engine_metrics" in row.fix
