"""What is well-formed and still wrong: things in fleet.yaml that contradict each other.

Every check yields what it finds with the place and the fix. A check looks only at parts that could be read;
``unsure`` names top-level keys that could not, whose absence proves nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator
from datetime import timedelta

from controlplane.model.role import Mode, Phase
from controlplane.model.units import Unit
from controlplane.promql.recorded import UNASSIGNED
from controlplane.settings.document import Wrong
from controlplane.settings.gpus import KNOWN_GPUS, LIST_PRICES
from controlplane.settings.names import is_loopback
from controlplane.settings.people_checks import people, two_people
from controlplane.settings.roles import Role
from controlplane.settings.scaling_checks import followers
from controlplane.settings.schema import Settings
from controlplane.settings.sections import HandsMode
from controlplane.settings.values import duration_text, nearest

REMEMBERED = timedelta(minutes=40)
"""The walk remembers 45 minutes of every reading; a tick may come late."""

Check = Callable[[Settings, Collection[str]], Iterator[Wrong]]


def _bounds(settings: Settings, _unsure: Collection[str]) -> Iterator[Wrong]:
    for name, role in settings.roles.items():
        least, most = role.replicas.min, role.replicas.max
        at = ("roles", name, "replicas")
        if least > most:
            yield Wrong(path=at, what=f"min {least} is more than max {most}", fix=f"write max: {least} or more")
        if least == 0 and not role.scale_to_zero:
            fix = "write min: 1, or add scale_to_zero: true if cold starts are acceptable"
            yield Wrong(path=at, what="min 0 turns the role off when nobody calls", fix=fix)


def _gpus(settings: Settings, unsure: Collection[str]) -> Iterator[Wrong]:
    for name, role in settings.roles.items():
        if role.gpus is None:
            continue
        kind, at = role.gpus.type, ("roles", name, "gpus", "type")
        if kind not in settings.price_list and "prices" not in unsure:
            known = kind in KNOWN_GPUS
            what = f"no list price of {kind} is known" if known else f"the GPU {kind} is not known and has no price"
            near = nearest(kind, [*LIST_PRICES, *settings.prices])
            hint = f"{near} or " if near.startswith("did you mean") and not known else ""
            yield Wrong(path=at, what=what, fix=f"{hint}add prices: {{{kind}: 2.50}}")
        if role.gpus.mig is not None:
            yield from _mig(role, name)
        elif role.gpus.per_replica > 1 and role.gpus.per_replica % 1:
            what = f"{role.gpus.per_replica:g} GPUs per replica"
            yield Wrong(path=(*at[:-1], "per_replica"), what=what, fix="write a whole number, or less than 1 to share")


def _mig(role: Role, name: str) -> Iterator[Wrong]:
    if role.gpus is None:
        return
    kind, profile, at = role.gpus.type, role.gpus.mig, ("roles", name, "gpus", "mig")
    slices = KNOWN_GPUS[kind].slices if kind in KNOWN_GPUS else {}
    if not slices:
        what = f"{kind} cannot be cut into MIG slices" if kind in KNOWN_GPUS else f"MIG slices of {kind} are not known"
        yield Wrong(path=at, what=what, fix="remove mig, and write the share of the GPU as per_replica")
    elif profile not in slices:
        yield Wrong(path=at, what=f"{kind} has no profile {profile}", fix="write one of " + ", ".join(slices))
    if role.gpus.per_replica % 1:
        what = f"{role.gpus.per_replica:g} MIG slices per replica"
        yield Wrong(path=(*at[:-1], "per_replica"), what=what, fix="write a whole number of slices")


def _promises(settings: Settings, _unsure: Collection[str]) -> Iterator[Wrong]:
    for name, role in settings.roles.items():
        slo, at = role.slo, ("roles", name, "slo")
        if slo.itl_p95 and slo.ttft_p95 and slo.itl_p95 >= slo.ttft_p95:
            what = f"one token more ({duration_text(slo.itl_p95)}) may take as long as the first"
            yield Wrong(path=(*at, "itl_p95"), what=what, fix="write itl_p95 in ms, such as 100ms")
        elif slo.itl_p95 and slo.itl_p95 > timedelta(seconds=2):
            what = f"{duration_text(slo.itl_p95)} between tokens is no promise"
            yield Wrong(path=(*at, "itl_p95"), what=what, fix="write itl_p95 in ms, such as 100ms")
        if slo.e2e_p95 and slo.ttft_p95 and slo.e2e_p95 <= slo.ttft_p95:
            what = f"the whole answer ({duration_text(slo.e2e_p95)}) is promised before its first token"
            yield Wrong(path=(*at, "e2e_p95"), what=what, fix=f"write more than {duration_text(slo.ttft_p95)}")


def _watched(settings: Settings, unsure: Collection[str]) -> Iterator[Wrong]:
    sources = settings.sources
    for name, role in settings.roles.items():
        at = ("roles", name)
        if role.pods and not sources.kubernetes and "sources" not in unsure:
            fix = "add sources: {kubernetes: {in_cluster: true}}, or give targets"
            yield Wrong(path=(*at, "pods"), what="pods cannot be found without a cluster", fix=fix)
        seen = role.targets or role.pods or sources.prometheus or sources.targets_file
        if not seen and "sources" not in unsure:
            fix = "give targets, pods, sources.prometheus or sources.targets_file"
            yield Wrong(path=at, what="nothing says where the role is seen", fix=fix)
    if sources.kubernetes and sources.kubernetes.in_cluster and sources.kubernetes.context:
        path = ("sources", "kubernetes", "context")
        yield Wrong(path=path, what="in_cluster and context are both given", fix="keep one of the two")


def _one_owner(settings: Settings, _unsure: Collection[str]) -> Iterator[Wrong]:
    owners: dict[tuple[str, Hashable], list[str]] = defaultdict(list)
    for name, role in settings.roles.items():
        if role.scaled_object:
            owners["scaled_object", role.scaled_object].append(name)
        if role.workload:
            owners["workload", role.workload].append(name)
        for target in dict.fromkeys(role.targets):
            owners["targets", target].append(name)
        if role.select:
            owners["select", tuple(sorted(role.matchers().items()))].append(name)
    for (key, value), names in owners.items():
        for name in names[1:]:
            said = "the same series are" if key == "select" else f"{value} is"
            fix = "give each role its own" if key != "select" else "add a label that tells them apart"
            yield Wrong(path=("roles", name, key), what=f"{said} also given to role {names[0]}", fix=fix)
    yield from _same_model(settings)


def _same_model(settings: Settings) -> Iterator[Wrong]:
    """Two roles that Prometheus cannot tell apart: same model, nothing else selected."""
    if not settings.sources.prometheus:
        return
    first: dict[str, str] = {}
    for name, role in settings.roles.items():
        if role.select:
            continue
        model = role.model.name
        if model in first:
            what = f"serves {model} like role {first[model]}, so Prometheus cannot tell them apart"
            yield Wrong(path=("roles", name), what=what, fix="add select: {namespace: …} to both")
        first.setdefault(model, name)


def _nobodys(settings: Settings, _unsure: Collection[str]) -> Iterator[Wrong]:
    """Rules give a role of this name to engines that nobody claims."""
    if UNASSIGNED in settings.roles:
        what = f"{UNASSIGNED} is what rules call engines that belong to no role"
        yield Wrong(path=("roles", UNASSIGNED), what=what, fix="give the role another name")


def _names(settings: Settings, _unsure: Collection[str]) -> Iterator[Wrong]:
    """A name two roles are asked for by: nobody could say which of them served a call."""
    roles = settings.roles
    first = {owner: owner for owner, role in roles.items() if not role.served_as}
    for owner, role in roles.items():
        for at, name in enumerate(role.served_as):
            other = first.setdefault(name, owner)
            if other != owner and not _two_halves(role, roles[other]):
                said = "is the name" if name == other else "is also a name"
                path = ("roles", owner, "served_as", at)
                yield Wrong(path=path, what=f"{name} {said} of role {other}", fix="give each role its own names")


def _two_halves(one: Role, other: Role) -> bool:
    """A pool for prompts and a pool for answers of one model serve each call together."""
    return one.model.name == other.model.name and {one.phase, other.phase} == {Phase.PREFILL, Phase.DECODE}


def _tokens(settings: Settings, _unsure: Collection[str]) -> Iterator[Wrong]:
    sessions, file = settings.sessions, settings.serve.token_file
    if sessions is not None and sessions.token_file is not None and sessions.token_file == file:
        fix = "leave it out, or name a file of its own"
        yield Wrong(
            path=("sessions", "token_file"), what="this token opens everything: it is serve.token_file", fix=fix
        )


def _apply(settings: Settings, _unsure: Collection[str]) -> Iterator[Wrong]:
    for name, role in settings.roles.items():
        if role.mode is Mode.APPLY and role.scaled_object is None:
            fix = "add scaled_object: namespace/name, or write mode: propose"
            yield Wrong(path=("roles", name, "mode"), what="apply needs to know what to change", fix=fix)


def _hands(settings: Settings, unsure: Collection[str]) -> Iterator[Wrong]:
    if settings.hands.mode is HandsMode.KUBERNETES and settings.sources.kubernetes is None and "sources" not in unsure:
        fix = "add sources.kubernetes: {in_cluster: true}, or write mode: gitops"
        yield Wrong(path=("hands", "mode"), what="which cluster to write to is not said", fix=fix)


def _listens(settings: Settings, _unsure: Collection[str]) -> Iterator[Wrong]:
    serve = settings.serve
    if not is_loopback(serve.host) and serve.token_file is None and not serve.people:
        fix = "add serve.people or serve.token_file, or write host: 127.0.0.1"
        yield Wrong(path=("serve", "host"), what=f"{serve.host} can be reached by others, without a token", fix=fix)


def _money(settings: Settings, unsure: Collection[str]) -> Iterator[Wrong]:
    if settings.budget is None or unsure:
        return
    least = 0.0
    for spec in settings.role_specs():
        least += (spec.dollars_per_replica or 0) * spec.replicas.min
    if least > settings.budget.dollars_per_hour:
        what = f"{settings.budget.dollars_per_hour:.2f} is less than the {least:.2f} the fleet costs at its least"
        yield Wrong(path=("budget", "dollars_per_hour"), what=what, fix=f"write {least:.2f} or more, or lower min")


def _retention(settings: Settings, _unsure: Collection[str]) -> Iterator[Wrong]:
    store = settings.store
    if store.keep_rollups < store.keep_ticks:
        what = f"rollups are kept shorter ({duration_text(store.keep_rollups)}) than ticks"
        fix = f"write {duration_text(store.keep_ticks)} or more"
        yield Wrong(path=("store", "keep_rollups"), what=what, fix=fix)


def _shares(settings: Settings, _unsure: Collection[str]) -> Iterator[Wrong]:
    """A detector's limit on a share (0..1) written as percent would never be reached."""
    spec = settings.role_specs()[0]
    for detector in settings.policy_parts().detectors:
        high = [x for x in detector.limits(spec) if x.reading.unit is Unit.RATIO and x.value > 1]
        if high:
            what = f"{high[0].value:g} is more than 1, and {high[0].reading.about.words} is a share"
            yield Wrong(path=("detectors", detector.id), what=what, fix=f"write {high[0].value / 100:g}")


def _remembered(settings: Settings, _unsure: Collection[str]) -> Iterator[Wrong]:
    """A condition that must hold longer than readings are remembered would never be seen to hold."""
    for detector in settings.policy_parts().detectors:
        for name in ("patience", "settle"):
            span = getattr(detector, name, timedelta(0))
            if span > REMEMBERED:
                what = f"{duration_text(span)} is longer than readings are remembered"
                path = ("detectors", detector.id, name)
                yield Wrong(path=path, what=what, fix=f"write {duration_text(REMEMBERED)} or less")


CHECKS: tuple[Check, ...] = (
    _bounds,
    _gpus,
    _promises,
    _watched,
    _one_owner,
    _nobodys,
    _names,
    _apply,
    _hands,
    _listens,
    _tokens,
    _money,
    _retention,
    _shares,
    _remembered,
    followers,
    people,
    two_people,
)
