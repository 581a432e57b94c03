"""Put precisions side by side: the original, FP16, INT8, and what was chosen, on samples that didn't calibrate.

All run on CPU, with the samples padded as for their variants: what differs is the precision alone. With FP16 it is
that of the weights; a CPU computes with them in float32, an NPU in FP16.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import openvino as ov

from npuspec.child import Progress
from npuspec.facts.inspect import read_model
from npuspec.facts.timing import TIMED, time_in_turn
from npuspec.stages import COMPARED, MODEL, TIMINGS, WEIGHTS
from npuspec.stages.agreement import Agreement, measure_tried
from npuspec.stages.calibration import dynamic, read_fitting
from npuspec.stages.judge import Judge
from npuspec.stages.placed import Checked
from npuspec.stages.reference import Dynamic
from npuspec.stages.request import Request
from npuspec.stages.shape import read_fixed
from npuspec.stages.switched import twins


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write compared.json, a row for each precision, and timings.json, its latency as a ratio to the original's."""
    request = Request.of(arguments)
    samples = read_fitting(request, request.program, "validation").samples
    core = ov.Core()
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folders = _folders(request, core, Path(scratch))
        models = {name: dynamic(request, core, folder / MODEL) for name, folder in folders.items()}
        rows = {name: _row(request, core, name, folder) for name, folder in folders.items()}
    _measure(request, models, rows, samples, progress)
    request.write_json(COMPARED, [*rows.values()])
    longest = max(samples, key=lambda sample: (sum(sample.sizes.values()), sample.name))
    request.write_json(TIMINGS, {"latency": _time(models, longest), "inferences": TIMED, "sample": longest.name})


def _folders(request: Request, core: ov.Core, scratch: Path) -> dict[str, Path]:
    """Return where each precision's model is, FP16's made here."""
    original = request.inputs[0]
    ov.save_model(read_model(core, original / MODEL), scratch / MODEL, compress_to_fp16=True)
    quantized = zip(request.parameters["precisions"], request.inputs[1:], strict=True)
    return {"original": original, "fp16": scratch, **dict(quantized)}


def _row(request: Request, core: ov.Core, name: str, folder: Path) -> dict[str, Any]:
    models = (read_fixed(core, place, request.program) for place in (folder, request.inputs[0]))
    return {
        "precision": name,
        "bytes": sum((folder / part).stat().st_size for part in (MODEL, WEIGHTS) if (folder / part).exists()),
        "quantized_operations": sum(1 for _ in twins(*models)),
    }


def _measure(
    request: Request,
    models: Mapping[str, Dynamic],
    rows: Mapping[str, dict[str, Any]],
    samples: Sequence[Checked],
    progress: Progress,
) -> None:
    """Add to each row how far its outputs agree with the original's, and the gates' figures."""
    outputs: Sequence[str] = request.parameters["outputs"]
    totals = {name: {output: Agreement() for output in outputs} for name in models}
    judges = {name: Judge(request, request.parameters["samples"]["validation"]) for name in models}
    for number, sample in enumerate(samples, 1):
        original = models["original"].infer(sample)
        for name, model in models.items():
            found = original if name == "original" else model.infer(sample)
            judges[name].add(sample.name, found, original)
            for output, total in totals[name].items():
                total.add(measure_tried(found[output], original[output], f"`{sample.name}`, output `{output}`, {name}"))
        progress(number, len(samples))
    for name, row in rows.items():
        row["agreement"] = {output: total.figures() for output, total in totals[name].items()}
        row["gates"] = judges[name].end().figures


def _time(models: Mapping[str, Dynamic], sample: Checked) -> dict[str, float]:
    """Return the median of each model's latency over the original's, timed in turn."""
    requests = []
    for model in models.values():
        request = model.compiled.create_infer_request()
        for name, array in model.feed.buffers(sample).items():
            request.set_tensor(name, ov.Tensor(array))
        requests.append(request)
    counted = dict(zip(models, time_in_turn(requests, lambda _done, _total: None), strict=True))
    return {
        name: median(a / b for a, b in zip(times, counted["original"], strict=True)) for name, times in counted.items()
    }
