"""Who makes inferences of a batch on an NPU."""

from collections.abc import Mapping
from typing import Any, Literal

BatchMode = Literal["PLUGIN", "COMPILER"]
"""As OpenVINO's NPU_BATCH_MODE has it: the plugin, which leaves one sample to the compiler, or the compiler itself."""


def batch_mode(unchecked: Mapping[str, Any]) -> BatchMode:
    """Return who does it where layouts name the batch, by the properties of a spec that nothing checks."""
    return "COMPILER" if unchecked.get("NPU_BATCH_MODE") == "COMPILER" else "PLUGIN"
