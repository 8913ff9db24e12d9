"""How much of a stranger's page we are willing to read: on by default, as nothing outside may be unbounded.

Prometheus knows the same limits and ships them switched off. A page over a limit is refused as a whole.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds for one metrics page."""

    body: int = 16 * 2**20
    """Bytes of the page after decompression. 16 MiB: three hundred times a vLLM page, and kube-state-metrics of a
    cluster with some 10,000 pods."""

    samples: int = 50_000
    """Samples on the page. A vLLM engine has about 500."""

    labels: int = 64
    """Labels of one series. ``vllm:cache_config_info`` has 37 and grows with each release."""

    name: int = 256
    """Characters of a metric's or a label's name."""

    value: int = 1024
    """Characters of a label's value."""

    deadline: timedelta = timedelta(seconds=10)
    """Real time for the whole answer, name lookup to last byte. Prometheus gives 10 s too; an interval that is
    shorter than this is the deadline instead, so that two scrapes of a target never overlap."""

    @property
    def lines(self) -> int:
        """Lines of a page, comments included: each sample may have its own HELP, TYPE and UNIT."""
        return 4 * self.samples + 1000
