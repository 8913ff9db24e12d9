"""What NVIDIA's XID numbers mean to an operator: is it the GPU, or the program on it?"""

from collections.abc import Mapping
from types import MappingProxyType

HARDWARE: Mapping[int, str] = MappingProxyType(
    {
        48: "a memory error that cannot be corrected",
        63: "a memory row was remapped",
        64: "a memory row could not be remapped",
        74: "an NVLink error",
        79: "the GPU has fallen off the bus",
        94: "a memory error that one program died of",
        95: "a memory error that may have reached other programs",
    }
)
"""These do not go away by restarting the pod. All others (13, 31, 43, 45…) are usually the program's own fault."""
