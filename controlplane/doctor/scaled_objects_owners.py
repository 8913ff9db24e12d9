"""Whether a ScaledObject works at all: what KEDA's webhook refuses, who else scales the same thing, what was forgotten.

The webhook may be skipped (its failurePolicy is Ignore), and files have not met it yet.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from controlplane.doctor.check import Check
from controlplane.doctor.plain import items, part, text
from controlplane.doctor.row import Row
from controlplane.doctor.scaled_objects_read import (
    KIND,
    PAUSED,
    PAUSED_AT,
    Context,
    Scaled,
    Trigger,
    real,
    spec,
    trigger_fix,
    written,
)
from controlplane.model.finding import Severity

TWO_OWNERS = Check(
    id="keda-two-owners",
    severity=Severity.CRITICAL,
    title="two autoscalers own one workload",
    why="Each sets the number of replicas every 15 s: they fight, and the fleet flaps between two numbers.",
    fix="Delete one of the two, or let KEDA adopt the HPA.",
)
INCOMPLETE = Check(
    id="keda-trigger-incomplete",
    severity=Severity.CRITICAL,
    title="a trigger lacks what it needs",
    why="Without an address, a query and a threshold that is a number KEDA cannot ask: the trigger stays in error.",
    fix="Write serverAddress, query and threshold into the trigger's metadata.",
)
NOT_TEXT = Check(
    id="keda-metadata-not-text",
    severity=Severity.CRITICAL,
    title="a trigger's metadata holds numbers or booleans",
    why="All values there are text: the API server refuses the object, or a client drops the value.",
    fix='Put the value in quotes: threshold: "5".',
)
BROKEN_FORMULA = Check(
    id="keda-formula-broken",
    severity=Severity.CRITICAL,
    title="a scaling formula that cannot be computed",
    why="KEDA refuses a formula without a target, or with a name that no trigger has.",
    fix='Name every trigger the formula uses, and set target: "1".',
)
NAMES = Check(
    id="keda-names-refused",
    severity=Severity.CRITICAL,
    title="a name KEDA does not take",
    why="Names of triggers must differ, and the autoscaler's name (keda-hpa-NAME) may have 63 characters.",
    fix="Give each trigger its own name; shorten the object's, or set horizontalPodAutoscalerConfig.name.",
)
AUTH_IGNORED = Check(
    id="keda-auth-ignored",
    severity=Severity.WARNING,
    title="a Prometheus trigger names credentials and no way to use them",
    why="Without authModes KEDA ignores the TriggerAuthentication, a CA certificate too: it asks without any.",
    fix="Set authModes: bearer, basic or tls.",
)
PAUSED_LONG = Check(
    id="keda-paused-long",
    severity=Severity.WARNING,
    title="scaling has been paused for more than a week",
    why="Paused by hand for an incident and forgotten: its autoscaler is deleted, and nothing scales.",
    fix="Remove the annotation.",
)
UNKNOWN_FIELD = Check(
    id="keda-unknown-field",
    severity=Severity.WARNING,
    title="a field KEDA does not know",
    why="The API server drops it without a word and KEDA's default counts: minReplicas is not minReplicaCount.",
    fix="Write the field's real name.",
)
CHECKS = (UNKNOWN_FIELD, TWO_OWNERS, INCOMPLETE, NOT_TEXT, BROKEN_FORMULA, NAMES, AUTH_IGNORED, PAUSED_LONG)

FORGOTTEN = timedelta(days=7)
LONGEST = 63
TRANSFER, NOT_OURS = "scaledobject.keda.sh/transfer-hpa-ownership", "validations.keda.sh/hpa-ownership"
FIELDS = (
    "scaleTargetRef",
    "pollingInterval",
    "initialCooldownPeriod",
    "cooldownPeriod",
    "idleReplicaCount",
    "minReplicaCount",
    "maxReplicaCount",
    "advanced",
    "triggers",
    "fallback",
)
"""Fields of a ScaledObject's spec, KEDA 2.20."""
NEEDED = ("serverAddress", "query", "threshold")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEXT = re.compile(r'"[^"]*"|\'[^\']*\'')
_LANGUAGE = frozenset(
    {
        "max",
        "min",
        "sum",
        "mean",
        "median",
        "abs",
        "ceil",
        "floor",
        "round",
        "int",
        "float",
        "len",
        "count",
        "any",
        "all",
    }
    | {"none", "one", "filter", "map", "reduce", "find", "nil", "true", "false", "and", "or", "not", "in", "let", "if"}
    | {"else", "trunc", "now"}
)


