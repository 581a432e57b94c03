"""Run real samples through the original, the static and the quantized model, and write down how far they agree.

The static and the quantized model run through the session that an application uses, so padding, lengths and cuts are
part of what is measured. The original runs at the samples' true lengths, on CPU in float32.
"""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import openvino as ov

from npuspec.bundle.program import DataInput, LengthInput, Program, Variant
from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, InputError, StageError
from npuspec.runtime.device import compile_model
from npuspec.runtime.feed import Array, check_sample, choose_variant, fill
from npuspec.runtime.session import Session
from npuspec.stages import BLOB, MODEL, TIMINGS
from npuspec.stages.agreement import compare
from npuspec.stages.request import INPUTS, Request
from npuspec.stages.samples import Sample, read_samples
from npuspec.stages.select import select

_REFERENCE = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
_WARMING = 2
_TIMED = 21  # inferences of each model and variant, in turn, behind those for warming


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write agreement.json and timings.json."""
    request = Request.of(arguments)
    parameters = request.parameters
    program = Program.model_validate(parameters["program"])
    device: str = parameters["device"]
    names = [v.name for v in program.variants]
    original, static, final, compiled = _split(request.inputs, len(names))
    if request.data is None:
        raise StageError(Diagnostic("no-data", "there are no samples to verify with", "add [data] to the spec"))
    told = parameters["samples"]
    samples = read_samples(request.data, told["validation"], program, told, request.tokenizer)

    core = ov.Core()
    core.set_property(parameters["core"])
    shipped = {
        n: _deployed(core, ir, made, device, parameters["properties"])
        for n, ir, made in zip(names, final, compiled, strict=True)
    }
    models: dict[str, Any] = {"original": _Original(core, original / MODEL, program, parameters)}
    if final == static:
        models["static"] = Session(program, shipped, device=device)
    else:
        reference = {n: compile_model(core, ir / MODEL, "CPU", _REFERENCE) for n, ir in zip(names, static, strict=True)}
        models["static"] = Session(program, reference, device="CPU")
        models["quantized"] = Session(program, shipped, device=device)
    pairs = [(of, against) for of in models for against in models if _order(of) > _order(against)]

    outputs: dict[str, list[Mapping[str, Array]]] = {name: [] for name in models}
    for number, sample in enumerate(samples):
        for name, model in models.items():
            outputs[name].append(_infer(model, sample))
        progress(number + 1, len(samples))
    rows = compare(outputs, pairs, parameters["outputs"], [s.name for s in samples])
    used = Counter(_variant_of(program, sample) for sample in samples)
    request.write_json(
        "agreement.json",
        {"device": device, "samples": len(samples), "samples_of_variant": dict(used), "pairs": rows},
    )

    timed = {"quantized" if final != static else "static": shipped}
    if final != static:
        timed["static"] = {
            n: compile_model(core, ir / MODEL, device, parameters["properties"])
            for n, ir in zip(names, static, strict=True)
        }
    latency = {
        v.name: _time({k: m[v.name] for k, m in timed.items()}, program, v, samples[0].arrays) for v in program.variants
    }
    request.write_json(TIMINGS, {"device": device, "latency": latency})


def _order(name: str) -> int:
    return ("original", "static", "quantized").index(name)


def _split(folders: tuple[Path, ...], count: int) -> tuple[Path, list[Path], list[Path], list[Path]]:
    rest = list(folders[1:])
    return folders[0], rest[:count], rest[count : 2 * count], rest[2 * count :]


def _deployed(core: ov.Core, ir: Path, made: Path, device: str, properties: Mapping[str, Any]) -> ov.CompiledModel:
    """Return the model as a session gets it: from the blob where there is one."""
    blob = made / BLOB
    if blob.exists():
        return core.import_model(blob.read_bytes(), device, dict(properties))
    return compile_model(core, ir / MODEL, device, properties)


class _Original:
    """The model as it was published, at a sample's true length; where its batch is fixed, every row is the sample."""

    def __init__(self, core: ov.Core, model: Path, program: Program, parameters: Mapping[str, Any]) -> None:
        compiled = compile_model(core, model, "CPU", _REFERENCE)
        self._compiled = compiled
        self._inputs = INPUTS.validate_python(parameters["original"])
        self._selects = parameters["selects"]
        self._ranks = {i.name: len(compiled.input(i.name).partial_shape) for i in self._inputs}
        self._batch = max(compiled.input(i.name).partial_shape[0].get_min_length() for i in self._inputs) or 1
        self._program = program

    def infer(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        arrays, sizes = check_sample(self._program, inputs)
        feed: dict[str, Array] = {}
        for port in self._inputs:
            if isinstance(port, DataInput):
                feed[port.name] = np.ascontiguousarray(arrays[port.name])[None]
            elif isinstance(port, LengthInput):
                feed[port.name] = np.full((1,) * self._ranks[port.name], sizes[port.dim], port.dtype)
            else:
                feed[port.name] = np.ones((1, sizes[port.dim]), port.dtype)
        request = self._compiled.create_infer_request()  # a new one has no state of an earlier sample
        request.infer({name: np.repeat(array, self._batch, axis=0) for name, array in feed.items()})
        outputs = {o.name: np.array(request.get_tensor(o.name).data[0]) for o in self._program.outputs}
        chosen = {s["output"]: select(outputs[s["output"]], s["kind"], s["axis"] - 1) for s in self._selects}
        return {**outputs, **chosen}


def _variant_of(program: Program, sample: Sample) -> str:
    _, sizes = check_sample(program, sample.arrays)
    return choose_variant(program, sizes).name


def _infer(model: Any, sample: Sample) -> Mapping[str, Array]:
    try:
        result: Mapping[str, Array] = model.infer(sample.arrays)
    except InputError as error:
        fault = error.diagnostics[0]
        raise StageError(Diagnostic(fault.code, f"`{sample.name}`: {fault.message}", fault.help)) from None
    return result


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
        fill(program, {i.name: request.get_tensor(i.name).data for i in program.inputs}, [full] * program.batch)
    taken: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(_TIMED + _WARMING):
        for name, request in requests.items():
            start = time.perf_counter()
            request.infer()
            taken[name].append((time.perf_counter() - start) * 1e3)
    counted = {name: times[_WARMING:] for name, times in taken.items()}
    figures: dict[str, Any] = {f"{name}_ms": median(times) for name, times in counted.items()}
    if "quantized" in counted:
        ratios = [a / b for a, b in zip(counted["quantized"], counted["static"], strict=True)]
        figures["quantized_over_static"] = median(ratios)
    return {**figures, "inferences": _TIMED}
