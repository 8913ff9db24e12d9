"""Stories about promises: how fast a role spends what it may miss."""

from controlplane.settings.alerts import AlertName
from tests.generate.alerts.scenario import NOTHING, Scenario, run

P = 'namespace="llm",role="planner",model="m"'
_LONG = ("long",)


def asked(slo: str, *, total: str, good: str) -> dict[str, str]:
    return {
        f'llm_slo:total:rate5m{{{P},slo="{slo}"}}': total,
        f'llm_slo:good:rate5m{{{P},slo="{slo}"}}': good,
    }


BURNS = (
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="nine of ten miss: told in minutes, then by the slower window, too",
        series=asked("ttft", total="1x120", good="0.1x120"),
        step="30s",
        then={"3m": NOTHING, "10m": ({"long": "1h"},), "25m": ({"long": "1h"}, {"long": "6h"})},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="it is over: the short windows say so while the long ones still remember",
        series=asked("ttft", total="1x200", good=run((0.1, 120), (1, 80))),
        step="30s",
        then={
            "59m": ({"long": "1h"}, {"long": "6h"}),
            "66m": ({"long": "6h"}, {"long": "1d"}),  # this role is an hour old, so an hour is its day
            "95m": ({"long": "1d"},),
        },
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="all miss, and it is one request in a minute",
        series=asked("ttft", total="0.016x160", good="0x160"),
        step="30s",
        then={"60m": NOTHING},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="one token a second is one answer in minutes, not a hundred",
        series=asked("itl", total="1x120", good="0x120"),
        step="30s",
        then={"55m": NOTHING},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="many slow tokens",
        series=asked("itl", total="40x60", good="2x60"),
        step="30s",
        then={"10m": ({"long": "1h"},)},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="two of three miss: not fast enough for the first alert, and too fast for a day",
        series=asked("ttft", total="1x60", good="0.35x60"),
        step="30s",
        then={"14m": NOTHING, "25m": ({"long": "6h"},)},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="one in five misses for hours",
        series=asked("ttft", total="20x100", good="16x100"),
        step="4m",
        then={"48m": NOTHING, "2h": ({"long": "1d"},), "4h": ({"long": "1d"}, {"long": "3d"})},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="six in a hundred: the budget is spent a little too fast",
        series=asked("ttft", total="20x100", good="18.8x100"),
        step="4m",
        then={"2h48m": NOTHING, "4h": ({"long": "3d"},)},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="a bad day is over since three hours, then since seven",
        series=asked("ttft", total="20x500", good=run((16, 360), (20, 140))),
        step="4m",
        then={"24h": ({"long": "1d"}, {"long": "3d"}), "27h": ({"long": "3d"},), "31h": NOTHING},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="a good day with a bad quarter of an hour, and no traffic to speak of for the slow windows",
        series=asked("ttft", total=run((20, 360), (20, 12)), good=run((20, 360), (17, 12))),
        step="4m",
        then={"24h40m": NOTHING},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="four in a hundred are promised",
        series=asked("ttft", total="20x100", good="19.2x100"),
        step="4m",
        then={"6h": NOTHING},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.LATENCY_BUDGET_BURN,
        what="a handful a day, and all of them slow",
        series=asked("ttft", total="0.002x500", good="0x500"),
        step="4m",
        then={"30h": NOTHING},
        labels=_LONG,
    ),
    Scenario(
        alert=AlertName.OBJECTIVE_NOT_MEASURED,
        what="requests come and no bucket ends where they are promised",
        series={f'llm_slo:total:rate5m{{{P},slo="ttft"}}': "1x40"},
        then={"14m": NOTHING, "16m": ({"role": "planner"},)},
    ),
    Scenario(
        alert=AlertName.OBJECTIVE_NOT_MEASURED,
        what="it is counted, and nothing is good",
        series=asked("ttft", total="1x40", good="0x40"),
        then={"20m": NOTHING},
    ),
    Scenario(
        alert=AlertName.OBJECTIVE_NOT_MEASURED,
        what="nobody asks",
        series={f'llm_slo:total:rate5m{{{P},slo="ttft"}}': "0x40"},
        then={"20m": NOTHING},
    ),
)


def windows(slo: str, total: str, **ratios: str) -> dict[str, str]:
    """The shares that missed, as recorded: one each window."""
    labels = f'{P},slo="{slo}"'
    shares = {f"llm_slo:error:ratio{name[1:]}{{{labels}}}": values for name, values in ratios.items()}
    return {f"llm_slo:total:rate5m{{{labels}}}": total, **shares}


def _pair(long: str, short: str, over: float, under: float, hold: int) -> tuple[Scenario, ...]:
    """One pair of windows: both, each alone, and both with nearly nobody there. ``hold`` in minutes."""

    def story(what: str, slo: str, asked: str, missed: tuple[float, float], *, fires: bool = False) -> Scenario:
        shares = {f"w{long}": f"{missed[0]}x300", f"w{short}": f"{missed[1]}x300"}
        late = {f"{hold + 6}m": ({"long": long},) if fires else NOTHING}
        return Scenario(
            alert=AlertName.LATENCY_BUDGET_BURN,
            what=f"{long} and {short}: {what}",
            series=windows(slo, asked, **shares),
            then={f"{hold - 1}m": NOTHING, **late},
            labels=_LONG,
        )

    return (
        story("both windows", "ttft", "20x300", (over, over), fires=True),
        story("both windows, of tokens", "itl", "200x300", (over, over), fires=True),
        story(
            "enough asked at the beginning of the long one", "ttft", run((20, 3), (0, 297)), (over, over), fires=True
        ),
        story("enough tokens at the beginning", "itl", run((2000, 3), (0, 297)), (over, over), fires=True),
        story("the short one is over it", "ttft", "20x300", (over, under)),
        story("the long one has not noticed", "ttft", "20x300", (under, over)),
        story("a handful of requests", "ttft", "0.015x300", (over, over)),
        story("a handful of answers", "itl", "0.5x300", (over, over)),
    )


PAIRS = (
    *_pair("1h", "5m", 0.73, 0.71, 2),
    *_pair("6h", "30m", 0.31, 0.29, 15),
    *_pair("1d", "2h", 0.16, 0.14, 60),
    *_pair("3d", "6h", 0.06, 0.04, 180),
)
"""The same alert on shares as recorded: cheap enough to judge many broken ones by."""
