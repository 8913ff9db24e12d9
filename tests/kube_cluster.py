"""A whole Kubernetes on this machine: the real API server, controllers, scheduler and KEDA, over acted nodes.

Real are all decisions and refusals: admission, RBAC, ownership, quota, scaling. Acted (by kwok) are nodes and
pods: they become ready, and nothing runs in them. ``python -m tests.kube_cluster`` starts one for a person.
"""

import contextlib
import json
import signal
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import kube_objects as objects
from tests.collect.fake_http import Asked, FakeHttp, Reply, fake_http
from tests.kube_api import Api, RefusedError
from tests.kube_commands import KEDA, KUBERNETES, PROGRAMS, Place, processes, prometheus_url
from tests.kube_processes import Process, until
from tools import real

EXTERNAL_METRICS = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io"
MASTERS = "system:masters"


@dataclass
class Metrics:
    """A page that the cluster's Prometheus scrapes each second; tests write on it."""

    http: FakeHttp | None = None
    values: dict[str, float] = field(default_factory=dict)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Say a value from now on."""
        self.values[_series(name, labels)] = value

    def remove(self, name: str, **labels: str) -> None:
        """Say nothing of it from now on."""
        self.values.pop(_series(name, labels), None)

    def answer(self, _: Asked) -> Reply:
        """The page."""
        lines = [f"{series} {value}" for series, value in sorted(self.values.items())]
        return Reply("\n".join([*lines, ""]).encode(), content_type="text/plain; version=0.0.4")


def _series(name: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f"{key}={json.dumps(value)}" for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}"


@dataclass
class Cluster:
    """A running cluster. Processes go by the names of ``tests.kube_commands.PROGRAMS``."""

    place: Place
    admin: Api
    processes: dict[str, Process]
    metrics: Metrics

    # --- who asks -------------------------------------------------------------------------------------------------
    def user(self, name: str, *groups: str) -> Api:
        """A way in as a user (by certificate), or as ``system:serviceaccount:NAMESPACE:NAME`` (by a real token)."""
        return self.place.api(name, *self._groups(name, groups), token=self._token(name))

    def kubeconfig(self, name: str = "admin", *groups: str) -> Path:
        """The same as a file for ``kubectl`` and client libraries."""
        return self.place.kubeconfig(name, *self._groups(name, groups), token=self._token(name))

    def api(self, name: str = "admin", *groups: str) -> Any:
        """The same as a ``kubernetes.client.ApiClient``."""
        import kubernetes

        return kubernetes.config.new_client_from_config(config_file=str(self.kubeconfig(name, *groups)))

    def allow(self, space: str, user: str, verbs: Sequence[str], group: str, resources: Sequence[str]) -> None:
        """Let a user do something in a namespace, by a Role and its binding."""
        name = f"{user.replace(':', '-')}-{resources[0].replace('/', '-')}"
        rule = {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
        metadata = {"namespace": space, "name": name}
        rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
        self.admin.apply(
            rbac | {"kind": "Role", "rules": [rule]},
            rbac | {"kind": "RoleBinding", "roleRef": role, "subjects": [subject]},
        )

    # --- what is in it --------------------------------------------------------------------------------------------
    def apply(self, *documents: Mapping[str, Any]) -> None:
        """Server-side apply as an administrator."""
        self.admin.apply(*documents)

    def namespace(self, name: str) -> str:
        """Make a namespace."""
        self.admin.apply(objects.namespace(name))
        return name

    def add_node(self, node: Mapping[str, Any]) -> None:
        """Add an acted node: the node, then its status, which is a resource of its own."""
        self.admin.ask("POST", "/api/v1/nodes", node)

    def scrape(self, name: str, address: str) -> None:
        """Let Prometheus scrape ``address`` (host:port) too; ``name`` is its file's."""
        file = self.place.home / "targets" / f"{name}.json"
        file.write_text(json.dumps([{"targets": [address]}]))

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus answers."""
        return prometheus_url(self.place)

    # --- what happens to it ---------------------------------------------------------------------------------------
    def start(self, *names: str) -> None:
        """Run programs again and wait until they answer."""
        for name in names:
            self.processes[name].start()
        for name in names:
            self.processes[name].wait()

    def stop(self, *names: str) -> None:
        """End programs politely."""
        for name in names:
            self.processes[name].stop()

    def kill(self, *names: str) -> None:
        """End programs at once."""
        for name in names:
            self.processes[name].kill()

    @contextlib.contextmanager
    def down(self, *names: str) -> Iterator[None]:
        """Programs are killed, and run again after the block."""
        self.kill(*names)
        try:
            yield
        finally:
            self.start(*names)

    @contextlib.contextmanager
    def paused(self, *names: str) -> Iterator[None]:
        """Programs hang (SIGSTOP) during the block: connections stay open, nothing answers."""
        for name in names:
            self.processes[name].hold()
        try:
            yield
        finally:
            for name in names:
                self.processes[name].go_on()

    def metrics_api_ready(self, within: float = 30) -> None:
        """Wait until the API server reaches KEDA's metrics through the aggregator."""
        until(self._metrics_api, within=within, why=lambda: self.admin.get(EXTERNAL_METRICS)["status"])

    def _metrics_api(self) -> bool:
        conditions = self.admin.get(EXTERNAL_METRICS).get("status", {}).get("conditions", [])
        return any(c["type"] == "Available" and c["status"] == "True" for c in conditions)

    def _groups(self, name: str, groups: Sequence[str]) -> tuple[str, ...]:
        return (MASTERS, *groups) if name == "admin" else tuple(groups)

    def _token(self, name: str) -> str:
        if not name.startswith("system:serviceaccount:"):
            return ""
        _, _, space, account = name.split(":")
        self.admin.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": space, "name": account}}
        )
        path = f"/api/v1/namespaces/{space}/serviceaccounts/{account}/token"
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        return str(self.admin.ask("POST", path, asked)["status"]["token"])


