"""Compile one variant ahead of time for an NPU that needn't be here."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from npuspec.child import Progress
from npuspec.compilers import compiler_of
from npuspec.compilers.schedule import busy_of, read_schedule, unfit
from npuspec.diagnostics import StageError
from npuspec.stages import BLOB, ESTIMATE, MODEL, TIMINGS
from npuspec.stages.request import Request
from npuspec.stages.widen import widened_file


def run(arguments: Mapping[str, Any], _progress: Progress) -> None:
    """Write model.blob, estimate.json (what the compiler expects of it), and timings.json.

    Raises:
        StageError: what the compiler raises.

    """
    request = Request.of(arguments)
    platform: str = request.parameters["platform"]
    blob = request.output / BLOB
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        trace = Path(scratch, "trace.json")
        compiler = compiler_of(arguments["compiler"])
        model = widened_file(request.inputs[0] / MODEL, Path(scratch))
        made = compiler.compile(model, platform, blob, request.parameters["properties"], trace)
        busy = busy_of(read_schedule(trace)) if trace.exists() else None
    if blob.is_symlink() or not blob.is_file() or not blob.stat().st_size:
        raise StageError(unfit(f"said that it compiled for NPU {platform}, and wrote no blob"))
    request.write_json(
        ESTIMATE,
        {
            "platform": platform,
            "compiler": compiler.identity,
            "requirements": made.requirements,
            "blob_bytes": blob.stat().st_size,
            "latency_us": made.latency_us,
            "uncosted_operations": [*made.uncosted],
            "batch": request.parameters["batch"],
            "batch_mode": made.batch_mode,
            "busy_us": busy,
        },
    )
    request.write_json(TIMINGS, {"compile_seconds": made.seconds})
