"""The router in front of the fleet, as LiteLLM 1.109 counts: teams and models, no session, no agent.

Its dollars are its own price list times tokens, not what GPUs cost. Who wants to know of sessions and agents is told
of each call.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf

from controlplane.simulate.answer import Answer, answer_to
from controlplane.simulate.exposition import Page, bound_text, histogram_values, labels_text
from controlplane.simulate.litellm_payload import INPUT_PRICE, OUTPUT_PRICE
from controlplane.simulate.replica import Request
from controlplane.simulate.tally import Histogram

TTFT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80)
SUM = "metric_total"


@dataclass(slots=True)
class _Used:
    requests: int = 0
    prompt: int = 0
    cached: int = 0
    output: int = 0
    ttft: Histogram = field(default_factory=lambda: Histogram(TTFT))


TOKENS: Mapping[str, tuple[str, Callable[[_Used], float]]] = {
    "spend": ("Total spend on LLM requests", lambda u: u.prompt * INPUT_PRICE + u.output * OUTPUT_PRICE),
    "input_tokens": ("Total number of input tokens from LLM requests", lambda u: u.prompt),
    "output_tokens": ("Total number of output tokens from LLM requests", lambda u: u.output),
    "input_cached_tokens": ("Provider-side cached input tokens", lambda u: u.cached),
}


class Router:
    """Counts answered calls."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Answer], None]] = []
        """Told of each answer."""
        self._used: dict[tuple[tuple[str, str], str], _Used] = {}
        self._answers = 0

    def answered(self, request: Request, asked: str) -> None:
        """A call for the role ``asked`` has its answer."""
        self._answers += 1
        answer = answer_to(request, asked, self._answers)
        used = self._used.setdefault(((answer.team, answer.team_alias), asked), _Used())
        used.requests += 1
        used.prompt += answer.prompt
        used.cached += answer.cached
        used.output += answer.output
        if answer.output:
            used.ttft.add(answer.first_token - answer.begun)
        for tell in self.callbacks:
            tell(answer)

    def page(self, in_flight: int, models: dict[str, str]) -> str:
        """Its metrics page. ``models``: role → address behind it."""
        page, values = Page(), list[float]()
        for name, (help_, of) in TOKENS.items():
            page.family(f"litellm_{name}_{SUM}", "counter", help_)
            for labels, used in self._rows("model", "model_id", "requested_model"):
                page.sample(f"litellm_{name}_{SUM}", labels_text(labels.items()))
                values.append(of(used))
        name = f"litellm_proxy_total_requests_{SUM}"
        page.family(name, "counter", "Total number of requests made to the proxy server")
        for labels, used in self._rows("model_id", "requested_model"):
            page.sample(name, labels_text({**labels, "route": "/v1/chat/completions", "status_code": "200"}.items()))
            values.append(float(used.requests))
        page.family("litellm_in_flight_requests", "gauge", "Number of HTTP requests currently in-flight")
        page.sample("litellm_in_flight_requests")
        values.append(float(in_flight))
        name = "litellm_llm_api_time_to_first_token_metric"
        page.family(name, "histogram", "Time to first token for a models LLM API call")
        for labels, used in self._rows("model", "model_group", "model_id", "requested_model"):
            for bound in (*TTFT, inf):
                page.sample(f"{name}_bucket", labels_text({**labels, "le": bound_text(bound)}.items()))
            page.sample(f"{name}_count", labels_text(labels.items()))
            page.sample(f"{name}_sum", labels_text(labels.items()))
            values += histogram_values(used.ttft)
        _deployments(page, values, models)
        return page.fill(values)

    def _rows(self, *model_labels: str) -> Iterator[tuple[dict[str, str], _Used]]:
        for ((team, alias), role), used in sorted(self._used.items()):
            models = {label: f"{role}-1" if label == "model_id" else role for label in model_labels}
            yield {"api_key_alias": f"{team}-agents", "api_provider": "openai", "end_user": "None", "team": team,
                   "team_alias": alias, "user": "orchestrator-svc", **models}, used  # fmt: skip


def _deployments(page: Page, values: list[float], models: dict[str, str]) -> None:
    for name, kind, help_ in (
        ("litellm_deployment_state", "gauge", "LLM Deployment Analytics - The state of the deployment: 0 = healthy"),
        ("litellm_deployment_failure_responses_total", "counter", "LLM Deployment Analytics - failed LLM API calls"),
    ):
        page.family(name, kind, help_)
        for role, address in sorted(models.items()):
            labels = {
                "api_base": address,
                "api_provider": "openai",
                "litellm_model_name": role,
                "model_id": f"{role}-1",
            }
            page.sample(name, labels_text(labels.items()))
            values.append(0.0)
