"""Everything the doctor looks for, in one list: docs/doctor.md is written from it."""

from collections.abc import Mapping

from controlplane.doctor import naming, operator, rights, rules, scaled_objects, scrapes, series
from controlplane.doctor.check import Check

CHECKS: Mapping[str, tuple[Check, ...]] = {
    "Rules in Prometheus": rules.CHECKS,
    "Series in Prometheus": (*series.CHECKS, *naming.CHECKS),
    "How engines are scraped": scrapes.CHECKS,
    "The Prometheus operator": operator.CHECKS,
    "ScaledObjects and what stands around them": scaled_objects.CHECKS,
    "What the account may do": rights.CHECKS,
}
"""By what they are about."""
