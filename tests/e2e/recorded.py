"""Pages recorded from two real vLLM 0.32.0 servers under a load that ramps up and down, 38 of each, 5 s apart."""

import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from controlplane.model.keys import RoleName
from controlplane.model.role import Bounds, Engine, GpuSpec, ModelSpec, RoleSpec

ARCHIVE = Path(__file__).parent / "data" / "ramp-series.tar.xz"
PLANNER, WORKER = RoleName("planner"), RoleName("worker")


def ramp() -> Mapping[RoleName, Sequence[bytes]]:
    """The bodies of each role's pages, in order."""
    pages: dict[RoleName, list[bytes]] = {PLANNER: [], WORKER: []}
    with tarfile.open(ARCHIVE) as archive:
        for member in sorted(archive.getmembers(), key=lambda m: m.name):
            body = archive.extractfile(member)
            if body is not None and member.name.endswith(".prom"):
                pages[RoleName(Path(member.name).parent.name)].append(body.read())
    return pages


def role(name: RoleName) -> RoleSpec:
    """A role of the recording: its model has the role's name; a GPU at $2.50/h each."""
    return RoleSpec(
        name=name,
        model=ModelSpec(name=str(name)),
        engine=Engine.VLLM,
        gpus=GpuSpec(type="h100-pcie-80gb", dollars_per_hour=2.5),
        replicas=Bounds(min=1, max=4),
    )
