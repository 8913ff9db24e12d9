"""Small fleets as text, for tests of what is generated from them."""

from pathlib import Path

from controlplane.generate.request import Request
from controlplane.settings.load import examine

WORKER = """
  worker:
    model: {name: meta-llama/Llama-3.1-8B-Instruct}
    gpus: {type: a100-pcie-80gb}
    replicas: {min: 2, max: 40}
    slo: {ttft_p95: 1s}
    select: {namespace: llm}
    scaled_object: llm/worker
    workload: llm/worker
    scaling: {pods: app=worker}
"""
NIGHT = """
  night:
    model: {name: openai/whisper-large-v3}
    gpus: {type: a100-pcie-80gb}
    replicas: {min: 0, max: 2}
    scale_to_zero: true
    select: {namespace: llm}
    scaled_object: llm/night
    workload: StatefulSet llm/night
    scaling: {pods: app=night}
"""
FLEET = """fleet: agents-test
sources: {prometheus: http://prometheus.monitoring:9090}
"""


def a_request(scaling: str = "{signal: planner}", roles: str = WORKER, **changed: str) -> Request:
    """A fleet that wants ScaledObjects; ``changed`` replaces words of the text."""
    text = f"{FLEET}scaling: {scaling}\nroles:{roles}"
    for before, after in changed.items():
        text = text.replace(before, after)
    return Request(
        settings=examine(text.encode(), folder=Path("/")).settings, source="fleet.yaml", raw=text, folder=Path()
    )