@contextlib.contextmanager
def cluster(*, without: Collection[str] = (), flags: Mapping[str, Sequence[str]] | None = None) -> Iterator[Cluster]:
    """A fresh cluster until the block ends.

    Args:
        without: programs that are not run (``start`` runs them later); without KEDA's there is no trace of it.
        flags: further flags by program, such as ``{"kube-apiserver": ["--etcd-compaction-interval=5s"]}``.
    """
    programs = {name: _program(name) for name in PROGRAMS}
    metrics = Metrics()
    with (
        tempfile.TemporaryDirectory(prefix="fleet-kube-") as home,
        fake_http(metrics.answer) as metrics.http,
        contextlib.ExitStack() as ends,
    ):
        place = Place(Path(home))
        objects.write_settings(place, metrics.http.url.removeprefix("http://"))
        admin = place.api("admin", MASTERS)
        made = Cluster(place, admin, processes(place, programs, admin, flags or {}), metrics)
        for process in made.processes.values():
            ends.callback(process.kill)  # nothing of it is kept
        _rise(made, [name for name in PROGRAMS if name not in without])
        yield made


def _program(name: str) -> Path:
    found = real.find(name)
    if found is None:
        raise AssertionError(f"{name} is not here; get it with: {real.how_to_get(name)}")
    return found[0]


def _rise(made: Cluster, names: Sequence[str]) -> None:
    """Start programs in the order in which they need each other, and give them the objects they need."""
    made.start("etcd")
    made.processes["kube-apiserver"].start()
    later = [name for name in names if name not in ("etcd", "kube-apiserver")]
    if "prometheus" in later:
        made.processes["prometheus"].start()
    made.processes["kube-apiserver"].wait()
    for name in set(later) & set(KUBERNETES):
        made.processes[name].start()
    for node in objects.NODES:
        made.add_node(node)
    if keda := [name for name in KEDA if name in later]:
        made.apply(objects.namespace("keda"), *objects.definitions())
        until(lambda: _established(made.admin), why=lambda: "KEDA's CRDs are not established")
        made.start(*keda)
        made.apply(*(objects.metrics_api(place=made.place) if "keda-adapter" in keda else ()))
        made.apply(*([objects.admission(made.place)] if "keda-webhooks" in keda else ()))
        if {"keda-adapter", "keda-operator"} <= set(keda):
            made.metrics_api_ready()
    for name in later:
        made.processes[name].wait()


def _established(admin: Api) -> bool:
    try:
        return bool(admin.get("/apis/keda.sh/v1alpha1/scaledobjects")["kind"])
    except RefusedError:
        return False


def main() -> None:
    """Run a cluster until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with cluster() as made:
        print(f"export KUBECONFIG={made.kubeconfig()}\nPrometheus: {made.prometheus_url}\nlogs: {made.place.home}")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
