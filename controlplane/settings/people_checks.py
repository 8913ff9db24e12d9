"""People who contradict each other: two with one token, nobody who could let changes go again, too few to agree."""

from collections.abc import Collection, Iterator

from controlplane.decide.guardrails.approval import people_needed
from controlplane.model.person import May
from controlplane.settings.document import Wrong
from controlplane.settings.people import RESERVED
from controlplane.settings.schema import Settings

PEOPLE = ("serve", "people")


def people(settings: Settings, _unsure: Collection[str]) -> Iterator[Wrong]:
    """Each by a name and a file of their own; one of them may administer, unless a shared token does."""
    serve, told = settings.serve, settings.sessions
    owners = {serve.token_file: "serve.token_file"} if serve.token_file else {}
    if told is not None and told.token_file is not None:
        owners[told.token_file] = "sessions.token_file"
    for name, person in serve.people.items():
        if name in RESERVED:
            yield Wrong(path=(*PEOPLE, name), what=f"{name} stands for {RESERVED[name]}", fix="write another name")
        owner = owners.setdefault(person.token_file, f"serve.people.{name}")
        if owner != f"serve.people.{name}":
            path = (*PEOPLE, name, "token_file")
            yield Wrong(path=path, what=f"this token is somebody else's: {owner}", fix="name a file of its own")
    may = {person.may for person in serve.people.values()}
    if serve.people and serve.token_file is None and May.ADMINISTER not in may:
        what = "nobody could let changes go again once they are stopped"
        yield Wrong(path=PEOPLE, what=what, fix="write may: administer for one of them")


def two_people(settings: Settings, unsure: Collection[str]) -> Iterator[Wrong]:
    """Two people must approve: there must be two who may, each known by a token of their own."""
    needed = people_needed(settings.policy_parts().guardrails)
    able = [name for name, person in settings.serve.people.items() if person.may.covers(May.APPROVE)]
    if len(able) >= needed or needed == 1 or "serve" in unsure:
        return
    who = f"only {able[0]} has a token of their own and may" if able else "nobody has a token of their own and may"
    fix = "add people with may: approve to serve.people, or write people: 1"
    yield Wrong(path=("guardrails", "approval", "people"), what=f"{needed} must approve and {who}", fix=fix)
