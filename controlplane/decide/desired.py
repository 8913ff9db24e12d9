"""How many replicas each role should run: up in one step, down only when a whole window agrees.

Up is the highest need of now: what is starting is credited because the need is a level. Down is the highest need of
the last window, a third at a time, and only when the remaining replicas would carry the load. With an input missing
up may go on and down may not; after a gap down waits for a full window. With nothing known nothing is said.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from types import MappingProxyType

from controlplane.decide.law import ScalingLaw
from controlplane.decide.needs import Sides
from controlplane.decide.survivors import objection
from controlplane.detect.runaway import feeding
from controlplane.detect.watch import sustained, unasked
from controlplane.model.belief import RoleBeliefs
from controlplane.model.cycle import Stop
from controlplane.model.desired import Binding, Desired, Need
from controlplane.model.finding import Finding
from controlplane.model.fleet import Fleet
from controlplane.model.keys import RoleName
from controlplane.model.reading import Reading
from controlplane.model.role import RoleView
from controlplane.model.units import seconds_text

NEEDED_TO_SHRINK = (
    Reading.COVERAGE,
    Reading.REPLICAS_READY,
    Reading.RUNNING,
    Reading.WAITING,
    Reading.KV_USAGE,
)
"""What must be known through the whole window before a role may shrink."""

REMEMBERED = timedelta(minutes=40)
"""No window is longer: readings are remembered for 45 minutes."""

Wish = tuple[int, Binding, str]
"""A number, what decided it, and why."""

ALMOST = 1e-9
"""Needs are rounded up, but not for what is an error of the last digit."""


def plan(
    fleet: Fleet,
    beliefs: Mapping[RoleName, RoleBeliefs],
    findings: Sequence[Finding],
    law: ScalingLaw,
    *,
    now: datetime,
    stop: Stop | None = None,
    frozen: bool = False,
) -> Mapping[RoleName, Desired]:
    """The wish for every role. While the kill switch is on we wish for nothing: the law behind us takes over."""
    runaway = feeding(fleet.roles, findings)
    wishes: dict[RoleName, Desired] = {}
    for name, role in fleet.roles.items():
        if stop is not None:
            wishes[name] = _unknown(role, (), f"stopped by {stop.by}: the fleet is left to the law behind us")
        else:
            believed = beliefs.get(name) or RoleBeliefs(role=name)
            trend = not frozen and name not in runaway
            wishes[name] = desired(role, believed, law, now=now, trend=trend)
    return MappingProxyType(wishes)


def desired(role: RoleView, beliefs: RoleBeliefs, law: ScalingLaw, *, now: datetime, trend: bool = True) -> Desired:
    """The wish for one role."""
    age = now - role.at
    if not -law.newest <= age <= law.newest:
        return _unknown(role, (), f"the newest data is {seconds_text(abs(age.total_seconds()))} old")
    sides = Sides(role=role, beliefs=beliefs, law=law, trend=trend)
    needs = sides.said()
    there, wanted = _asked_for(role), _highest(needs)
    if wanted is None and there == 0 == role.spec.replicas.min:
        because = "at rest: nothing runs, and the router wakes it"
        return Desired(role=role.name, replicas=0, binding=Binding.FLOOR, needs=needs, because=because)
    if wanted is None:
        return _unknown(role, needs, "nothing is known of the load")
    if there is None:
        return _unknown(role, needs, "how many replicas there are is unknown")
    level, binding, because = _between(sides, needs, wanted, there)
    least, most = role.spec.replicas.min, role.spec.replicas.max
    if level > most:
        level, binding, because = most, Binding.CEILING, f"{because}; fleet.yaml allows {most}"
    elif level < least:
        level, binding, because = least, Binding.FLOOR, f"{because}; fleet.yaml asks for {least} at least"
    return Desired(role=role.name, replicas=level, binding=binding, needs=needs, because=because)


def _between(sides: Sides, needs: tuple[Need, ...], wanted: Need, there: int) -> Wish:
    """The wish before fleet.yaml's bounds."""
    now = _whole(wanted.replicas or 0.0)
    recent = max([now, *(_whole(level) for level in _window(sides) if level is not None)])
    needed = (recent, wanted.binding, wanted.said)
    if recent > now:
        needed = (recent, Binding.RECENT, f"so many were needed within the last {_words(sides)}")
    if recent >= there:
        return needed
    held = _incomplete(sides, needs)
    if held is not None:
        return there, Binding.HELD, f"{held}: not fewer than there are"
    return _down(sides, needed, there)


