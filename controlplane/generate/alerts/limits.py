"""Limits are the detectors' own: what an alert compares with is read from the object that makes the finding."""

from typing import TypeVar

from controlplane.settings.schema import Settings

D = TypeVar("D")


def settings_of(settings: Settings, detector: type[D]) -> D | None:
    """A detector with fleet.yaml's settings; ``None`` when it is switched off: then its alert is, too."""
    return next((found for found in settings.policy_parts().detectors if isinstance(found, detector)), None)
