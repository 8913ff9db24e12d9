"""By which names callers ask for a role."""

from controlplane.settings.load import examine
from controlplane.settings.schema import Settings


def settings(*roles: str) -> Settings:
    lines = (f"  {role}, targets: ['http://h:{at}']}}\n" for at, role in enumerate(roles, start=1))
    return examine(("fleet: agents\nroles:\n" + "".join(lines)).encode()).settings


def test_names_are_known_of_the_roles_that_say_them() -> None:
    read = settings("planner: {model: {name: a}, served_as: [gpt-big, thinker]", "worker: {model: {name: b}")
    assert read.names() == {"planner": ("gpt-big", "thinker")}


def test_two_halves_of_one_model_may_share_a_name() -> None:
    read = settings(
        "reader: {model: {name: a}, phase: prefill, served_as: [gpt-big]",
        "writer: {model: {name: a}, phase: decode, served_as: [gpt-big]",
    )
    assert read.names() == {"reader": ("gpt-big",), "writer": ("gpt-big",)}
