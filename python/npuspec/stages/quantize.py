"""Quantize the model as it was read with NNCF, once for all variants, on samples padded as for theirs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import openvino as ov

from npuspec.bundle.program import DataInput, Program
from npuspec.child import Progress
from npuspec.facts.inspect import port_name, read_model
from npuspec.plan.model import Recipe
from npuspec.stages import MODEL, QUANTIZATION, TIMINGS
from npuspec.stages.calibration import Calibration, Fitting, read_fitting, report
from npuspec.stages.recipe import advanced_parameters, calling_nncf, compress_options, quantize_options
from npuspec.stages.reference import Feed
from npuspec.stages.request import INPUTS, Request, peak_memory
from npuspec.stages.shape import reshape
from npuspec.stages.switched import bodies, twins


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write model.xml, model.bin, quantization.json (which samples were used, what was quantized), and timings.json."""
    request = Request.of(arguments)
    recipe = Recipe.model_validate(request.parameters["recipe"])
    job = Job.of(request, recipe)
    facts: dict[str, Any] = {}
    if recipe.mode == "weights":
        quantized = _compress(job)
    else:
        fitting = read_fitting(request, job.program, "calibration")
        quantized = _quantize(job, fitting, progress)
        facts = report(fitting, recipe.subset_size)
    job.write(request, quantized, facts)
    request.write_json(TIMINGS, {"peak_mib": peak_memory()})


class Job:
    """A model that is to be quantized, and what of it stays as it is.

    Attributes:
        core: what read it.
        model: itself, with the sizes that the spec fixes.
        recipe: how.
        program: what is fed.
        feed: fills them.
        kept: operations that stay floating point.
        kept_types: types of operations that do.
        folded_away: operations that should, and are gone since the sizes were fixed.

    """

    def __init__(self, model: ov.Model, core: ov.Core, recipe: Recipe, program: Program, inputs: Any) -> None:
        self.core, self.model, self.recipe, self.program = core, model, recipe, program
        _fix_sizes(model, program)
        operations = model.get_ops()
        self.present = {operation.get_friendly_name() for operation in every_operation(model)}
        self.kept = [name for name in recipe.keep_names if name in self.present]
        self.kept_types = sorted({operation.get_type_name() for operation in operations} & {*recipe.keep_types})
        self.folded_away = [name for name in recipe.keep_names if name not in self.present]
        ports = {port_name(port): port.partial_shape for port in model.inputs}
        self.feed = Feed(program, inputs, ports, padded=True)

    @classmethod
    def of(cls, request: Request, recipe: Recipe) -> "Job":
        """Read the model."""
        core = ov.Core()
        inputs = INPUTS.validate_python(request.parameters["original"])
        return cls(read_model(core, request.inputs[0] / MODEL), core, recipe, request.program, inputs)

    def write(self, request: Request, quantized: ov.Model, facts: Mapping[str, Any]) -> None:
        """Write the quantized model, and what was done."""
        number_nameless(quantized, self.present)
        request.write_model(quantized)
        original = read_model(self.core, request.inputs[0] / MODEL)
        types = [operation.get_type_name() for operation in quantized.get_ops()]
        request.write_json(
            QUANTIZATION,
            {
                **facts,
                "kept": self.kept,
                "folded_away": self.folded_away,
                "operations": len(types),
                "fake_quantize_operations": types.count("FakeQuantize"),
                "quantized_operations": sum(1 for _ in twins(quantized, original)),
            },
        )


def _fix_sizes(model: ov.Model, program: Program) -> None:
    """Give the inputs the sizes that are the same in every variant; the batch and what varies stay as they are."""
    axes = {i.name: i.axes for i in program.inputs if isinstance(i, DataInput)}
    shapes = {}
    for port in model.inputs:
        before = [*port.partial_shape]
        after = [
            size if isinstance(size, int) else old
            for size, old in zip(axes.get(port_name(port), ()), before[1:], strict=False)
        ]
        shapes[port_name(port)] = ov.PartialShape([before[0], *after] if after else before)
    if any(shapes[port_name(port)] != port.partial_shape for port in model.inputs):
        reshape(model, shapes)


def _quantize(job: Job, fitting: Fitting, progress: Progress) -> ov.Model:
    calibration = Calibration(job.feed, fitting.samples, progress)
    with calling_nncf() as nncf:
        result: ov.Model = nncf.quantize(
            job.model,
            nncf.Dataset(calibration),
            subset_size=len(calibration),
            advanced_parameters=advanced_parameters(job.recipe),
            **quantize_options(nncf, job.recipe, job.kept, job.kept_types),
        )
    return result


def _compress(job: Job) -> ov.Model:
    with calling_nncf("keep what it names in floating point, or state a group-size that divides its channels") as nncf:
        result: ov.Model = nncf.compress_weights(
            job.model, **compress_options(nncf, job.recipe, job.kept, job.kept_types)
        )
    return result


def every_operation(model: ov.Model) -> Iterator[Any]:
    """Yield the operations in the graph's order, each with those in its bodies."""
    for operation in model.get_ordered_ops():
        yield operation
        for body in bodies(operation):
            yield from every_operation(body)


def number_nameless(model: ov.Model, named: set[str]) -> None:
    """Name by position what OpenVINO named itself, which is every name of that form but those in `named`.

    It numbers nameless operations by a counter of the process, whose state depends on the number of CPUs.
    """
    for number, operation in enumerate(every_operation(model)):
        name, kind = operation.get_friendly_name(), operation.get_type_name()
        if name not in named and re.fullmatch(rf"{kind}_\d+", name):
            operation.set_friendly_name(f"{kind}/quantized_{number}")
