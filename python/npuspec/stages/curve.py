"""Compile each mix that was tried for an NPU, so that accuracy stands beside what the compiler expects."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openvino as ov

from npuspec.child import Progress
from npuspec.compilers import compiler_of
from npuspec.diagnostics import StageError
from npuspec.stages import BLOB, CURVE, GAIN, HARM, MIXED, MODEL
from npuspec.stages.mix import mix, ranking
from npuspec.stages.request import Request
from npuspec.stages.shape import shaped
from npuspec.stages.widen import widened

UNKNOWN = ("no-compiler", "compile-timeout")
"""What says nothing of a model: another time, it may compile."""


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write curve.json: for each point of the mix's curve the estimated latency in microseconds, None if there is none.

    A mix that was repeated from the lock has no curve, and nothing is compiled for it.

    Raises:
        StageError: `no-compiler` or `compile-timeout`; whatever else a compiler has against a mix stands in its row.

    """
    request = Request.of(arguments)
    compiler, platform = compiler_of(arguments["compiler"]), request.parameters["platform"]
    points, order = (
        request.read_json(3, MIXED)["curve"],
        ranking(request.read_json(2, HARM), request.read_json(4, GAIN)),
    )
    rows: list[dict[str, Any]] = []
    for number, point in enumerate(points, 1):
        mixed, _ = mix(request, ov.Core(), _first(order, point["kept"]))
        with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            folder = Path(scratch)
            model = widened(shaped(mixed, request.parameters["shape"]))
            ov.save_model(model, folder / MODEL, compress_to_fp16=False)
            try:
                made = compiler.compile(
                    folder / MODEL, platform, folder / BLOB, request.parameters["properties"], folder / "trace"
                )
            except StageError as error:
                if error.code in UNKNOWN:
                    raise
                rows.append({"latency_us": None, "uncosted_operations": [], "fault": error.code})
            else:
                rows.append({"latency_us": made.latency_us, "uncosted_operations": [*made.uncosted], "fault": None})
        progress(number, len(points))
    request.write_json(CURVE, rows)


def _first(order: Sequence[Mapping[str, Any]], count: int) -> list[str]:
    """Return the operations that are kept first, as many as a point of the curve keeps."""
    return [name for block in order for name in block["operations"]][:count]
