"""Single values: written with their unit, read exactly, written back the same."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from controlplane.model.keys import ObjectRef
from controlplane.settings.names import KubernetesObject, Url
from controlplane.settings.values import Duration, Size, duration_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15s", 15), ("2m", 120), ("1h30m", 5400), ("2d", 172800), ("60ms", 0.06), ("1.5s", 1.5), ("1w", 604800)],
)
def test_a_duration_is_read_with_its_unit(text: str, seconds: float) -> None:
    assert Duration().read(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "15", "s", "-5s", "5 s", "1h-30m", "1e3s", "5M", "1m1m", "٣s", 15, None, True, []]
)
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(PydanticCustomError):
        Duration().read(text)


@given(st.integers(min_value=0, max_value=10**10))
def test_a_duration_is_read_back_as_it_is_written(milliseconds: int) -> None:
    span = timedelta(milliseconds=milliseconds)
    assert Duration().read(duration_text(span)) == span


@pytest.mark.parametrize(
    ("text", "size"), [("16MiB", 16 * 2**20), ("1GiB", 2**30), ("512KiB", 2**19), ("10MB", 10**7), ("1.5KiB", 1536)]
)
def test_a_size_is_read_with_its_unit(text: str, size: int) -> None:
    assert Size().read(text) == size


@given(st.integers(min_value=1, max_value=10**9))
def test_a_size_is_read_back_as_it_is_written(size: int) -> None:
    assert Size().read(Size().write(size)) == size


def test_a_page_without_a_path_is_metrics() -> None:
    assert Url(page=True).read("http://127.0.0.1:8000") == "http://127.0.0.1:8000/metrics"
    assert Url(page=True).read("http://127.0.0.1:8000/stats") == "http://127.0.0.1:8000/stats"


def test_an_object_is_a_deployment_unless_a_kind_is_in_front() -> None:
    kind = KubernetesObject("Deployment", ("StatefulSet",))
    assert kind.read("llm/planner") == ObjectRef("Deployment", "llm", "planner")
    assert kind.read("StatefulSet llm/planner") == ObjectRef("StatefulSet", "llm", "planner")
    assert kind.write(kind.read("StatefulSet llm/planner")) == "StatefulSet llm/planner"
