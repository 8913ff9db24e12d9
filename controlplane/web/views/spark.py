"""A sparkline: half an hour of one reading in 96 × 24 pixels, gaps left open, the limit dashed across."""

from dataclasses import dataclass

from controlplane.model.series import Series

WIDTH, HEIGHT, PAD = 96, 24, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """What an inline SVG needs: one polyline per stretch without a gap."""

    lines: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    """Known values between two gaps: a line needs two points."""
    limit_y: float | None
    width: int = WIDTH
    height: int = HEIGHT


def spark(series: Series, *, limit: float | None = None, top: float | None = None) -> Spark:
    """Draw ``series`` over its whole time; ``top`` fixes the scale (1.0 for a ratio).

    Without ``top`` the scale holds the highest value and the limit with some air above; it starts at zero.
    """
    known = series.known()
    if top is None:
        top = max([*known, (limit or 0) * 1.4, 1e-9]) * 1.1
    height = HEIGHT - 2 * PAD

    def y(value: float) -> float:
        return round(PAD + height * (1 - min(max(value / top, 0.0), 1.0)), 1)

    stretches: list[list[tuple[float, float]]] = [[]]
    if len(series) > 1:
        begin, length = series.at[0], (series.at[-1] - series.at[0]).total_seconds()
        for at, value in zip(series.at, series.values, strict=True):
            if value is None:
                stretches.append([])
            else:
                stretches[-1].append((round((at - begin).total_seconds() / length * WIDTH, 1), y(value)))
    return Spark(
        lines=tuple(" ".join(f"{px:g},{py:g}" for px, py in part) for part in stretches if len(part) > 1),
        dots=tuple(part[0] for part in stretches if len(part) == 1),
        limit_y=None if limit is None else y(limit),
    )
