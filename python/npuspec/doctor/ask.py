"""The child's side: load what may crash, and say what it answers."""

import ctypes
import importlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from npuspec.child import Progress

_TOLD = ("DEVICE_ARCHITECTURE", "NPU_DRIVER_VERSION", "NPU_COMPILER_VERSION", "NPU_COMPILER_TYPE")


def libraries(arguments: Mapping[str, Any], progress: Progress) -> dict[str, str]:
    """Load libraries as the linker finds them; return for each why it can't be loaded, or nothing."""
    progress(0, 1)
    return {name: _hindrance(name) for name in arguments["names"]}


def devices(_arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Return OpenVINO's version, its devices with their full names, and what the NPU tells of itself."""
    progress(0, 1)
    ov = importlib.import_module("openvino")
    core = ov.Core()
    found = {name: str(core.get_property(name, "FULL_DEVICE_NAME")).strip() for name in core.available_devices}
    told: dict[str, str] = {}
    for key in _TOLD if "NPU" in {name.partition(".")[0] for name in found} else ():
        with suppress(RuntimeError):
            told[key] = str(core.get_property("NPU", key))
    return {"version": ov.get_version(), "devices": found, "npu": told}


def _hindrance(name: str) -> str:
    try:
        ctypes.CDLL(name)
    except OSError as error:
        return str(error)
    return ""
