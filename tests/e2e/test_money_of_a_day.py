"""A simulated day, kept twice: by our ledger, tick by tick, and by the generated rules over the same pages.

At noon the H100s get dearer. Both must tell the same money and tokens, per role and bucket, within a hundredth. The
cluster lives a tenth of the day; its pages are read as if it had been all of it.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from controlplane.generate.request import Request
from controlplane.generate.rules import rule_files
from controlplane.model.cycle import Recollection
from controlplane.model.money import Bucket, Money, TokenKind
from controlplane.model.page import Scrape, Target
from controlplane.observe.assemble import History, assemble
from controlplane.settings.gpus import kinds_by_product
from controlplane.settings.load import examine
from controlplane.settings.schema import Settings
from controlplane.simulate.declared import fleet_yaml
from controlplane.simulate.fleet import Fleet
from controlplane.simulate.mixed import PRICES, mixed_cluster
from controlplane.simulate.shape import ClusterShape
from controlplane.simulate.story import Diurnal
from controlplane.store.ledger import open_ledger
from controlplane.web.metrics_seen import seen
from tests.builders import a_cycle
from tests.simulate.watching import Reader

pytestmark = pytest.mark.timeout(300)

START = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(hours=24)
STEP = timedelta(minutes=2)
SLOWER = 10
"""Seconds of the day in one of the cluster's."""
NOON = DAY / 2
DEARER = {**PRICES, "h100-sxm-80gb": 4.80}

ASKED = re.compile(
    r"vllm:(generation_tokens_total|prompt_tokens_total|prompt_tokens_cached_total|num_requests_running)|"
    r"DCGM_FI_(PROF_GR_ENGINE|DEV_FB_USED|DEV_GPU_TEMP)|kube_pod_(container_resource_requests|status_phase)|"
    r"llm_fleet_(pod_info|pod_gpus|gpu_price|role_dollars)"
)
"""What the rules of money need of the pages."""
SAMPLE = re.compile(r"^(\w[\w:]*)(?:\{(.*)\})? (\S+)$")
SLOW = re.compile(r"_seconds|_per_million_|_per_dollar|:objective:|[0-9][hd]\b")
"""Recorded names that say nothing of this and cost most of the time."""
LABEL = re.compile(r'(\w+)="([^"]*)"')
RULES = ("llm-pods-vllm", "llm-gpus", "llm-roles", "llm-cost")


def small(cluster: ClusterShape) -> ClusterShape:
    """The split planner, the worker, two slices and the notebook: three machines."""
    roles = tuple(role for role in cluster.roles if role.name != "coder")
    return ClusterShape(roles=roles, nodes=cluster.nodes[:3], bystanders=cluster.bystanders[:1], split=cluster.split)


