"""Who makes inferences of a batch on an NPU."""

from collections.abc import Mapping
from typing import Any, Literal

BatchMode = Literal["PLUGIN", "COMPILER"]
"""As OpenVINO's NPU_BATCH_MODE has it: the plugin, which leaves one sample to the compiler, or the compiler itself."""


def is_split(told: BatchMode | None, planned: BatchMode | None) -> bool:
    """Tell whether an estimate is of one sample of a batch: as its compiler says, or else as the plan has it."""
    return (told or planned) == "PLUGIN"


def batch_mode(unchecked: Mapping[str, Any]) -> BatchMode:
    """Return who does it where layouts name the batch, by the properties of a spec that nothing checks."""
    return "COMPILER" if unchecked.get("NPU_BATCH_MODE") == "COMPILER" else "PLUGIN"
