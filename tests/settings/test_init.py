"""``controlplane init``: what was seen is written down, guesses are marked, and the file is right at once."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from controlplane.cli.main import main
from controlplane.model.role import Engine
from controlplane.settings.draft import Draft, DraftRole, draft_text
from controlplane.settings.drafting import engine_of, model_of, roles_from_objects
from controlplane.settings.load import examine, load
from tests.collect.fake_http import Asked, FakeHttp, Reply, fake_http

VLLM = """\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{{engine="0",model_name="{model}"}} 1.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{{engine="0",model_name="{model}"}} 0.0
"""
PAGES = {
    "/a/metrics": VLLM.format(model="meta-llama/Llama-3.1-8B-Instruct"),
    "/b/metrics": VLLM.format(model="meta-llama/Llama-3.1-8B-Instruct"),
    "/c/metrics": '# TYPE sglang:num_running_reqs gauge\nsglang:num_running_reqs{model_name="Qwen/Qwen3-32B"} 0\n',
    "/dcgm/metrics": '# TYPE DCGM_FI_DEV_GPU_TEMP gauge\nDCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-1"} 40\n',
    "/litellm/metrics": "# TYPE litellm_requests_metric_total counter\nlitellm_requests_metric_total 1\n",
}


@pytest.fixture
def pages() -> Iterator[FakeHttp]:
    def answer(asked: Asked) -> Reply:
        body = PAGES.get(asked.path)
        return (
            Reply(b"", status=404) if body is None else Reply(body.encode(), content_type="text/plain; version=0.0.4")
        )

    with fake_http(answer) as server:
        yield server


def test_engines_with_the_same_model_become_one_role(pages: FakeHttp, tmp_path: Path) -> None:
    out = tmp_path / "fleet.yaml"
    urls = [f"{pages.url}/{page}/metrics" for page in ("a", "b", "c", "dcgm")]
    assert main(["init", *urls, "-o", str(out)]) == 0
    settings = load(out)
    assert list(settings.roles) == ["llama-3-1-8b-instruct", "qwen3-32b"]
    llama, qwen = settings.roles.values()
    assert llama.targets == (urls[0], urls[1])
    assert (llama.replicas.min, llama.replicas.max) == (2, 2)
    assert (qwen.engine, qwen.model.name) == (Engine.SGLANG, "Qwen/Qwen3-32B")
    assert settings.sources.dcgm == (urls[3],)


def test_what_is_no_engine_or_does_not_answer_is_named_and_left_out(
    pages: FakeHttp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    urls = [f"{pages.url}/a/metrics", f"{pages.url}/litellm/metrics", f"{pages.url}/nothing/metrics"]
    assert main(["init", *urls, "-o", str(tmp_path / "fleet.yaml")]) == 0
    said = capsys.readouterr().err
    assert f"{urls[1]}: LiteLLM proxy, not an engine's page: left out" in said
    assert f"{urls[2]}: bad status" in said


def test_every_guess_is_marked(pages: FakeHttp, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", f"{pages.url}/a/metrics", "-o", "-"]) == 0
    said = capsys.readouterr().out.splitlines()
    marked = {line.split(":")[0].strip() for line in said if "# guess:" in line}
    assert marked == {"fleet", "llama-3-1-8b-instruct", "replicas", "mode"}


@pytest.mark.parametrize("given", [[], ["http://127.0.0.1:9/metrics"], ["ftp://x"], ["http://169.254.169.254/"]])
def test_nothing_to_see_is_one_line_and_no_file(given: list[str], tmp_path: Path) -> None:
    out = tmp_path / "fleet.yaml"
    assert main(["init", *given, "-o", str(out)]) == 2
    assert not out.exists()


def test_a_file_that_is_there_is_never_overwritten(pages: FakeHttp, tmp_path: Path) -> None:
    out = tmp_path / "fleet.yaml"
    out.write_text("mine")
    assert main(["init", f"{pages.url}/a/metrics", "-o", str(out)]) == 2
    assert out.read_text() == "mine"


# --- from a Prometheus --------------------------------------------------------------------------------------------


def prometheus(series: Mapping[str, list[dict[str, str]]]) -> object:
    """Answers a query with the series of the first key that is in it."""

    def answer(asked: Asked) -> Reply:
        query = asked.fields["query"]
        rows = next((rows for key, rows in series.items() if key in query), [])
        result = [{"metric": row, "value": [1.0, "1"]} for row in rows]
        data = {"status": "success", "data": {"resultType": "vector", "result": result}}
        return Reply(json.dumps(data).encode())

    return answer


def test_a_prometheus_tells_models_namespaces_pods_and_their_gpus(tmp_path: Path) -> None:
    engines = [{"model_name": "org/big", "namespace": "llm", "pod": f"big-{i}"} for i in range(3)]
    hostile = [{"model_name": 'x"}\n', "namespace": "llm", "pod": "p"}, {"namespace": "llm", "pod": "q"}]
    gpus = [
        {"namespace": "llm", "pod": "big-0", "UUID": f"GPU-{i}", "modelName": "NVIDIA H100 80GB HBM3"} for i in "ab"
    ]
    series = {"DCGM": gpus, "ray_vllm": [], "vllm:": [*engines, *hostile]}
    out = tmp_path / "fleet.yaml"
    with fake_http(prometheus(series)) as server:  # type: ignore[arg-type]
        assert main(["init", "--prometheus", server.url, "-o", str(out)]) == 0
    settings = load(out)
    (big,) = settings.roles.values()
    assert big.matchers() == {"model_name": "org/big", "namespace": "llm"}
    assert (big.replicas.min, big.replicas.max) == (3, 3)
    assert big.gpus is not None
    assert (big.gpus.type, big.gpus.per_replica) == ("h100-sxm-80gb", 2)
    assert settings.sources.prometheus is not None


def test_a_prometheus_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--prometheus", "http://127.0.0.1:9", "-o", str(tmp_path / "f.yaml")]) == 2
    assert capsys.readouterr().err.startswith("connection refused: http://127.0.0.1:9")


# --- from a Kubernetes namespace ----------------------------------------------------------------------------------


def deployment(name: str, container: dict[str, object], **pod: object) -> dict[str, object]:
    return {
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {"spec": {"containers": [container], **pod}},
        },
    }


PLANNER = deployment(
    "planner",
    {
        "image": "vllm/vllm-openai:v0.32.0",
        "args": ["--model", "meta-llama/Llama-3.3-70B-Instruct", "--tensor-parallel-size=2"],
        "ports": [{"containerPort": 8080, "name": "http"}],
        "resources": {"limits": {"nvidia.com/gpu": "2"}},
    },
    nodeSelector={"nvidia.com/gpu.product": "NVIDIA-H100-PCIe"},
)
EMBEDDER = deployment(
    "embedder",
    {"image": "lmsysorg/sglang", "resources": {"limits": {"nvidia.com/mig-1g.10gb": 1}}},
    nodeSelector={"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb"},
)
WEBSITE = deployment("website", {"image": "nginx"})
SCALED = {
    "metadata": {"name": "planner-so"},
    "spec": {"scaleTargetRef": {"name": "planner"}, "minReplicaCount": 1, "maxReplicaCount": 6},
}


def cluster(asked: Asked) -> Reply:
    kind = asked.path.rsplit("/", 1)[-1]
    items = {"deployments": [PLANNER, EMBEDDER, WEBSITE], "scaledobjects": [SCALED]}.get(kind)
    if kind == "leaderworkersets":
        return Reply(b"{}", status=404)
    return Reply(json.dumps({"items": items or [], "metadata": {}}).encode())


def init(*arguments: str, kubeconfig: Path) -> str:
    """The command in a process of its own: where the kubeconfig lies is read once per process."""
    done = subprocess.run(
        [sys.executable, "-m", "controlplane.cli.main", "init", *arguments, "-o", "-"],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    with fake_http(cluster) as server:
        named = {"cluster": "c", "user": "u"}
        config = {
            "current-context": "test",
            "clusters": [{"name": "c", "cluster": {"server": server.url}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "test", "context": named}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        yield path


def test_a_namespace_tells_workloads_gpus_and_scaled_objects(kubeconfig: Path) -> None:
    text = init("--namespace", "llm", "--context", "test", kubeconfig=kubeconfig)
    settings = examine(text.encode()).settings
    assert list(settings.roles) == ["embedder", "planner"], "a website asks for no GPU"
    embedder, planner = settings.roles.values()
    assert planner.model.name == "meta-llama/Llama-3.3-70B-Instruct"
    assert (planner.replicas.min, planner.replicas.max) == (1, 6)
    assert str(planner.scaled_object) == "ScaledObject llm/planner-so"
    assert planner.gpus is not None
    assert (planner.gpus.type, planner.gpus.per_replica) == ("h100-pcie-80gb", 2)
    assert planner.pods is not None
    assert (planner.pods.selector, planner.pods.port) == ("app=planner", 8080)
    assert embedder.engine is Engine.SGLANG
    assert embedder.gpus is not None
    assert (embedder.gpus.type, embedder.gpus.mig) == ("a100-sxm-80gb", "1g.10gb")

    assert "model: {name: embedder}  # guess: named after its workload" in text, "its command does not tell"


@pytest.mark.parametrize(
    ("container", "model"),
    [
        ({"args": ["--model=org/m"]}, "org/m"),
        ({"command": ["sh", "-c", "exec vllm serve org/m --port 8000"]}, "org/m"),
        ({"args": ["--model", "/models/weights", "--served-model-name", "planner"]}, "planner"),
        ({"args": ["--model-path", "org/m"]}, "org/m"),
        ({"env": [{"name": "MODEL_ID", "value": "org/m"}]}, "org/m"),
        ({"args": ["--model"]}, None),
        ({"args": ["--model", "$(MODEL)"]}, None),
        ({}, None),
    ],
)
def test_the_model_is_told_by_command_or_environment(container: dict[str, object], model: str | None) -> None:
    assert model_of(container) == model


@pytest.mark.parametrize(
    ("image", "engine"),
    [("vllm/vllm-openai", Engine.VLLM), ("lmsysorg/sglang", Engine.SGLANG), ("rayproject/ray-ml", Engine.RAY_SERVE)],
)
def test_the_engine_is_told_by_the_image(image: str, engine: Engine) -> None:
    assert engine_of({"image": image}) is engine
    assert engine_of({"image": "tray/array"}) is None


def test_a_scaled_object_without_bounds_has_kedas_own() -> None:
    scaled = {"metadata": {"name": "s"}, "spec": {"scaleTargetRef": {"name": "planner"}}}
    (role,) = roles_from_objects("llm", [PLANNER], [scaled])
    assert role.replicas == (0, 100)
    text = draft_text(Draft(roles=(role,), kubernetes=""))
    assert "scale_to_zero: true" in text
    assert examine(text.encode()).settings.roles["planner"].replicas.min == 0


def test_names_stay_apart_and_odd_ones_stay_text() -> None:
    odd = DraftRole(model="on", engine=Engine.VLLM, targets=("http://127.0.0.1:1/metrics",))
    twin = DraftRole(model="other/on", engine=Engine.VLLM, targets=("http://127.0.0.1:2/metrics",))
    settings = examine(draft_text(Draft(roles=(odd, twin), command="x\ny")).encode()).settings
    assert {name: role.model.name for name, role in settings.roles.items()} == {"on": "on", "on-2": "other/on"}