def check(so: Scaled, context: Context) -> Iterator[Row]:
    """Rows about one object by itself."""
    for trigger in so.triggers:
        yield from _complete(so, trigger)
    if not so.triggers:
        said = "has no trigger"
        yield INCOMPLETE.row(so.subject, said, evidence=("spec.triggers is empty",), fix=INCOMPLETE.fix)
    yield from _unknown(so)
    yield from _formula(so)
    yield from _names(so)
    yield from _paused(so, context)


def together(found: Sequence[Scaled], documents: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """Rows about objects that get in each other's way."""
    owners: dict[tuple[str, str, str], list[Scaled]] = defaultdict(list)
    for so in found:
        owners[so.target].append(so)
    for (_, kind, name), everywhere in sorted(owners.items()):
        several = list({so.name: so for so in everywhere}.values())  # one object may stand in several files
        for so in sorted(several, key=lambda s: s.name)[1:]:
            first = min(s.name for s in several)
            said = f"scales {kind} {name}, which ScaledObject {first} scales already"
            fix = f"kubectl delete scaledobject -n {so.namespace} {so.name}"
            yield TWO_OWNERS.row(so.subject, said, evidence=tuple(s.subject for s in several), fix=fix)
    for hpa in documents:
        if text(hpa, "kind") == "HorizontalPodAutoscaler":
            yield from _foreign(hpa, owners)


def _foreign(hpa: Mapping[str, Any], owners: Mapping[tuple[str, str, str], Sequence[Scaled]]) -> Iterator[Row]:
    meta, ref = part(hpa, "metadata"), part(hpa, "spec", "scaleTargetRef")
    space, name = text(meta, "namespace") or "default", text(meta, "name")
    if any(text(owner, "kind") == KIND for owner in items(meta, "ownerReferences")):
        return
    if str(part(meta, "annotations").get(NOT_OURS)).lower() == "false":
        return
    for so in owners.get((space, text(ref, "kind"), text(ref, "name")), ()):
        adopts = str(so.annotations.get(TRANSFER)).lower() == "true" and text(so.autoscaler, "name") == name
        if not adopts:
            said = (
                f"scales {text(ref, 'kind')} {text(ref, 'name')}, which HorizontalPodAutoscaler {name} scales already"
            )
            fix = f"kubectl delete hpa -n {space} {name}"
            yield TWO_OWNERS.row(so.subject, said, evidence=(f"HorizontalPodAutoscaler {space}/{name}",), fix=fix)


def _complete(so: Scaled, trigger: Trigger) -> Iterator[Row]:
    wrong = {str(k): v for k, v in trigger.metadata.items() if not isinstance(v, str)}
    if wrong:
        shown = ", ".join(f"{k}: {v!r}"[:80] for k, v in sorted(wrong.items()))
        fix = trigger_fix(trigger, **{k: _as_text(v) for k, v in sorted(wrong.items())})
        said = "is refused by the API server: a trigger's metadata is text"
        yield NOT_TEXT.row(so.subject, said, evidence=(f"{trigger.path}.metadata: {shown}",), fix=fix)
    if trigger.prometheus:
        lacking = [key for key in NEEDED if not str(trigger.metadata.get(key) or "").strip()]
        threshold = trigger.metadata.get("threshold")
        if "threshold" not in lacking and real(threshold) is None:
            lacking.append("threshold")
        if lacking:
            evidence = tuple(f"{trigger.path}.metadata.{k} = {trigger.metadata.get(k, 'not set')}" for k in lacking)
            fix = trigger_fix(trigger, **dict.fromkeys(lacking, "…"))
            said = f"cannot ask Prometheus: a trigger lacks {', '.join(lacking)}"
            yield INCOMPLETE.row(so.subject, said, evidence=evidence, fix=fix)
        if part(trigger.raw, "authenticationRef") and not text(trigger.metadata, "authModes"):
            ref = text(part(trigger.raw, "authenticationRef"), "name")
            said = f"asks Prometheus without the credentials of {ref}: authModes is not set"
            fix = trigger_fix(trigger, authModes="bearer")
            yield AUTH_IGNORED.row(
                so.subject, said, evidence=(f"{trigger.path}.authenticationRef.name = {ref}",), fix=fix
            )


def _unknown(so: Scaled) -> Iterator[Row]:
    for name in sorted(str(key) for key in so.spec if key not in FIELDS)[:10]:
        near = get_close_matches(name, FIELDS, 1)
        fix = spec(**{near[0]: so.spec.get(name), name: None}) if near else spec(**{name: None})
        said = f"sets {name}, which KEDA does not know{f': did you mean {near[0]}?' if near else ''}"
        yield UNKNOWN_FIELD.row(so.subject, said, evidence=(f"spec.{name} = {str(so.spec.get(name))[:80]}",), fix=fix)


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:200]


