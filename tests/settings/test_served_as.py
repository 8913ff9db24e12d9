"""By which names callers ask for a role."""

from collections.abc import Mapping

from controlplane.model.session import Served
from controlplane.settings.load import examine


def who(*roles: str) -> Mapping[str, Served]:
    lines = (f"  {role}, targets: ['http://h:{at}']}}\n" for at, role in enumerate(roles, start=1))
    text = "fleet: agents\nsessions: {}\nroles:\n" + "".join(lines)
    rules = examine(text.encode()).settings.session_rules()
    assert rules is not None
    return rules.served


def test_written_names_stand_in_for_the_roles_own_and_its_models() -> None:
    served = who("planner: {model: {name: a}, served_as: [gpt-big, thinker]", "worker: {model: {name: b}")
    planner, worker = Served(prompt="planner", output="planner"), Served(prompt="worker", output="worker")
    assert served == {"gpt-big": planner, "thinker": planner, "worker": worker, "b": worker}


def test_two_halves_of_one_model_may_share_a_name() -> None:
    served = who(
        "reader: {model: {name: a}, phase: prefill, served_as: [gpt-big]",
        "writer: {model: {name: a}, phase: decode, served_as: [gpt-big]",
    )
    assert served == {"gpt-big": Served(prompt="reader", output="writer")}
