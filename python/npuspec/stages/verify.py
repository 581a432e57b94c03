"""Run real samples through the original and what was made of it, and write down how far they agree, and why not.

The static and the quantized model run through the session that an application uses, so padding, lengths, cuts and
batches are part of what is measured. The original runs at the samples' true lengths, on CPU in float32.
"""

from collections import Counter
from collections.abc import Mapping
from statistics import median
from typing import Any

import numpy as np
import openvino as ov
from msgspec import convert, structs

from npuspec.bundle.program import DataInput, Input, Program, Variant
from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.facts.timing import TIMED, time_in_turn
from npuspec.runtime.device import compile_model
from npuspec.runtime.feed import Array, check_sample
from npuspec.runtime.fill import Filler
from npuspec.stages import TIMINGS
from npuspec.stages.agreement import Comparison
from npuspec.stages.models import Models, Outputs
from npuspec.stages.placed import Apart, Placed, batches, naming, place
from npuspec.stages.probe import Bench, findings
from npuspec.stages.request import Request
from npuspec.stages.samples import read_samples
from npuspec.stages.tasks import Tasks

_IN_ORDER = ("original", "static", "quantized", "batched")
"""Each is compared with those before it."""


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write agreement.json and timings.json."""
    request = Request.of(arguments)
    parameters = request.parameters
    program = request.program
    inputs = convert(parameters.get("original", program.inputs), tuple[Input, ...])
    device: str = parameters["device"]
    if request.data is None:
        raise StageError(Diagnostic("no-data", "there are no samples to verify with", "add [data] to the spec"))
    told = parameters["samples"]
    published = structs.replace(program, inputs=inputs)  # a static model may take what the caller gives
    read = read_samples(request.data, told["validation"], published, told, request.tokenizer)
    samples = [place(published, sample) for sample in read]
    core = ov.Core()
    core.set_property(parameters["core"])
    models = Models.load(core, request, program, inputs)
    tasks = Tasks(request, told["validation"])
    comparisons = _compare(models, program, parameters["outputs"], samples, tasks, progress)
    bench = Bench(
        program=program,
        device=device,
        original=models.original,
        samples={sample.name: sample for sample in samples},
        reference=models.reference,
    )
    request.write_json(
        "agreement.json",
        {
            "device": device,
            "samples": len(samples),
            "samples_of_variant": dict(Counter(s.variant for s in samples if not s.overflows)),
            "pairs": [comparison.row() for comparison in comparisons],
            "tasks": tasks.rows(),
            "findings": findings(bench, comparisons),
        },
    )
    timed = {models.ships: models.shipped}
    if models.ships != "static":
        timed["static"] = {
            n: compile_model(core, ir, device, parameters["properties"]) for n, ir in models.static_irs.items()
        }
    first, _ = check_sample(program, samples[0].given)
    latency = {v.name: _time({k: m[v.name] for k, m in timed.items()}, program, v, first) for v in program.variants}
    request.write_json(TIMINGS, {"device": device, "latency": latency})


def _compare(
    models: Models, program: Program, names: list[str], samples: list[Placed], tasks: Tasks, progress: Progress
) -> list[Comparison]:
    """Run all samples through all models, keeping no more outputs than those of a batch."""
    there = [m for m in _IN_ORDER if m in ("original", *models.sessions) or (m == "batched" and program.batch > 1)]
    outputs = [o for o in program.outputs if o.name in names]
    comparisons = [
        Comparison(of, against, output)
        for index, of in enumerate(there)
        for against in there[:index]
        for output in outputs
    ]
    done = 0
    for batch in batches(program, samples):
        found: dict[str, list[Outputs]] = {name: [] for name in there}
        for sample in batch.rows:
            found["original"].append(models.original.infer(sample))
            for name, session in models.sessions.items():
                with naming(sample.name):
                    found[name].append(session.infer(sample.given))
        if "batched" in there:
            found["batched"] = models.infer_batch(batch)
        for comparison in comparisons:
            pairs = zip(batch.rows, found[comparison.of], found[comparison.against], strict=True)
            for sample, of, against in pairs:
                comparison.add(sample, of[comparison.output], against[comparison.output])
        for name, results in found.items():
            for sample, result in zip(batch.rows, results, strict=True):
                tasks.add(name, sample.name, result)
        for sample, original, static in zip(batch.rows, found["original"], found["static"], strict=True):
            _pad(models.padded, program, comparisons, sample, original, static)
        done += len(batch.rows)
        progress(done, len(samples))
    return comparisons


def _pad(
    padded: Apart,
    program: Program,
    comparisons: list[Comparison],
    sample: Placed,
    original: Outputs,
    static: Outputs,
) -> None:
    """Run a sample through every static variant that holds it."""
    if sample.overflows or len(program.variants) == 1:
        return
    for variant in program.variants:
        if sample.fits(variant):
            with naming(sample.name):
                found = static if variant.name == sample.variant else padded[variant.name].infer(sample.given)
            for c in comparisons:
                if (c.of, c.against) == ("static", "original"):
                    c.add_padded(variant.name, sample, found[c.output], original[c.output])


def _time(
    models: Mapping[str, ov.CompiledModel], program: Program, variant: Variant, sample: Mapping[str, Array]
) -> dict[str, Any]:
    """Time models in turn on one sample, repeated until it fills the variant."""
    requests = {name: model.create_infer_request() for name, model in models.items()}
    for request in requests.values():
        full = {
            i.name: np.resize(sample[i.name], variant.shapes[i.name][1:])
            for i in program.inputs
            if isinstance(i, DataInput)
        }
        Filler(program)({i.name: request.get_tensor(i.name).data for i in program.inputs}, [full] * program.batch)
    counted = dict(zip(requests, time_in_turn([*requests.values()], lambda _done, _total: None), strict=True))
    figures: dict[str, Any] = {f"{name}_ms": median(times) for name, times in counted.items()}
    if "quantized" in counted:
        ratios = [a / b for a, b in zip(counted["quantized"], counted["static"], strict=True)]
        figures["quantized_over_static"] = median(ratios)
    return {**figures, "inferences": TIMED}
