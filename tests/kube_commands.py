"""How each program of a test's cluster is called: which flags, which certificates, and when it is ready.

Loopback and free ports only; every flag here is needed, or says why not in a comment.
"""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.kube_api import Api, RefusedError
from tests.kube_certificates import Authority, service_account_keys
from tests.kube_processes import Process
from tests.real_servers import LOOPBACK, answers

CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "horizontal-pod-autoscaler-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "namespace-controller",
    "garbage-collector-controller",
    "disruption-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "node-lifecycle-controller",
)
KUBERNETES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
KEDA = ("keda-operator", "keda-adapter", "keda-webhooks")
PROGRAMS = (*KUBERNETES, *KEDA, "prometheus")
PORTS = (
    "etcd",
    "etcd-peer",
    "kube-apiserver",
    "operator-metrics",
    "operator-health",
    "operator-grpc",
    "adapter",
    "adapter-metrics",
    "webhooks",
    "webhooks-metrics",
    "webhooks-health",
    "prometheus",
)


def free_ports() -> dict[str, int]:
    """A free port for each of :data:`PORTS`, all different."""
    probes = {name: socket.socket() for name in PORTS}
    for probe in probes.values():
        probe.bind((LOOPBACK, 0))
    ports = {name: probe.getsockname()[1] for name, probe in probes.items()}
    for probe in probes.values():
        probe.close()
    return ports


@dataclass
class Place:
    """Where one cluster lives: its folder, ports and authorities."""

    home: Path
    ports: dict[str, int] = field(default_factory=free_ports)

    def __post_init__(self) -> None:
        self.certificates = self.home / "certificates"
        self.certificates.mkdir()
        self.authority = Authority(self.certificates, "authority")
        self.front = Authority(self.certificates, "front-authority")
        hosts = ("localhost", LOOPBACK, "kubernetes.default.svc", "10.0.0.1")
        self.server = self.authority.issue("kube-apiserver", hosts=hosts)
        self.account_keys = service_account_keys(self.certificates)
        self.keda = self.home / "keda"
        self.keda.mkdir()
        for given, wanted in zip(self.authority.issue("localhost", hosts=("localhost",)), ("crt", "key"), strict=True):
            (self.keda / f"tls.{wanted}").write_bytes(given.read_bytes())
        (self.keda / "ca.crt").write_bytes(self.authority.certificate.read_bytes())

    def api(self, user: str, *groups: str, token: str = "") -> Api:
        """A way to the API server, with a certificate for a user of some groups, or with a token."""
        certificate = None if token else self.authority.issue(user, groups=groups)
        return Api(self.ports["kube-apiserver"], self.authority.certificate, certificate, token)

    def kubeconfig(self, user: str, *groups: str, token: str = "") -> Path:
        """The same as a file, as ``kubectl`` and its like take it."""
        if token:
            shown = {"token": token}
        else:
            certificate, key = self.authority.issue(user, groups=groups)
            shown = {"client-certificate": str(certificate), "client-key": str(key)}
        server = f"https://{LOOPBACK}:{self.ports['kube-apiserver']}"
        cluster = {"server": server, "certificate-authority": str(self.authority.certificate)}
        file = self.home / f"kubeconfig-{user.replace(':', '_')}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": shown}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "current-context": "test",
        }
        file.write_text(json.dumps(config))
        return file


def processes(
    place: Place, programs: Mapping[str, Path], admin: Api, more: Mapping[str, Sequence[str]]
) -> dict[str, Process]:
    """Every program by its name, not started. ``more`` are further flags; the last one of a name counts."""
    kube = place.kubeconfig("admin", "system:masters")
    built: dict[str, tuple[Sequence[str], Callable[[], bool], Mapping[str, str]]] = {
        "etcd": (_etcd(place), lambda: answers(f"http://{LOOPBACK}:{place.ports['etcd']}/readyz"), {}),
        "kube-apiserver": (_apiserver(place), lambda: _is_ready(admin), {}),
        "kube-controller-manager": (_controllers(place), lambda: True, {}),
        "kube-scheduler": (_scheduler(place), lambda: True, {}),
        "kwok": (_kwok(place, kube), lambda: True, {}),
        **_keda(place, kube),
        "prometheus": (_prometheus(place), lambda: answers(f"{prometheus_url(place)}/-/ready"), {}),
    }
    return {
        name: Process(
            name,
            [programs[name], *flags, *more.get(name, ())],
            place.home / f"{name}.log",
            ready,
            environment,
        )
        for name, (flags, ready, environment) in built.items()
        if name in programs
    }


def prometheus_url(place: Place) -> str:
    """Where the cluster's Prometheus answers."""
    return f"http://{LOOPBACK}:{place.ports['prometheus']}"


def _is_ready(admin: Api) -> bool:
    try:
        return bool(admin.ask("GET", "/readyz", timeout=2) == "ok")
    except (OSError, RefusedError):
        return False


