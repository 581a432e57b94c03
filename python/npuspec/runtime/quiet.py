"""Import OpenVINO without its telemetry: importing it would send an event over the network, and fork to do so.

And in no sub-interpreter, where importing it never ends.
"""

import ctypes
import importlib
import sys

_TELEMETRY = "openvino_telemetry"


def import_openvino() -> None:
    """Import openvino as if its telemetry weren't installed; other imports of that package aren't touched.

    Raises:
        ImportError: in a sub-interpreter.

    """
    get, get_id = ctypes.pythonapi.PyInterpreterState_Get, ctypes.pythonapi.PyInterpreterState_GetID
    get.restype, get_id.argtypes, get_id.restype = ctypes.c_void_p, [ctypes.c_void_p], ctypes.c_int64
    if get_id(get()) != 0:
        message = "npuspec runs in no sub-interpreter: OpenVINO can't be imported there. Start a process instead"
        raise ImportError(message)
    if "openvino" in sys.modules or _TELEMETRY in sys.modules:
        return
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # Python's own mark of what can't be imported
    try:
        importlib.import_module("openvino")
    finally:
        del sys.modules[_TELEMETRY]


import_openvino()
