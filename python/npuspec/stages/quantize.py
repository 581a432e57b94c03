"""Quantize one static variant to INT8 with NNCF, calibrated on the samples that fit it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import openvino as ov

from npuspec.bundle.program import Program, Variant
from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, InputError, NpuspecError, StageError
from npuspec.facts.inspect import read_model
from npuspec.plan.model import Recipe
from npuspec.runtime.feed import Array, check_sample, fill
from npuspec.runtime.overflow import pieces_of
from npuspec.stages import MODEL
from npuspec.stages.request import Request
from npuspec.stages.samples import Sample, read_samples


class Calibration:
    """The samples as NNCF reads them, as often as it wants: padded by the code that pads at inference."""

    def __init__(self, program: Program, samples: Sequence[Mapping[str, Array]], progress: Progress) -> None:
        self._program = program
        self._samples = samples
        self._progress = progress

    def __len__(self) -> int:
        return len(range(0, len(self._samples), self._program.batch))

    def __iter__(self) -> Iterator[dict[str, Array]]:
        batch = self._program.batch
        shapes = self._program.variants[0].shapes
        for number, start in enumerate(range(0, len(self._samples), batch)):
            rows = [*self._samples[start : start + batch]]
            rows += [rows[-1]] * (batch - len(rows))
            buffers = {i.name: np.empty(shapes[i.name], i.dtype) for i in self._program.inputs}
            fill(self._program, buffers, rows)
            yield buffers
            self._progress(number + 1, len(self))


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write model.xml, model.bin, and quantization.json: which samples were used, and what became INT8."""
    request = Request.of(arguments)
    parameters = request.parameters
    variant = Variant.model_validate(parameters["variant"])
    program = Program.model_validate({**parameters["program"], "variants": [variant]})
    recipe = Recipe.model_validate(parameters["recipe"])
    if request.data is None:
        raise StageError(Diagnostic("no-data", "there are no samples to calibrate with", "add [data] to the spec"))
    told = parameters["samples"]
    samples = read_samples(request.data, told["calibration"], program, told, request.tokenizer)
    fitting, cut, too_long = _fitting(program, variant, samples)
    if not fitting:
        message = f"none of the {len(samples)} calibration samples fits variant {variant.name}"
        raise StageError(Diagnostic("too-few-samples", message, "add shorter samples, or leave this size out"))
    model = read_model(ov.Core(), request.inputs[0] / MODEL)
    present = {op.get_friendly_name() for op in model.get_ops()}
    kept = [name for name in recipe.keep_names if name in present]
    kept_types = sorted({op.get_type_name() for op in model.get_ops()} & {*recipe.keep_types})
    quantized = _quantize(model, Calibration(program, fitting, progress), recipe, kept, kept_types)
    _number_nameless(quantized, present)
    request.write_model(quantized)
    types = [op.get_type_name() for op in quantized.get_ops()]
    request.write_json(
        "quantization.json",
        {
            "samples": len(fitting),
            "samples_wanted": recipe.subset_size,
            "samples_cut": sorted(cut),
            "samples_too_long": sorted(too_long),
            "kept": kept,
            "folded_away": [name for name in recipe.keep_names if name not in present],
            "fake_quantize_operations": types.count("FakeQuantize"),
            "operations": len(types),
        },
    )


def _fitting(
    program: Program, variant: Variant, samples: list[Sample]
) -> tuple[list[Mapping[str, Array]], list[str], list[str]]:
    """Return the samples that this variant holds, and the names of those that were cut for it or are too long.

    What may be cut or taken apart when it is run may be so when it calibrates: then its beginning is taken.
    """
    dims = {
        name: dim.model_copy(
            update={"maximum": variant.sizes[name], "overflow": "error" if dim.overflow == "error" else "truncate"}
        )
        for name, dim in program.dims.items()
    }
    fitting, cut, too_long = [], [], []
    for sample in samples:
        try:
            arrays, sizes = check_sample(program, sample.arrays)
        except InputError as error:
            fault = error.diagnostics[0]
            raise StageError(Diagnostic(fault.code, f"`{sample.name}`: {fault.message}", fault.help)) from None
        longer = [dim for dim, size in sizes.items() if size > variant.sizes[dim]]
        if any(dims[dim].overflow == "error" for dim in longer):
            too_long.append(sample.name)
            continue
        cut += [sample.name] if longer else []
        (piece,) = pieces_of(program.model_copy(update={"dims": dims}), arrays, sizes)
        fitting.append(piece.arrays)
    return fitting, cut, too_long


def _quantize(
    model: ov.Model, calibration: Calibration, recipe: Recipe, kept: list[str], kept_types: list[str]
) -> ov.Model:
    try:
        import nncf  # noqa: PLC0415  an extra: only specs that quantize need it
    except ImportError:
        message = "quantizing needs the package nncf"
        raise StageError(Diagnostic("missing-extra", message, "pip install 'npuspec[quantize]'")) from None
    presets = {"performance": nncf.QuantizationPreset.PERFORMANCE, "mixed": nncf.QuantizationPreset.MIXED}
    try:
        result: ov.Model = nncf.quantize(
            model,
            nncf.Dataset(calibration),
            preset=presets[recipe.preset],
            model_type=nncf.ModelType.TRANSFORMER if recipe.model_type == "transformer" else None,
            subset_size=len(calibration),
            fast_bias_correction=recipe.fast_bias_correction,
            ignored_scope=nncf.IgnoredScope(names=kept, types=kept_types),
            advanced_parameters=_advanced(recipe),
        )
    except (NpuspecError, OSError):
        raise
    except Exception as error:  # noqa: BLE001  NNCF's own errors have no base but this
        message = f"NNCF can't quantize the model: {str(error).strip()}"
        raise StageError(
            Diagnostic("quantize-failed", message, 'keep what it names in floating point, or set mode = "none"')
        ) from None
    return result


def _advanced(recipe: Recipe) -> Any:
    """Return NNCF's advanced parameters; what the recipe leaves open stays NNCF's own choice."""
    from nncf.quantization import advanced_parameters as advanced  # noqa: PLC0415
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet  # noqa: PLC0415

    parameters = advanced.AdvancedQuantizationParameters(
        overflow_fix=advanced.OverflowFix[recipe.overflow_fix.replace("-layer", "_layer").upper()]
    )
    if (alpha := recipe.smooth_quant_alpha) is not None:
        parameters.smooth_quant_alphas = advanced.AdvancedSmoothQuantParameters(convolution=alpha, matmul=alpha)
    if recipe.activations_range is not None:
        name = recipe.activations_range.replace("-", "_").upper()
        parameters.activations_range_estimator_params = getattr(RangeEstimatorParametersSet, name)
    return parameters


def _number_nameless(model: ov.Model, named: set[str]) -> None:
    """Name by position what OpenVINO named itself, which is every name of that form but those in `named`.

    It numbers nameless operations by a counter of the process, whose state depends on the number of CPUs.
    """
    for number, operation in enumerate(model.get_ordered_ops()):
        name, kind = operation.get_friendly_name(), operation.get_type_name()
        if name not in named and re.fullmatch(rf"{kind}_\d+", name):
            operation.set_friendly_name(f"{kind}/quantized_{number}")
