"""What KEDA's own webhook says to the planted faults: it refuses few of them, which is why there is a lint."""

from typing import Any

import pytest

from tests.doctor.corpus import Planted, planted
from tests.kube_api import RefusedError
from tests.kube_cluster import Cluster
from tests.kube_processes import until

pytestmark = pytest.mark.real

KINDS = {"ScaledObject", "Deployment", "StatefulSet", "HorizontalPodAutoscaler", "PodDisruptionBudget"}


def verdict(kube: Cluster, space: str, file: Planted) -> str:
    """Why the last ScaledObject of the file is refused when the others are there; empty when it is taken."""
    documents = [moved(d, space) for d in file.documents if d["kind"] in KINDS]
    scaled = [d for d in documents if d["kind"] == "ScaledObject"]
    if not scaled:
        return ""
    last = scaled[-1]
    kube.apply(*(d for d in documents if d is not last))
    try:
        place = kube.admin.path_of(last).rsplit("/", 1)[0]
        kube.admin.ask("POST", f"{place}?dryRun=All&fieldValidation=Ignore", last)
    except RefusedError as refused:
        return str(refused.body)
    return ""


def moved(document: dict[str, Any], space: str) -> dict[str, Any]:
    """The same in the test's namespace, without a status."""
    held = {key: value for key, value in document.items() if key != "status"}
    return held | {"metadata": {**document["metadata"], "namespace": space}}


@pytest.mark.parametrize("file", planted("bad") + planted("good"), ids=lambda file: file.path.stem)
def test_the_webhook_says_what_the_file_says_it_does(kube: Cluster, space: str, file: Planted) -> None:
    """A refusal may need the webhook to have seen the other objects, which it reads from a watch of its own."""
    expected = file.said("webhook refuses")
    if expected:
        assert expected in until(lambda: verdict(kube, space, file), within=15)
    else:
        assert verdict(kube, space, file) == ""
