"""One row of the doctor's report: what is wrong, where, how we know, and the change that cures it."""

from dataclasses import dataclass

from controlplane.model.finding import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Something that is wrong, or will be on a bad day."""

    check: str
    """Stable id of the check, in kebab case: ``keda-no-data-is-zero``. Documented in docs/doctor.md."""
    severity: Severity
    subject: str
    """Object or group it is about: ``ScaledObject llm/worker``, ``rule group llm-roles``."""
    said: str
    """What is wrong and what it leads to, in a sentence an operator would say."""
    evidence: tuple[str, ...] = ()
    """The values that show it, each as ``path = value`` or a query with its answer."""
    fix: str = ""
    """YAML to apply or a command to run; never empty for a warning or worse."""
