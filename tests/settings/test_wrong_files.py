"""Wrong fleet.yamls: each gets one clear line that names file, line, key and the fix."""

from pathlib import Path

import pytest

from controlplane.errors import SettingsError
from controlplane.settings.load import examine, load

GOOD = """\
fleet: agents
roles:
  planner:
    model: {name: llama}
    targets: [http://127.0.0.1:8000]
"""
CORPUS = Path(__file__).parent / "data" / "wrong_files.txt"


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        examine(text if isinstance(text, bytes) else text.encode())
    return [str(problem) for problem in caught.value.problems]


def corpus() -> list[object]:
    cases: list[object] = []
    for block in CORPUS.read_text(encoding="utf-8").split("\n=== ")[1:]:
        name, *lines = block.rstrip("\n").split("\n")
        text = "".join(line[1:] + "\n" for line in lines if line[0] in "+|")
        whole = text if lines[0][0] == "|" else GOOD + text
        cases.append(pytest.param(whole, lines[-1].removeprefix("=> "), id=name))
    return cases


def test_the_file_the_wrong_ones_are_made_from_is_good() -> None:
    assert examine(GOOD.encode()).settings.fleet == "agents"


@pytest.mark.parametrize(("text", "line"), corpus())
def test_one_line_says_what_is_wrong_and_what_to_write(text: str, line: str) -> None:
    assert problems(text) == [line]


def test_there_are_many_kinds_of_wrong() -> None:
    """A corpus that was not found would pass in silence."""
    assert len(corpus()) >= 30


def test_a_file_that_is_not_utf8_is_refused_with_its_line() -> None:
    assert problems(b"fleet: agents\n# caf\xe9\n") == ["fleet.yaml:2: is not UTF-8; save the file as UTF-8"]


def test_deep_nesting_is_refused_before_it_hurts() -> None:
    assert "unfolds into more than" in problems("fleet: " + "[" * 5000)[0]


def test_a_huge_file_is_refused_unread() -> None:
    assert "larger than 1024 KiB" in problems("# " + "x" * 2_000_000)[0]


def test_a_file_that_is_not_there_is_one_line_too(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing.yaml: cannot be read \(no such file or directory\); check"):
        load(tmp_path / "nothing.yaml")


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
fleet: agents
prices: {my-gpu: $2}
roles:
  planner:
    model: {name: llama}
    gpus: {type: my-gpu}
    slo: {ttft_p95: 2}
    targets: [http://127.0.0.1:8000]
  worker:
    model: {name: llama-8b}
    targets: [http://127.0.0.1:8001]
    replicas: {min: 5, max: 2}
tick: 1:30
serve: {host: 0.0.0.0}
"""
    assert [line.split(":")[1] for line in problems(text)] == ["2", "7", "12", "13", "14"]


def test_what_a_mistake_elsewhere_hides_is_not_reported_as_missing() -> None:
    """The price of my-gpu could not be read: that it has none is not another problem."""
    assert len(problems(GOOD + "    gpus: {type: my-gpu}\nprices: {my-gpu: many}\n")) == 1


def test_no_secret_of_the_file_is_repeated_in_a_message() -> None:
    text = GOOD + "slack: {webhook_url: https://hooks.example/SECRET}\nstore: {url: 'postgresql://me:SECRET@db/x'}\n"
    text += "sources: {prometheus: 'http://me:SECRET@prom'}\n"
    said = problems(text)
    assert len(said) == 3
    assert "SECRET" not in "".join(said)


def test_a_message_is_one_line_whatever_the_file_holds() -> None:
    for line in problems(GOOD + 'tick: "1\\n\\e[31m2"\n"ro\\nles": 1\n'):
        assert line.isprintable()
