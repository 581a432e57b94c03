"""Compile one variant ahead of time for an NPU that needn't be here."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from npuspec.child import Progress
from npuspec.compilers import compiler_of
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.stages import BLOB, ESTIMATE, MODEL, TIMINGS
from npuspec.stages.request import Request

_ENGINES = {"DPU": "DPU", "DMA": "DMA", "Shave": "SHAVE"}
"""What the trace calls them, and what they are called."""


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
        made = compiler.compile(request.inputs[0] / MODEL, platform, blob, request.parameters["properties"], trace)
        busy = _busy(trace) if trace.exists() else None
    if blob.is_symlink() or not blob.is_file() or not blob.stat().st_size:
        raise StageError(_unfit(f"said that it compiled for NPU {platform}, and wrote no blob"))
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


def _busy(trace: Path) -> dict[str, float]:
    """Return how many microseconds of the schedule any unit of each kind of engine is at work.

    Raises:
        StageError: `no-compiler`: it is no schedule.

    """
    spans = defaultdict(list)
    try:
        for event in json.loads(trace.read_bytes())["traceEvents"]:
            if event["ph"] == "X" and event.get("cat") in _ENGINES:
                spans[_ENGINES[event["cat"]]].append(_span(event))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StageError(_unfit(f"wrote a schedule that can't be read: {error!r}")) from None
    return {engine: round(_covered(spans[engine]), 3) for engine in sorted(_ENGINES.values())}


def _span(event: Mapping[str, Any]) -> tuple[float, float]:
    begin, duration = float(event["ts"]), float(event["dur"])
    if not isfinite(begin + duration):
        raise ValueError(f"a task takes {duration} from {begin} on")
    return begin, begin + duration


def _unfit(what: str) -> Diagnostic:
    return Diagnostic("no-compiler", f"the compiler {what}", "look at the command that --compiler names")


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length that spans cover together."""
    total, end = 0.0, float("-inf")
    for begin, stop in sorted(spans):
        total += max(0.0, stop - max(begin, end))
        end = max(end, stop)
    return total
