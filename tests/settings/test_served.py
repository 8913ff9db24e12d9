"""By which names callers ask for a role, and who then serves them."""

from controlplane.model.session import Served
from controlplane.settings.load import examine
from controlplane.settings.served import served


def who(roles: str) -> dict[str, Served]:
    lines = enumerate(roles.strip().splitlines(), start=1)
    text = "fleet: agents\nroles:\n" + "".join(f"  {line}, targets: ['http://h:{at}']}}\n" for at, line in lines)
    return dict(served(examine(text.encode()).settings.roles))


def by(prompt: str, output: str | None = None) -> Served:
    return Served(prompt=prompt, output=output or prompt)


def test_without_names_a_role_is_asked_for_by_its_own_and_its_models() -> None:
    names = who("planner: {model: {name: llama-70b}")
    assert names == {"planner": by("planner"), "llama-70b": by("planner")}


def test_written_names_stand_in_for_those_two() -> None:
    names = who("planner: {model: {name: llama-70b}, served_as: [gpt-big, thinker]")
    assert names == {"gpt-big": by("planner"), "thinker": by("planner")}


def test_a_model_two_roles_serve_says_nothing_about_either() -> None:
    names = who("""
planner: {model: {name: llama}
worker: {model: {name: llama}
""")
    assert names == {"planner": by("planner"), "worker": by("worker")}


def test_what_is_written_goes_before_what_is_assumed() -> None:
    names = who("""
planner: {model: {name: llama}, served_as: [llama-8b]
worker: {model: {name: llama-8b}
""")
    assert names == {"llama-8b": by("planner"), "worker": by("worker")}


def test_two_halves_of_one_model_answer_to_every_name_of_both() -> None:
    names = who("""
reader: {model: {name: llama}, phase: prefill
writer: {model: {name: llama}, phase: decode, served_as: [gpt-big]
other: {model: {name: qwen}, phase: decode
""")
    both = by("reader", "writer")
    assert names == {"reader": both, "llama": both, "gpt-big": both, "other": by("other"), "qwen": by("other")}


def test_the_two_halves_may_share_a_name() -> None:
    names = who("""
reader: {model: {name: llama}, phase: prefill, served_as: [gpt-big]
writer: {model: {name: llama}, phase: decode, served_as: [gpt-big]
""")
    assert names == {"gpt-big": by("reader", "writer")}
