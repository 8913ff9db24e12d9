"""One real Kubernetes with KEDA for all tests of this folder; each test has a namespace of its own."""

import re
import zlib
from collections.abc import Iterator

import pytest

from tests.conftest import program
from tests.kube_cluster import Cluster, cluster
from tests.kube_commands import PROGRAMS


@pytest.fixture(scope="session")
def kube_programs() -> None:
    """All programs of a cluster are here, or the test that asked ends here."""
    for name in PROGRAMS:
        program(name)


@pytest.fixture(scope="session")
def kube(kube_programs: None) -> Iterator[Cluster]:
    """The cluster that all share: what a test does to its processes, it undoes (``down``, ``paused``)."""
    with cluster() as made:
        yield made


@pytest.fixture
def space(kube: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, named after it; it goes away in its own time afterwards."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())
    name = kube.namespace(words[:40].strip("-") + f"-{zlib.crc32(request.node.nodeid.encode()):08x}")
    yield name
    kube.admin.delete(f"/api/v1/namespaces/{name}")
