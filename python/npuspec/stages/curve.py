"""Compile each mix that was tried for an NPU, so that accuracy stands beside what the compiler expects."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openvino as ov

from npuspec.child import Progress
from npuspec.compilers import Compilation, Compiler, compiler_of
from npuspec.diagnostics import StageError
from npuspec.stages import BLOB, CURVE, GAIN, HARM, MIXED, MODEL
from npuspec.stages.mix import mix, ranking
from npuspec.stages.request import Request
from npuspec.stages.shape import shaped
from npuspec.stages.widen import widened

TRACE = "trace"
UNKNOWN = ("no-compiler", "compile-timeout")
"""What says nothing of a model: another time, it may compile."""


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write curve.json: for each point of the mix's curve the estimated latency in microseconds, None if there is none.

    A mix that was repeated from the lock has no curve, and nothing is compiled for it.

    Raises:
        StageError: `no-compiler` or `compile-timeout`; whatever else a compiler has against a mix stands in its row.

    """
    request = Request.of(arguments)
    compiler = compiler_of(arguments["compiler"])
    points, order = (
        request.read_json(3, MIXED)["curve"],
        ranking(request.read_json(2, HARM), request.read_json(4, GAIN)),
    )
    rows: list[dict[str, Any]] = []
    for number, point in enumerate(points, 1):
        with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            try:
                _, made = compile_mix(request, compiler, _first(order, point["kept"]), Path(scratch))
            except StageError as error:
                if error.code in UNKNOWN:
                    raise
                rows.append({"latency_us": None, "uncosted_operations": [], "fault": error.code})
            else:
                rows.append({"latency_us": made.latency_us, "uncosted_operations": [*made.uncosted], "fault": None})
        progress(number, len(points))
    request.write_json(CURVE, rows)


def compile_mix(
    request: Request, compiler: Compiler, kept: Collection[str], folder: Path
) -> tuple[ov.Model, Compilation]:
    """Compile a mix in the shapes, for the platform and with the properties of a stage.

    Returns:
        The model that was compiled, and what came of it; its schedule is `TRACE` in the folder, if there is one.

    Raises:
        StageError: the compiler's; of UNKNOWN it says nothing of the mix.

    """
    told = request.parameters
    mixed, _ = mix(request, ov.Core(), kept)
    model = widened(shaped(mixed, told["shape"]))
    ov.save_model(model, folder / MODEL, compress_to_fp16=False)
    made = compiler.compile(folder / MODEL, told["platform"], folder / BLOB, told["properties"], folder / TRACE)
    return model, made


def _first(order: Sequence[Mapping[str, Any]], count: int) -> list[str]:
    """Return the operations that are kept first, as many as a point of the curve keeps."""
    return [name for block in order for name in block["operations"]][:count]