def _etcd(place: Place) -> list[str]:
    client, peer = (f"http://{LOOPBACK}:{place.ports[port]}" for port in ("etcd", "etcd-peer"))
    return [
        f"--data-dir={place.home / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # no test pulls the plug
        "--log-level=warn",
    ]


def _apiserver(place: Place) -> list[str]:
    private, public = place.account_keys
    proxy, proxy_key = place.front.issue("front-proxy-client")
    return [
        f"--etcd-servers=http://{LOOPBACK}:{place.ports['etcd']}",
        f"--secure-port={place.ports['kube-apiserver']}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        "--service-cluster-ip-range=10.0.0.0/24",
        f"--tls-cert-file={place.server[0]}",
        f"--tls-private-key-file={place.server[1]}",
        f"--client-ca-file={place.authority.certificate}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={public}",
        f"--service-account-signing-key-file={private}",
        f"--requestheader-client-ca-file={place.front.certificate}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={proxy}",
        f"--proxy-client-key-file={proxy_key}",
        "--endpoint-reconciler-type=none",
        "--allow-privileged=true",
        "--shutdown-delay-duration=0s",
    ]


def _controllers(place: Place) -> list[str]:
    kube = place.kubeconfig("system:kube-controller-manager")
    return [
        f"--kubeconfig={kube}",
        f"--authentication-kubeconfig={kube}",
        f"--authorization-kubeconfig={kube}",
        "--use-service-account-credentials=true",  # the built-in roles are bound to the controllers' own accounts
        f"--service-account-private-key-file={place.account_keys[0]}",
        f"--root-ca-file={place.authority.certificate}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--controllers={','.join(CONTROLLERS)}",
        "--horizontal-pod-autoscaler-sync-period=2s",
        "--horizontal-pod-autoscaler-downscale-stabilization=10s",
    ]


def _scheduler(place: Place) -> list[str]:
    kube = place.kubeconfig("system:kube-scheduler")
    return [
        f"--kubeconfig={kube}",
        f"--authentication-kubeconfig={kube}",
        f"--authorization-kubeconfig={kube}",
        "--leader-elect=false",
        "--secure-port=0",
    ]


def _kwok(place: Place, kube: Path) -> list[str]:
    return [
        f"--kubeconfig={kube}",
        f"--config={place.home / 'stages.yaml'}",
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        "--cidr=127.64.0.1/16",  # pods have addresses of this machine: a test can answer for one
    ]


def _keda(place: Place, kube: Path) -> dict[str, tuple[list[str], Callable[[], bool], dict[str, str]]]:
    port = place.ports
    certificate = [f"--tls-cert-file={place.keda / 'tls.crt'}", f"--tls-private-key-file={place.keda / 'tls.key'}"]
    environment = {
        "KUBECONFIG": str(kube),
        "KEDA_CLUSTER_OBJECT_NAMESPACE": "keda",
        "POD_NAMESPACE": "keda",
        "WATCH_NAMESPACE": "",
        "KEDA_HTTP_DEFAULT_TIMEOUT": "2000",  # milliseconds
    }
    operator = [
        f"--cert-dir={place.keda}",
        f"--metrics-bind-address={LOOPBACK}:{port['operator-metrics']}",
        f"--health-probe-bind-address={LOOPBACK}:{port['operator-health']}",
        f"--metrics-service-bind-address=localhost:{port['operator-grpc']}",
        "--enable-webhook-patching=false",
        "--enable-apiservice-patching=false",
    ]
    adapter = [
        f"--secure-port={port['adapter']}",
        f"--bind-address={LOOPBACK}",
        *certificate,
        f"--cert-dir={place.keda}",
        f"--port={port['adapter-metrics']}",
        f"--metrics-service-address=localhost:{port['operator-grpc']}",
        *(f"--{use}-kubeconfig={kube}" for use in ("authentication", "authorization", "lister")),
        f"--client-ca-file={place.authority.certificate}",
    ]
    webhooks = [
        f"--cert-dir={place.keda}",
        f"--port={port['webhooks']}",
        f"--metrics-bind-address={LOOPBACK}:{port['webhooks-metrics']}",
        f"--health-probe-bind-address={LOOPBACK}:{port['webhooks-health']}",
    ]
    return {
        "keda-operator": (
            operator,
            lambda: answers(f"http://{LOOPBACK}:{port['operator-health']}/readyz"),
            environment,
        ),
        "keda-adapter": (adapter, lambda: accepts(port["adapter"]), environment),
        "keda-webhooks": (webhooks, lambda: accepts(port["webhooks"]), environment),
    }


def _prometheus(place: Place) -> list[str]:
    return [
        f"--config.file={place.home / 'prometheus.yml'}",
        f"--storage.tsdb.path={place.home / 'prometheus'}",
        f"--web.listen-address={LOOPBACK}:{place.ports['prometheus']}",
    ]


def accepts(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
