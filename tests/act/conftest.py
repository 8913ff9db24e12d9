"""Hands over the fake API server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.act.cluster import Cluster, Connect
from controlplane.act.gitops import GitOps
from controlplane.act.kubernetes import KubernetesHands
from tests.act.api import Api, serving
from tests.act.people import People, client_of
from tests.act.still import Still


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def url(api: Api) -> Iterator[str]:
    with serving(api) as url:
        yield url


@pytest.fixture
def people(url: str) -> Iterator[People]:
    everybody = People(client_of(url), "llm")
    yield everybody
    everybody.close()


@pytest.fixture
def cluster(url: str) -> Iterator[Cluster]:
    opened = Cluster(client_of(url), timeout=(1.0, 1.0))
    yield opened
    opened.close()


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    return tmp_path / "patches"


@pytest.fixture
def hands(cluster: Cluster, patches: Path) -> KubernetesHands:
    return KubernetesHands(cluster, GitOps(patches, Still()), clock=Still(), stopped=lambda: None, fence=lambda: 1)


@pytest.fixture
def connect(url: str) -> Connect:
    return client_of(url)


@pytest.fixture
def pace() -> float:
    """Seconds of a tick."""
    return 0.02
