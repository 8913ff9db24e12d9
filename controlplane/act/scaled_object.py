"""A live ScaledObject: whether it may be written now, whether it still is what was seen, and what we would apply.

Pure. Only three things are ever written live: the two replica bounds and our own annotations. Everything else
(triggers are one list to KEDA: whoever owns a threshold owns them all) goes to a patch file.
"""

from typing import Any

from controlplane.act import pointer
from controlplane.act.cluster import Object
from controlplane.act.owners import others, ours
from controlplane.act.patch_file import one_line
from controlplane.decide.guardrail import LEAST_PATH, MOST_PATH, UNNAMED
from controlplane.model.change import Bound, Change
from controlplane.model.keys import ANNOTATIONS, ObjectRef
from controlplane.model.patch import FieldChange, Patch

LIVE = (LEAST_PATH, MOST_PATH)
"""The fields that are written live."""

LAST_ACTION = f"{ANNOTATIONS}/last-action"
"""Annotation with the id of the change we made last: what the sweep looks for after a crash."""
FENCE = f"{ANNOTATIONS}/fence"
"""Annotation with the number of the leader that made it."""
STOP = f"{ANNOTATIONS}/stop"
"""Annotation by which anybody may stop us, on the object or its namespace."""

OURS = frozenset({*LIVE, *(f"/metadata/annotations/{ANNOTATIONS}~1{name}" for name in ("last-action", "fence"))})
PAUSED = ("autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas")


def is_live(patch: Patch) -> bool:
    """Whether all of the patch may be written live."""
    fields = {field.path for field in patch.fields}
    return patch.target.kind == "ScaledObject" and bool(fields) and fields <= set(LIVE)


def annotation(found: Object, name: str) -> str | None:
    """One annotation; ``None`` when it is not there."""
    value = pointer.read(found, f"/metadata/annotations/{name.replace('~', '~0').replace('/', '~1')}")
    return value if isinstance(value, str) else None


def stopped(found: Object, what: str) -> str | None:
    """Why the annotation stops us; anything but ``false`` does."""
    value = annotation(found, STOP)
    return None if value is None or value.lower() == "false" else f"{what} carries {STOP}: {one_line(value, 60)!r}"


def uid(found: Object) -> str:
    """What tells it from another object of the same name."""
    return str(pointer.read(found, "/metadata/uid"))


def version(found: Object) -> str:
    """What tells this state of it from the next."""
    return str(pointer.read(found, "/metadata/resourceVersion"))


def unfit(found: Object, fence: int) -> str | None:
    """Why it must not be written now, whatever the change; ``None`` when nothing speaks against it."""
    if (why := stopped(found, "the object")) is not None:
        return why
    for name in PAUSED:
        value = annotation(found, name)
        if value is not None and (name != PAUSED[0] or value.lower() != "false"):
            return f"it is paused: {name}: {one_line(value, 60)!r}; nobody but a person pauses and unpauses"
    if pointer.read(found, "/metadata/deletionTimestamp") is not pointer.ABSENT:
        return "it is being deleted"
    more = sorted(ours(found) - OURS)
    if more:
        fields = one_line(", ".join(more[:5]), 200)
        return (
            f"it was applied under our own manager's name, fields {fields} too: apply it under another (docs/hands.md)"
        )
    later = annotation(found, FENCE)
    if later is not None and later.isdecimal() and int(later[:18]) > fence:
        return (
            f"a control plane with a later lead ({later[:18]}, ours is {fence}) has written it: is another one at "
            f"work, or was an old ledger restored? If not, take the annotation {FENCE} off"
        )
    return None


def bound(found: Object, change: Change, *, owners: str = "", said: str = "") -> Bound:
    """What the change is tied to."""
    absent = (f.path for f in change.patch.fields if pointer.read(found, f.path) is pointer.ABSENT)
    return Bound(uid=uid(found), generation=generation(found), absent=tuple(absent), owners=owners, said=said)


def generation(found: Object) -> int:
    """How often its spec has changed; 0 where it does not say."""
    count = pointer.read(found, "/metadata/generation")
    return count if isinstance(count, int) and not isinstance(count, bool) else 0


def differs(found: Object, change: Change) -> str | None:
    """What of it is not as the decision saw it; ``None`` when all is."""
    tied = change.bound
    if tied is not None and uid(found) != tied.uid:
        return "it was deleted and made again"
    if tied is not None and generation(found) != tied.generation:
        return "its spec has changed since the decision"
    for field in change.patch.fields:
        if not stands(found, field.path, field.before):
            return f"{field.path} is {shown(found, field.path)}, the decision saw {field.before}"
    return None


def made(found: Object, change: Change) -> str | None:
    """What of it is not as the change wants it; ``None`` when all is."""
    wrong = [f for f in change.patch.fields if not stands(found, f.path, f.after)]
    return ", ".join(f"{f.path} is {shown(found, f.path)}, not {f.after}" for f in wrong) or None


def stands(found: Object, path: str, value: Any) -> bool:
    """Whether the field has the value. One that is not named has KEDA's own."""
    there = pointer.read(found, path)
    if there is pointer.ABSENT:
        return value is None or pointer.same(UNNAMED.get(path), value)
    return pointer.same(there, value)


def shown(found: Object, path: str) -> str:
    """The field's value in words."""
    there = pointer.read(found, path)
    return "not named" if there is pointer.ABSENT else one_line(str(there), 60)


def body(found: Object, ref: ObjectRef, fields: tuple[FieldChange, ...], *, mark: str, fence: int) -> dict[str, Any]:
    """What we apply: all that shall be ours, for what we leave out and alone own is deleted.

    A field we share with somebody is theirs: unless it is to be changed we leave it out, which lets go of it.
    """
    wanted: dict[str, Any] = {
        path: pointer.read(found, path) for path in LIVE if path in ours(found) and not others(found, path)
    }
    wanted.update({field.path: field.after for field in fields})
    made_: dict[str, Any] = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": ref.kind,
        "metadata": {
            "name": ref.name,
            "namespace": ref.namespace,
            "uid": uid(found),
            "resourceVersion": version(found),
            "annotations": {LAST_ACTION: mark, FENCE: str(fence)},
        },
    }
    for path, value in sorted(wanted.items()):
        if value is not None and value is not pointer.ABSENT:
            pointer.write(made_, path, value)
    return made_
