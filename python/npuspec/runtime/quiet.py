"""Import OpenVINO without its telemetry: importing it would send an event over the network, and fork to do so."""

import importlib
import sys

_TELEMETRY = "openvino_telemetry"


def import_openvino() -> None:
    """Import openvino as if its telemetry weren't installed; other imports of that package aren't touched."""
    if "openvino" in sys.modules or _TELEMETRY in sys.modules:
        return
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # Python's own mark of what can't be imported
    try:
        importlib.import_module("openvino")
    finally:
        del sys.modules[_TELEMETRY]


import_openvino()