def _down(sides: Sides, needed: Wish, there: int) -> Wish:
    """The wish of a role that needs fewer than it has: the least that is one step away and carries the load."""
    step = max(1, int(there * sides.law.step_down))
    said: str | None = None
    for left in range(max(needed[0], there - step, _last(sides)), there):
        refused = objection(sides.role, sides.law, left)
        if refused is not None:
            said = refused
        elif said is not None:
            return left, Binding.SURVIVORS, said
        elif left > needed[0]:
            return left, Binding.STEP, f"{needed[0]} would do; at most {step} fewer at once, and none only when idle"
        else:
            return needed
    return there, Binding.SURVIVORS, said or "one stays until nobody has asked for long"


def _asked_for(role: RoleView) -> int | None:
    """Replicas the cluster has been asked for; ``None`` when nobody can say."""
    wished, ready = role.now(Reading.REPLICAS_DESIRED), role.now(Reading.REPLICAS_READY)
    if wished is not None:
        return _whole(wished)
    return None if ready is None else _whole(ready + (role.now(Reading.REPLICAS_PENDING) or 0))


def _highest(needs: Sequence[Need]) -> Need | None:
    known = [need for need in needs if need.replicas is not None]
    return max(known, key=lambda need: need.replicas or 0.0) if known else None


def _window(sides: Sides) -> list[float | None]:
    """The highest need at each tick of the window, the newest left out."""
    ticks, begin = sides.role.ticks, sides.role.at - _span(sides)
    found: list[float | None] = []
    for i in range(len(ticks) - 2, -1, -1):
        if ticks[i] < begin:
            break
        found.append(sides.highest(i))
    return found


def _incomplete(sides: Sides, needs: tuple[Need, ...]) -> str | None:
    """What is missing of the evidence that a role may shrink; ``None`` when all is there."""
    role, heard = sides.role, sides.law.heard
    for reading in NEEDED_TO_SHRINK:
        if role.now(reading) is None:
            return f"{reading.about.words} is unknown"
    if sides.capacity is not None and next(n.replicas for n in needs if n.binding is Binding.RATE) is None:
        return "arrivals are unknown"
    if sustained(role, _span(sides), lambda coverage, *_: coverage >= heard, *NEEDED_TO_SHRINK) is None:
        return f"not every replica was heard all through the last {_words(sides)}"
    if sides.capacity is None and sustained(role, _span(sides), _calm, Reading.WAITING, Reading.REPLICAS_READY) is None:
        return "requests waited, and what a replica sustains is not known yet"
    return None


def _calm(waiting: float, ready: float) -> bool:
    """Whether what waits is only passing through: one request, or one for two replicas."""
    return waiting <= max(1.0, ready / 2)


def _last(sides: Sides) -> int:
    """The least a role may shrink to: one, or none after long idleness where that was asked for."""
    if sides.role.spec.replicas.min > 0:
        return 1
    return 0 if unasked(sides.role, sides.law.idle_before_zero) else 1


def _span(sides: Sides) -> timedelta:
    return min(max(sides.law.window, sides.lead), REMEMBERED)


def _words(sides: Sides) -> str:
    return seconds_text(_span(sides).total_seconds())


def _whole(level: float) -> int:
    return max(0, ceil(level - ALMOST))


def _unknown(role: RoleView, needs: tuple[Need, ...], because: str) -> Desired:
    return Desired(role=role.name, replicas=None, binding=Binding.UNKNOWN, needs=needs, because=because)
