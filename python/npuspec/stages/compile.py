"""Compile one variant for one device, and export what its compiler made where the device can."""

import time
from collections.abc import Mapping
from typing import Any

import openvino as ov

from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.runtime.device import compile_model, executed_on, export_model
from npuspec.stages import BLOB, COMPILATION, MODEL, TIMINGS
from npuspec.stages.request import Request


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write compilation.json and timings.json, and model.blob if one is wanted and can be had."""
    progress(0, 1)
    request = Request.of(arguments)
    device: str = request.parameters["device"]
    core = ov.Core()
    core.set_property(request.parameters["core"])
    start = time.perf_counter()
    compiled = compile_model(core, request.inputs[0] / MODEL, device, request.parameters["properties"])
    seconds = time.perf_counter() - start
    executed = executed_on(compiled)
    if executed != [device]:
        message = f"compiled for {device}, but OpenVINO would run it on {', '.join(executed)}"
        raise StageError(Diagnostic("other-device", message, "state the device that is meant in [target]"))
    can_export = "EXPORT_IMPORT" in core.get_property(device, "OPTIMIZATION_CAPABILITIES")
    if request.parameters["blob"] and can_export:
        request.write_bytes(BLOB, export_model(compiled))
    exported = request.parameters["blob"] and can_export
    request.write_json(COMPILATION, {"device": device, "executed": executed, "exported": exported})
    request.write_json(TIMINGS, {"compile_seconds": seconds})