def _formula(so: Scaled) -> Iterator[Row]:
    if not so.modifiers:
        return
    evidence, fix = (f"scalingModifiers.formula = {so.formula[:200]}",), ""
    target = so.modifiers.get("target")
    names = {t.name for t in so.triggers if t.name}
    unknown = sorted(set(_WORD.findall(_TEXT.sub("", so.formula))) - names - _LANGUAGE)
    if not so.formula:
        said, fix = "has scalingModifiers without a formula", spec(advanced={"scalingModifiers": None})
    elif (real(target) or 0) <= 0:
        said = f"has a formula and no target above 0 (target = {target!r})"
        fix = spec(advanced={"scalingModifiers": {"target": "1"}})
    elif unknown:
        said = f"has a formula of {', '.join(unknown)}, which no trigger is named"
        fix = "# each trigger of the formula\n" + written({"spec": {"triggers": [{"name": name} for name in unknown]}})
    else:
        return
    yield BROKEN_FORMULA.row(so.subject, said, evidence=evidence, fix=fix)


def _names(so: Scaled) -> Iterator[Row]:
    named = [t.name for t in so.triggers if t.name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        said = f"has several triggers named {', '.join(twice)}"
        fix = NAMES.fix
        yield NAMES.row(so.subject, said, evidence=(f"trigger names: {', '.join(named)}",), fix=fix)
    hpa = text(so.autoscaler, "name") or f"keda-hpa-{so.name}"
    if len(hpa) > LONGEST or len(so.name) > LONGEST:
        said = f"has a name that gives its autoscaler one of {len(hpa)} characters"
        fix = spec(advanced={"horizontalPodAutoscalerConfig": {"name": so.name[: LONGEST - 1].rstrip("-.")}})
        yield NAMES.row(so.subject, said, evidence=(f"metadata.name = {so.name[:120]}",), fix=fix)


def _paused(so: Scaled, context: Context) -> Iterator[Row]:
    if not so.paused:
        return
    since = _paused_since(so)
    if since is None or context.now is None:
        severity, words = Severity.INFO, "nobody can say since when"
    elif context.now - since > FORGOTTEN:
        severity, words = PAUSED_LONG.severity, f"since {since:%Y-%m-%d}, {(context.now - since).days} days ago"
    else:
        return
    which = PAUSED_AT if PAUSED_AT in so.annotations else PAUSED
    fix = f"kubectl annotate scaledobject -n {so.namespace} {so.name} {which}-"
    evidence = (f"metadata.annotations[{which}] = {so.annotations.get(which)}",)
    yield PAUSED_LONG.row(so.subject, f"is paused {words}", evidence=evidence, fix=fix, severity=severity)


def _paused_since(so: Scaled) -> datetime | None:
    """When it was paused: by its condition, else by who wrote the annotation last."""
    written_at = [
        text(condition, "lastTransitionTime")
        for condition in items(part(so.raw, "status"), "conditions")
        if text(condition, "type") == "Paused" and text(condition, "status") == "True"
    ]
    for entry in items(part(so.raw, "metadata"), "managedFields"):
        names = part(entry, "fieldsV1", "f:metadata", "f:annotations")
        if any(f"f:{name}" in names for name in (PAUSED, PAUSED_AT)):
            written_at.append(text(entry, "time"))
    for at in written_at:
        try:
            found = datetime.fromisoformat(at)
        except ValueError:
            continue
        if found.tzinfo is not None:
            return found
    return None
