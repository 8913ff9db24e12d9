"""docs/sessions.md says what is so: its YAML is right, every setting is on it, and its limits are the code's."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from controlplane.collect import litellm_caller, otlp_names
from controlplane.collect.otlp_wire import LARGEST_SPAN
from controlplane.collect.told import ID_LENGTH, MOST_ENTRIES, NAME_LENGTH
from controlplane.settings.load import examine
from controlplane.settings.part import fields
from controlplane.settings.roles import Role
from controlplane.settings.sessions import Sessions, SessionSource
from controlplane.web.api.intake import LARGEST, LITELLM, MOST_HELD, PATIENCE, TRACES

PAGE = (Path(__file__).parents[2] / "docs" / "sessions.md").read_text(encoding="utf-8")
BLOCKS = {text.split("\n", 1)[0].removeprefix("# "): text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)}
ROLES = "fleet: agents\nroles:\n  planner: {model: {name: a}, targets: ['http://h:1'], served_as: [gpt-big]}\n"


def test_the_settings_it_shows_are_read() -> None:
    sessions = examine((ROLES + BLOCKS["fleet.yaml"]).encode()).settings.sessions
    assert sessions is not None
    assert (sessions.source, sessions.idle_after) == (SessionSource.LITELLM, timedelta(minutes=15))


@pytest.mark.parametrize("key", fields(Sessions))
def test_every_setting_is_shown_and_explained(key: str) -> None:
    assert key in yaml.safe_load(BLOCKS["fleet.yaml"])["sessions"]
    assert f"| `sessions.{key}` |" in PAGE


def test_names_of_roles_are_explained() -> None:
    assert "served_as" in fields(Role)
    assert "| `roles.<role>.served_as` |" in PAGE


@pytest.mark.parametrize("source", SessionSource)
def test_every_source_is_explained(source: SessionSource) -> None:
    assert f"`{source}` at `POST {({'litellm': LITELLM, 'otlp': TRACES})[source]}`" in PAGE


def test_litellm_is_sent_to_where_we_listen() -> None:
    config = yaml.safe_load(BLOCKS["LiteLLM's config.yaml"])
    (name,) = config["litellm_settings"]["callbacks"]
    callback = config["callback_settings"][name]
    assert callback["endpoint"].endswith(f":8700{LITELLM}")
    assert callback["headers"]["Authorization"].startswith("Bearer ")


def test_a_collector_is_sent_to_where_we_listen() -> None:
    config = yaml.safe_load(BLOCKS["OpenTelemetry collector"])
    (exporter,) = config["exporters"].values()
    assert exporter["traces_endpoint"].endswith(f":8700{TRACES}")
    assert f"ENDPOINT=http://controlplane:8700{TRACES}\n" in PAGE


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:gen_ai|langfuse|traceloop|langsmith)\.[\w.]+)`", PAGE))))
def test_attributes_it_names_are_read(name: str) -> None:
    assert name in otlp_names.WANTED


def test_the_header_it_names_is_read() -> None:
    assert f"header `{litellm_caller.SESSION_HEADER}`" in PAGE


@pytest.mark.parametrize(
    "said",
    [
        f"more than {LARGEST >> 20} MiB, packed",
        f"more than {MOST_HELD >> 20} MiB are on their way",
        f"longer than {PATIENCE:.0f} s",
        f"may have {MOST_ENTRIES:,} entries, one span {LARGEST_SPAN >> 20} MiB",
        f"at most {ID_LENGTH} characters (longer ones keep their difference), tenants and agents {NAME_LENGTH}",
    ],
)
def test_its_limits_are_the_codes(said: str) -> None:
    assert said in PAGE
