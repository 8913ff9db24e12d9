"""Hands on a live cluster: server-side apply of two numbers, never by force, never on what was not seen.

Each write is rehearsed first, tied to the very object and version that was read, and carries the id of its
change, so that after a crash one look tells whether it took effect. What other tools or people own stays
theirs: the change becomes a patch file for them instead.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from controlplane.act import scaled_object as so
from controlplane.act.answers import (
    BusyError,
    ForbiddenError,
    MovedError,
    OwnedError,
    UnansweredError,
    UnreachedError,
)
from controlplane.act.cluster import Cluster, Object
from controlplane.act.gate import Stopped
from controlplane.act.owners import gitops_tool, let_us_write, others, ours, who_changed
from controlplane.clock import Clock
from controlplane.errors import ActError
from controlplane.loop.ports import Hands
from controlplane.model.change import Change, ChangeState, Receipt, Rehearsal
from controlplane.model.keys import MANAGER, ObjectRef

log = logging.getLogger(__name__)

TRIES = 3
"""How often one change meets an object whose status has just moved before the next tick decides anew."""


class KubernetesHands(Hands):
    """Implements the port Hands over the API server.

    Args:
        cluster: the API server.
        patches: hands that write patch files: for what is never written live, and for fields of other owners.
        clock: the service's time.
        stopped: says why nothing may be sent; asked right before each send.
        fence: number of the leader we are now.
    """

    def __init__(
        self, cluster: Cluster, patches: Hands, *, clock: Clock, stopped: Stopped, fence: Callable[[], int] = lambda: 0
    ) -> None:
        self._cluster = cluster
        self._patches = patches
        self._clock = clock
        self._stopped = stopped
        self._fence = fence
        self._busy_until = 0.0

    def rehearse(self, change: Change) -> Rehearsal:
        """Read the object, compare it with what was seen, and let every check of the server run without effect."""
        if not so.is_live(change.patch):
            return Rehearsal(change=change)
        ref = change.patch.target
        try:
            found = self._found(ref)
            if (why := self._stop(ref) or so.unfit(found, change.fence)) is not None:
                return self._refused(change, ChangeState.REFUSED, why)
            if (why := so.differs(found, change)) is not None:
                return self._refused(change, ChangeState.SUPERSEDED, why)
            body = self._body(found, change)
            del body["metadata"]["resourceVersion"]  # its status may move meanwhile; the apply names the version
            said = self._cluster.apply(ref, body, rehearse=True).warnings
            tied = so.bound(found, change, said="; ".join(said))
        except OwnedError as problem:
            tied = so.bound(found, change, owners=_owned(found, ref, problem))
        except UnansweredError as problem:
            return self._refused(change, ChangeState.REFUSED, str(problem))
        except ActError as problem:
            return Rehearsal(change=change, refusal=self._failed(change, problem))
        return Rehearsal(change=replace(change, bound=tied))

    def apply(self, change: Change) -> Receipt:
        """Send it, unless something has changed since the rehearsal; an answer that was lost is not known."""
        if not so.is_live(change.patch):
            return self._patches.apply(change)
        if change.bound is None:
            return self._receipt(change, ChangeState.SUPERSEDED, "it was never rehearsed")
        if change.bound.owners:
            return self._hand_over(change, change.bound.owners)
        moved = ""
        for _ in range(TRIES):
            try:
                return self._send(change)
            except MovedError as problem:
                moved = str(problem)
            except OwnedError as problem:
                return self._hand_over(change, _owned({}, change.patch.target, problem))
            except ActError as problem:
                return self._failed(change, problem)
        return self._receipt(change, ChangeState.SUPERSEDED, f"it moved {TRIES} times under our hands: {moved}")

    def look_up(self, change: Change) -> Receipt | None:
        """In effect when the object carries the change's id."""
        if not so.is_live(change.patch):
            return self._patches.look_up(change)
        if change.bound is not None and change.bound.owners:
            file = self._patches.look_up(change)
            return None if file is None else self._conflict(change, change.bound.owners, file)
        found = self._cluster.read(change.patch.target)
        if found is not None and so.annotation(found, so.LAST_ACTION) == change.id:
            return self._receipt(change, ChangeState.APPLIED, f"found {change.patch}")
        return None

    def abandon(self, change: Change, why: str, at: datetime) -> Receipt | None:
        """Give it up. What may still be on its way names a version of the object: make another one first."""
        if not so.is_live(change.patch) or change.bound is None or change.bound.owners:
            return super().abandon(change, why, at)
        for _ in range(TRIES):
            try:
                return self._give_up(change, why)
            except MovedError:
                continue  # it may have been this very change that moved it: look again
            except ActError as problem:
                log.warning("cannot give up %s now: %s", change.id, problem)
                return None
        return None

    def _give_up(self, change: Change, why: str) -> Receipt | None:
        ref = change.patch.target
        found = self._cluster.read(ref)
        if found is None:
            return self._receipt(change, ChangeState.SUPERSEDED, "never sent: it is not there any more")
        if so.annotation(found, so.LAST_ACTION) == change.id:
            return self._receipt(change, ChangeState.APPLIED, f"found {change.patch}")
        if (other := so.differs(found, change)) is None:
            if self._stop(ref) is not None or so.unfit(found, self._fence()) is not None:
                return None  # not even this may be written; it stays open until it may
            mark = f"given-up-{change.id}"
            self._cluster.apply(ref, so.body(found, ref, (), mark=mark, fence=self._fence()))
        return self._receipt(change, ChangeState.SUPERSEDED, f"never sent: {other or why}")

    def reverted(self, change: Change) -> Receipt | None:
        """Somebody else's value where ours was; where a GitOps tool did it, ours becomes a patch file."""
        if change.bound is None or not so.is_live(change.patch):
            return None
        ref = change.patch.target
        found = self._cluster.read(ref)
        if found is None:
            return self._receipt(change, ChangeState.REVERTED, "the object is gone; it is left alone")
        if so.uid(found) != change.bound.uid:
            return self._receipt(change, ChangeState.REVERTED, "it was deleted and made again; it is left alone")
        wrong = next((f for f in change.patch.fields if not so.stands(found, f.path, f.after)), None)
        if wrong is None:
            return None
        who = who_changed(found, wrong.path)
        tool = gitops_tool(found, who.manager if who else "")
        by = f"{tool}'s {who}" if tool else f"{who or 'somebody'}"
        said = f"{wrong.path} is {so.shown(found, wrong.path)}, set by {by}, not our {wrong.after}; it is left alone"
        if tool is None:
            return self._receipt(change, ChangeState.REVERTED, said)
        file = self._patches.apply(change)
        hint = f"{said}. A patch file is at {file.where}; {let_us_write(ref, tool)}"
        return replace(self._receipt(change, ChangeState.REVERTED, hint), where=file.where)

    # --- one write

    def _send(self, change: Change) -> Receipt:
        """Read, compare, ask every kill switch, apply, and compare what the server has made of it."""
        assert change.bound is not None
        ref = change.patch.target
        found = self._found(ref)
        if so.annotation(found, so.LAST_ACTION) == change.id:
            return self._receipt(change, ChangeState.APPLIED, f"found {change.patch}")
        if (why := so.differs(found, change)) is not None:
            return self._receipt(change, ChangeState.SUPERSEDED, why)
        if (why := so.unfit(found, self._fence()) or self._stop(ref)) is not None:
            # the object's own annotations need no second look: whoever sets one moves the version we name
            return self._receipt(change, ChangeState.REFUSED, f"nothing was sent: {why}")
        made = self._cluster.apply(ref, self._body(found, change))
        said = [f"set {change.patch}", *(f"warned: {warning}" for warning in made.warnings)]
        if (wrong := so.made(made.object, change)) is not None:
            said.append(f"and yet {wrong}")
        return self._receipt(change, ChangeState.APPLIED, "; ".join(said))

    def _body(self, found: Object, change: Change) -> dict[str, Any]:
        return so.body(found, change.patch.target, change.patch.fields, mark=change.id, fence=self._fence())

    def _found(self, ref: ObjectRef) -> Object:
        wait = self._busy_until - self._clock.monotonic()
        if wait > 0:
            raise BusyError(f"the API server asked us to wait for another {wait:.0f} s", wait)
        found = self._cluster.read(ref)
        if found is None:
            raise MovedError("it is not there")
        return found

    def _stop(self, ref: ObjectRef) -> str | None:
        """Every kill switch but the object's own; what cannot be read counts as stop."""
        if (why := self._stopped()) is not None:
            return why
        try:
            return so.stopped(self._cluster.namespace(ref.namespace), f"the namespace {ref.namespace}")
        except ForbiddenError as problem:
            why = f"whether the namespace carries {so.STOP} cannot be read, which counts as stop"
            raise ForbiddenError(f"{why}: {problem}", problem.lacks) from problem

    # --- other owners

    def _hand_over(self, change: Change, owners: str) -> Receipt:
        """The field is somebody else's: write a patch file for them, and let go of what we share with them."""
        self._let_go(change)
        return self._conflict(change, owners, self._patches.apply(change))

    def _let_go(self, change: Change) -> None:
        """A field that we own together with somebody would make *their* next apply a conflict: it is theirs alone."""
        ref = change.patch.target
        for _ in range(TRIES):
            try:
                found = self._cluster.read(ref)
                if found is None or not any(others(found, path) for path in ours(found) & set(so.LIVE)):
                    return
                if so.unfit(found, self._fence()) is None and self._stop(ref) is None:
                    last = so.annotation(found, so.LAST_ACTION) or f"let-go-{change.id}"
                    self._cluster.apply(ref, so.body(found, ref, (), mark=last, fence=self._fence()))
            except MovedError:
                continue
            except ActError as problem:
                log.warning("cannot let go of %s now: %s", ref, problem)
            return

    def _conflict(self, change: Change, owners: str, file: Receipt) -> Receipt:
        there = file.state is ChangeState.APPLIED
        wrote = f"a patch file is at {file.where}" if there else f"no patch file could be written: {file.said}"
        return replace(self._receipt(change, ChangeState.CONFLICT, f"{wrote}; {owners}"), where=file.where)

    def _refused(self, change: Change, state: ChangeState, why: str) -> Rehearsal:
        return Rehearsal(change=change, refusal=self._receipt(change, state, why))

    def _receipt(self, change: Change, state: ChangeState, said: str) -> Receipt:
        where = f"{change.patch.target} as {MANAGER}"
        return Receipt(change=change.id, state=state, at=self._clock.now(), said=said, where=where)

    def _failed(self, change: Change, problem: ActError) -> Receipt:
        lacks = problem.lacks if isinstance(problem, ForbiddenError) else None
        return replace(self._receipt(change, self._state_of(problem), str(problem)), lacks=lacks)

    def _state_of(self, problem: ActError) -> ChangeState:
        """What a problem says about the change."""
        if isinstance(problem, BusyError):
            self._busy_until = max(self._busy_until, self._clock.monotonic() + problem.wait)
        if isinstance(problem, UnansweredError):
            return ChangeState.UNKNOWN
        if isinstance(problem, MovedError):
            return ChangeState.SUPERSEDED
        if isinstance(problem, UnreachedError | ForbiddenError | BusyError):
            return ChangeState.REFUSED
        return ChangeState.FAILED


def _owned(found: Object, ref: ObjectRef, problem: OwnedError) -> str:
    """Who owns it, and what a person may do about it."""
    managers = str(problem).split('"')[1::2]
    tools = (gitops_tool(found, manager) for manager in managers or [""])
    return f"{problem}; {let_us_write(ref, next(filter(None, tools), None))}"
