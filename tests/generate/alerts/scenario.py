"""A scenario: what Prometheus recorded, and which alerts must fire at which moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controlplane.settings.alerts import AlertName

Fires = tuple[Mapping[str, str], ...]
"""Labels of the alerts that fire; every one of them is listed, with the labels that tell them apart."""
NOTHING: Fires = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One story about one alert."""

    alert: AlertName
    what: str
    series: Mapping[str, str]
    """Series → values in promtool's notation, one sample each ``step``."""
    then: Mapping[str, Fires]
    """Moment → what fires."""
    step: str = "1m"
    labels: tuple[str, ...] = ("role",)
    """Labels the expected ones are told apart by."""
    alone: bool = False
    """It is about something that is nowhere: no other scenario may be there."""

    @property
    def loud(self) -> bool:
        """Whether anything fires in it."""
        return any(self.then.values())

    def inputs(self) -> list[dict[str, str]]:
        """Its series, in a cluster of its own that is called what it says: scenarios share one evaluation."""
        mark = "" if self.alone else f'cluster="{self.what}",'
        named = {name.replace("{", "{" + mark, 1): values for name, values in self.series.items()}
        return [{"series": name, "values": values} for name, values in named.items()]

    def checks(self) -> list[dict[str, object]]:
        """What must fire when, as promtool asks it."""
        where = f'alertname="{self.alert}",alertstate="firing"' + ("" if self.alone else f',cluster="{self.what}"')
        expr = f"count by ({', '.join(self.labels)}) (ALERTS{{{where}}})"
        return [
            {
                "expr": expr,
                "eval_time": moment,
                "exp_samples": [{"labels": _braced(labels), "value": 1} for labels in fires],
            }
            for moment, fires in self.then.items()
        ]


def as_tests(scenarios: Sequence[Scenario]) -> list[dict[str, object]]:
    """Scenarios of one step as promtool reads them: together, but for those that must be alone."""
    shared = [scenario for scenario in scenarios if not scenario.alone]
    together = [[scenario] for scenario in scenarios if scenario.alone] + ([shared] if shared else [])
    return [
        {
            "interval": some[0].step,
            "input_series": [one for scenario in some for one in scenario.inputs()],
            "promql_expr_test": [check for scenario in some for check in scenario.checks()],
        }
        for some in together
    ]


def _braced(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def run(*stretches: tuple[float | str, int]) -> str:
    """Values one after the other: ``run((0, 10), (9, 30))`` is ten zeros, then thirty nines; ``_`` is no sample."""
    return " ".join(f"{value}x{count if value == '_' else count - 1}" for value, count in stretches)
