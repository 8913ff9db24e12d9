"""How long one engine step takes, fitted on real kernels.

One step with ``P`` prefill tokens and ``B`` decoding sequences of ``KV`` tokens in all takes, in ms::

    s * (t0 + ((w)^4 + (g*(P+B))^4)^(1/4) + a * sum(chunk * (context before it + chunk/2)) + k*KV + b*B)

Streaming the weights and computing overlap, so the slower of the two counts: the 4-norm is a smooth
maximum. The coefficients of the large models are fits on 130 measured points each (mean error 3 to 7 %).
"""

from dataclasses import dataclass, replace
from math import sqrt


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCost:
    """Coefficients of one model on the GPUs of one replica; times in milliseconds."""

    t0: float
    """Fixed time of a step."""
    w: float
    """Reading the weights once."""
    g: float
    """Computing one token."""
    a: float
    """Attention of prefill, per token pair."""
    k: float
    """Reading one token of KV cache."""
    b: float = 0.0
    """Bookkeeping per decoding sequence."""
    s: float = 1.13
    """Calibration: kernels alone are about 13 % faster than a whole engine."""
    kv_tokens: int
    """Tokens that fit into the KV cache at 0.9 of the memory."""

    def seconds(self, prefill: int, pairs: float, decoding: int, context: int) -> float:
        """Length of one step."""
        compute = self.g * (prefill + decoding)
        busy = sqrt(sqrt(self.w**4 + compute**4))
        return self.s * (self.t0 + busy + self.a * pairs + self.k * context + self.b * decoding) / 1000

    def growth(self, decoding: int) -> float:
        """How much longer each further decode step of an unchanged batch takes, in seconds."""
        return self.s * self.k * decoding / 1000

    def reading(self, context: float) -> float:
        """Seconds of a step in which the memory bus is busy."""
        return self.s * (self.w + self.k * context) / 1000

    def computing(self, tokens: int) -> float:
        """Seconds of a step in which the tensor cores are busy."""
        return self.s * self.g * tokens / 1000

    def with_fp8_kv(self) -> "StepCost":
        """The same with an 8-bit KV cache: twice the tokens, half the bytes to read."""
        return replace(self, k=self.k / 2, kv_tokens=self.kv_tokens * 2)


LLAMA_70B_FP8_2XH100 = StepCost(t0=10.75, w=5.96, g=0.08034, a=1.28e-6, k=6.42e-5, kv_tokens=206_000)
"""16-bit KV cache; with FP8 it is the measured row (k 3.21e-5, 411 k tokens)."""
LLAMA_8B_A100 = StepCost(t0=7.98, w=3.81, g=0.05465, a=2.90e-6, k=8.37e-5, b=0.0040, kv_tokens=407_000)
LLAMA_8B_H100 = StepCost(t0=2.213, w=4.378, g=0.01951, a=8.04e-7, k=4.13e-5, b=0.0070, kv_tokens=407_000)
QWEN_32B_FP8_H100 = StepCost(t0=5.2, w=10.6, g=0.0370, a=1.10e-6, k=6.60e-5, b=0.0070, kv_tokens=150_000)
"""One H100: not fitted, scaled from the 70B row by size and by the one GPU."""
LLAMA_8B_L40S = StepCost(t0=12.68, w=10.16, g=0.06096, a=3.06e-6, k=1.92e-4, b=0.0195, kv_tokens=188_000)
ENCODER_600M_L40 = StepCost(t0=3.5, w=1.6, g=0.0075, a=4.0e-7, k=0.0, kv_tokens=131_072)
"""A 0.6 B embedding or reranking model: not fitted, scaled from its size and the GPU's peak."""
