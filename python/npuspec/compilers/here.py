"""The child's side of OpenVINO's own compiler."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openvino as ov

from npuspec.child import Progress


def compile_here(arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Compile in this process and return what came of it, or the compiler's `error`."""
    progress(0, 1)
    core = ov.Core()
    start = time.perf_counter()
    try:
        compiled = core.compile_model(arguments["model"], "NPU", arguments["properties"])
        seconds = time.perf_counter() - start
        exported = compiled.export_model()
    except RuntimeError as error:
        return {"error": str(error)}
    Path(arguments["blob"]).write_bytes(exported if isinstance(exported, bytes) else exported.read())
    try:
        requirements = str(compiled.get_property("RUNTIME_REQUIREMENTS"))
    except RuntimeError:
        requirements = None
    return {"seconds": seconds, "requirements": requirements}