class Keeper(Reader):
    """Walks and keeps, and writes down what a Prometheus would have scraped at the same instants."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        super().__init__(fleet)
        self.folder = folder
        self.series: dict[str, list[str]] = {}
        """Series → its values, one a tick; ``_`` where the page did not have it."""
        self._tick = 0
        self._settings = {prices: self._declared(dict(prices)) for prices in map(_frozen, (PRICES, DEARER))}

    def day(self) -> Money:
        """Live through it."""
        history = History.empty(STEP)
        ledger = open_ledger(f"sqlite:///{self.folder / 'ledger.db'}")
        for self._tick in range(1, DAY // STEP + 1):
            self.fleet.advance(START + self._tick * STEP / SLOWER)
            settings = self._settings[_frozen(PRICES if self._tick * STEP <= NOON else DEARER)]
            seen_now, history = assemble(
                history,
                replace(self.sighting(), at=self.now),
                settings.role_specs(),
                self.now,
                name="day",
                gpus=kinds_by_product(settings.prices),
            )
            cycle = a_cycle(seen_now)
            ledger.keep(cycle, Recollection(), "{}")
            for family in seen(cycle):
                for sample in family.samples:
                    self._write(sample.name, sample.labels, str(sample.value))
        money = ledger.money(START, START + DAY)
        ledger.close()
        return money

    @property
    def now(self) -> datetime:
        """Time of the day."""
        return START + self._tick * STEP

    def rules(self) -> Mapping[str, Sequence[dict[str, Any]]]:
        """The groups that money needs, by file, in the order they build on each other."""
        settings = self._settings[_frozen(PRICES)]
        request = Request(settings=settings, source="fleet.yaml", raw="", folder=self.folder)
        made = rule_files(request)
        chosen = {}
        for name in RULES:
            groups = yaml.safe_load(made[f"rules/{name}.yaml"])["groups"]
            for group in groups:
                group["interval"] = f"{STEP.total_seconds():g}s"
                group["rules"] = [rule for rule in group["rules"] if not SLOW.search(rule["record"])]
            chosen[f"{name}.yaml"] = groups
        return chosen

    def _declared(self, prices: Mapping[str, float]) -> Settings:
        cluster = small(mixed_cluster())
        text = fleet_yaml(
            cluster,
            targets_file=self.folder / "targets.json",
            patches=self.folder,
            store="sqlite:///x.db",
            port=0,
            modes={},
            prices=prices,
        )
        return examine(text.encode(), folder=self.folder).settings

    def _scrape(self, target: Target, text: str) -> Scrape:
        for line in text.splitlines():
            if ASKED.match(line):
                name, labels, value = SAMPLE.match(line).groups()  # type: ignore[union-attr]
                self._write(name, dict(LABEL.findall(labels)) | dict(target.labels), value)
        return replace(super()._scrape(target, text), at=self.now)

    def _write(self, name: str, labels: Mapping[str, str], value: str) -> None:
        if not ASKED.match(name):
            return
        text = ",".join(f'{label}="{of}"' for label, of in sorted(labels.items()))
        values = self.series.setdefault(f"{name}{{{text}}}", [])
        values += ["_"] * (self._tick - len(values) - 1) + [value]


def _frozen(prices: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(prices.items()))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Keeper, Money]:
    """The day, as the ledger has it, and the series of its pages."""
    cluster = small(mixed_cluster())
    keeper = Keeper(Fleet(cluster, Diurnal(quiet=1.5, busy=15), Random(7), START), tmp_path_factory.mktemp("day"))
    return keeper, keeper.day()


def expected(money: Money) -> Iterator[tuple[str, float]]:
    """PromQL over the day, and what the ledger says to it."""
    hours = f"[{DAY / timedelta(hours=1):g}h])"
    per_tick = STEP / timedelta(hours=1)
    for role in money.roles:
        if role.role is None:
            continue
        name = f'role="{role.role}"'
        yield f"sum(sum_over_time(llm_role:cost_dollars_per_hour:sum{{{name}}}{hours}) * {per_tick:.15g}", role.total
        idle = f"sum(sum_over_time(llm_role:cost_idle_dollars_per_hour:sum{{{name}}}{hours}) * {per_tick:.15g}"
        yield idle, role.dollars[Bucket.IDLE]
        for kind, tokens in role.tokens.items():
            rate = f'llm_role:tokens_delivered:rate5m{{{name},kind="{kind}"}}'
            yield f"sum(sum_over_time({rate}{hours}) * {STEP.total_seconds():g}", tokens
    for bucket in Bucket:
        spent = sum(role.dollars.get(bucket, 0.0) for role in money.roles)
        name = f'llm_fleet:cost_dollars_per_hour:sum{{bucket="{bucket}"}}'
        yield f"sum(sum_over_time({name}{hours}) * {per_tick:.15g}", spent


@pytest.mark.real
def test_ledger_and_rules_tell_the_same_money_and_tokens(
    kept: tuple[Keeper, Money], promtool_binary: Path, tmp_path: Path
) -> None:
    keeper, money = kept
    checks = [(query, value) for query, value in expected(money) if value > 0.01]
    assert len(checks) > 15
    made = keeper.rules()
    for name, groups in made.items():
        (tmp_path / name).write_text(yaml.safe_dump({"groups": groups}))
    every = f"{STEP.total_seconds():g}s"
    suite = {
        "rule_files": list(made),
        "evaluation_interval": every,
        # Left to itself promtool evaluates groups in any order, each run in another.
        "group_eval_order": [group["name"] for groups in made.values() for group in groups],
        "tests": [
            {
                "interval": every,
                "input_series": [{"series": s, "values": "_ " + " ".join(v)} for s, v in keeper.series.items()],
                "promql_expr_test": [
                    {
                        "expr": f"abs({query} / {value!r} - 1) < bool 0.01",
                        "eval_time": "24h",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    }
                    for query, value in checks
                ],
            }
        ],
    }
    (tmp_path / "day.yaml").write_text(yaml.safe_dump(suite))
    command: list[str | Path] = [promtool_binary, "test", "rules", "day.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[:5000]


def test_the_new_price_counts_from_noon_on(kept: tuple[Keeper, Money]) -> None:
    _, money = kept
    prefill = next(role for role in money.roles if role.role == "prefill")
    assert prefill.total == pytest.approx(12 * 3.2 + 12 * 4.8, rel=0.002)
    assert money.unaccounted_seconds(prefill) == pytest.approx(STEP.total_seconds()), "before the first tick"
    assert prefill.tokens.keys() == {TokenKind.PROMPT, TokenKind.CACHED}
