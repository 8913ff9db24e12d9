"""What ``controlplane generate`` writes besides rules and dashboards, and how other people's operators find it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from controlplane.settings.names import NAMESPACE, SELECTOR, Text
from controlplane.settings.part import Part
from controlplane.settings.values import Choice

_PART = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
LABEL_KEY = Text(rf"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_PART}", "a label of Kubernetes", "release")
LABEL_VALUE = Text(rf"({_PART})?", "a label's value in Kubernetes", "kube-prometheus-stack")
PORT_NAME = Text("[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?", "the name of a container's port", "metrics")
OBJECT_NAME = Text("[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", "a name of Kubernetes", "litellm-metrics")
PLACE = Text("/[^\\s\"'\\\\]{0,500}", "a folder, from the root", "/var/lib/grafana/dashboards/llm-fleet")
TITLE = Text(r"[^/\\]{1,100}", "a folder's name, without slashes", "LLM fleet")


class Form(StrEnum):
    """A way to hand rules, dashboards and targets to those who load them."""

    PROMETHEUS_RULES = "prometheus-rules"
    """``PrometheusRule`` objects, for the Prometheus operator."""
    MONITORS = "monitors"
    """``PodMonitor`` and ``ServiceMonitor`` objects, for the Prometheus operator."""
    SCRAPE_CONFIG = "scrape-config"
    """``scrape_configs`` for a Prometheus without an operator."""
    DASHBOARD_CONFIGMAPS = "dashboard-configmaps"
    """One ConfigMap per dashboard, for the sidecar of Grafana's Helm chart."""
    GRAFANA_DASHBOARDS = "grafana-dashboards"
    """``GrafanaDashboard`` objects, for the Grafana operator."""
    PROVISIONING = "provisioning"
    """A provisioning file for a Grafana that reads dashboards from a folder."""


class Scraped(StrEnum):
    """Whose pages Prometheus is told to read."""

    ENGINES = "engines"
    DCGM = "dcgm"
    KEDA = "keda"
    LITELLM = "litellm"
    OURSELVES = "ourselves"


class Exporter(Part):
    """Pods that serve a metrics page, found by their labels."""

    namespace: Annotated[str, NAMESPACE] = Field(examples=["gpu-operator"])
    """Namespace of the pods."""

    selector: Annotated[str, SELECTOR] = Field(examples=["app=nvidia-dcgm-exporter"])
    """Label selector, as kubectl's ``-l`` takes it."""

    port: Annotated[str, PORT_NAME] = "metrics"
    """Name of the container's port; ``metrics`` is what most charts call it."""


class LiteLLM(Exporter):
    """The router's pods. Its page wants a key by default."""

    port: Annotated[str, PORT_NAME] = "http"
    """Name of the container's port; LiteLLM serves its page where it serves its API, ``http`` in its chart."""

    secret: Annotated[str, OBJECT_NAME] = "litellm-metrics"  # noqa: S105 - its name
    """Secret whose key ``token`` is any LiteLLM key; it lies beside the monitor, in the operator's namespace."""


class Monitoring(Part):
    """What the Prometheus operator is given."""

    namespace: Annotated[str, NAMESPACE] = "monitoring"
    """Namespace of the objects; ``monitoring`` is what most charts' documents use."""

    labels: dict[Annotated[str, LABEL_KEY], Annotated[str, LABEL_VALUE]] = Field(
        default={"release": "kube-prometheus-stack"}
    )
    """Labels of the objects. A Prometheus takes only what its ``ruleSelector`` picks: that of kube-prometheus-stack
    asks for ``release: NAME`` with the name it was installed under, and ignores everything else without a word.
    The default is that chart's own name; where nothing is asked for, a label does no harm."""

    scrape: tuple[Annotated[Scraped, Choice(Scraped)], ...] = tuple(Scraped)
    """Whose pages are read. All by default; leave out what a monitor of yours reads already, or it counts twice."""

    dcgm: Exporter = Exporter(namespace="gpu-operator", selector="app=nvidia-dcgm-exporter", port="gpu-metrics")
    """NVIDIA's exporter. The default is where the GPU operator puts it."""

    keda: Exporter = Exporter(namespace="keda", selector="app=keda-operator")
    """KEDA's operator. The default is where its chart puts it."""

    litellm: LiteLLM = LiteLLM(namespace="litellm", selector="app.kubernetes.io/name=litellm")
    """The router. The default is where its chart puts it."""


class Grafana(Part):
    """How Grafana finds the dashboards."""

    namespace: Annotated[str, NAMESPACE] = "monitoring"
    """Namespace of ConfigMaps and GrafanaDashboards."""

    folder: Annotated[str, TITLE] = "LLM fleet"
    """Folder the dashboards appear in."""

    sidecar_label: Annotated[str, LABEL_KEY] = "grafana_dashboard"
    """Label by which the sidecar finds ConfigMaps; its value is ``"1"``. The chart's own default."""

    folder_annotation: Annotated[str, LABEL_KEY] = "k8s-sidecar-target-directory"
    """Annotation in which the sidecar looks for a folder (the chart's ``sidecar.dashboards.folderAnnotation``). Grafana
    shows it as a folder only with ``provider.foldersFromFilesStructure: true``."""

    instance_labels: dict[Annotated[str, LABEL_KEY], Annotated[str, LABEL_VALUE]] = Field(
        default={"dashboards": "grafana"}
    )
    """Labels of the ``Grafana`` objects that GrafanaDashboards are for; the operator's own examples' by default."""

    files: Annotated[str, PLACE] = "/var/lib/grafana/dashboards/llm-fleet"
    """Folder on Grafana's machine into which ``dashboards/*.json`` are copied, for provisioning."""


class Generate(Part):
    """What ``controlplane generate`` writes."""

    forms: tuple[Annotated[Form, Choice(Form)], ...] | None = None
    """Besides plain rule files and dashboards. By default what a cluster can use (all but ``grafana-dashboards``, which
    would show each dashboard a second time) where ``sources.kubernetes`` is given, else ``scrape-config`` and
    ``provisioning``."""

    monitoring: Monitoring = Monitoring()
    """What the Prometheus operator is given."""

    grafana: Grafana = Grafana()
    """How Grafana finds the dashboards."""

    def forms_for(self, *, cluster: bool) -> tuple[Form, ...]:
        """The forms to write. ``cluster``: the fleet runs in Kubernetes."""
        if self.forms is not None:
            return self.forms
        if cluster:
            return tuple(form for form in Form if form is not Form.GRAFANA_DASHBOARDS)
        return (Form.SCRAPE_CONFIG, Form.PROVISIONING)
