"""The page about people: its example is a good fleet.yaml, and its table says what the code asks for."""

import re
from pathlib import Path

from controlplane.model.person import May
from controlplane.settings.load import examine
from controlplane.web.views.permits import APPROVE, DISMISS, RESUME, STOP

PAGE = (Path(__file__).parents[2] / "docs" / "people.md").read_text(encoding="utf-8")
ROLES = "fleet: agents\nroles: {planner: {model: {name: llama}, targets: ['http://127.0.0.1:8000']}}\n"


def test_the_example_is_good() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    settings = examine((ROLES + example).encode()).settings
    assert {person.may for person in settings.serve.people.values()} == set(May)


def test_the_table_has_each_level_with_what_it_adds() -> None:
    (head, *_), *levels = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE)
    rows = dict(levels)
    assert (head, list(rows)) == ("may", list(May))
    for act in (APPROVE, DISMISS, STOP):
        assert act.words in rows[act.takes]
    assert RESUME.words in rows[RESUME.takes]
