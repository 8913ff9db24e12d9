"""What the doctor looks for: each check once, with why it bites, so that rows and docs/doctor.md cannot disagree."""

from dataclasses import dataclass

from controlplane.doctor.row import Row
from controlplane.model.finding import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that is looked for."""

    id: str
    """Kebab case, stable: people write it into their exceptions. ``rules-missing``."""
    severity: Severity
    """How bad it is where it is found; a row may say less, never more."""
    title: str
    """What is looked for, in a few words: "a group of our rules is not loaded"."""
    why: str
    """What it leads to on a bad day, in one or two sentences."""
    fix: str
    """What cures it, in general; a row carries the exact YAML or command."""

    def row(
        self, subject: str, said: str, *, fix: str, evidence: tuple[str, ...] = (), severity: Severity | None = None
    ) -> Row:
        """The check found something.

        Args:
            subject: the object or group it is about.
            said: what is wrong and what it leads to, in a sentence an operator would say.
            fix: YAML to apply or a command to run.
            evidence: the values that show it.
            severity: less than usual where the case is milder.
        """
        return Row(
            check=self.id,
            severity=severity or self.severity,
            subject=subject,
            said=said,
            evidence=evidence,
            fix=fix,
        )
