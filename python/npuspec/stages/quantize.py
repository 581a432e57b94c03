"""Quantize the model as it was read with NNCF, once for all variants, on samples padded as for theirs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import openvino as ov
from msgspec import convert

from npuspec.bundle.program import Input, Program
from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.facts.inspect import port_name
from npuspec.plan.model import Recipe
from npuspec.stages import QUANTIZATION, TIMINGS
from npuspec.stages.calibration import Calibration, Fitting, one_bucket, read_fitting, report
from npuspec.stages.ranges import ruined_ranges
from npuspec.stages.recipe import advanced_parameters, calling_nncf, compress_options, quantize_options
from npuspec.stages.reference import Feed
from npuspec.stages.request import Request, peak_memory
from npuspec.stages.shape import read_fixed
from npuspec.stages.switched import bodies, twins

_TYPES = {4: ("i4", "u4"), 8: ("i8", "u8")}
"""OpenVINO's types of so many bits."""


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write model.xml, model.bin, quantization.json (which samples were used, what was quantized), and timings.json."""
    request = Request.of(arguments)
    recipe = convert(request.parameters["recipe"], Recipe)
    job = Job.of(request, recipe)
    facts: dict[str, Any] = {}
    if recipe.mode == "weights":
        quantized = _compress(job)
        facts = {"weights": _weights(quantized, recipe)}
    else:
        fitting = read_fitting(request, job.program, "calibration")
        quantized = _quantize(job, fitting, progress)
        facts = report(fitting, job.program, recipe.subset_size)
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
        inputs = convert(request.parameters["original"], tuple[Input, ...])
        return cls(read_fixed(core, request.inputs[0], request.program), core, recipe, request.program, inputs)

    def write(self, request: Request, quantized: ov.Model, facts: Mapping[str, Any]) -> None:
        """Write the quantized model, and what was done."""
        number_nameless(quantized, self.present)
        request.write_model(quantized)
        original = read_fixed(self.core, request.inputs[0], self.program)
        types = [operation.get_type_name() for operation in quantized.get_ops()]
        request.write_json(
            QUANTIZATION,
            {
                **facts,
                "traps": [
                    *(one_bucket(facts["samples_of_variant"], self.program) if "samples" in facts else ()),
                    *ruined_ranges(quantized),
                ],
                "kept": self.kept,
                "folded_away": self.folded_away,
                "operations": len(types),
                "fake_quantize_operations": types.count("FakeQuantize"),
                "quantized_operations": sum(1 for _ in twins(quantized, original)),
            },
        )


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


def _weights(model: ov.Model, recipe: Recipe) -> dict[str, int]:
    """Return how many weights have 4 bits, and how many 8.

    Raises:
        StageError: `quantize-failed` if none has the 4 that were asked for.

    """
    types = [
        operation.get_element_type().get_type_name()
        for operation in every_operation(model)
        if operation.get_type_name() == "Constant" and _is_weight(operation)
    ]
    found = {f"int{bits}": sum(types.count(kind) for kind in kinds) for bits, kinds in _TYPES.items()}
    if recipe.weights_mode.startswith("int4") and not found["int4"]:
        message = f'weights-mode is "{recipe.weights_mode}", and none of the {found["int8"]} weights became INT4'
        help_ = (
            "NNCF makes the weights of matrix products INT4, but for the last one, and those of convolutions INT8: "
            f'weights-mode = "{recipe.weights_mode.replace("4", "8")}"'
        )
        raise StageError(Diagnostic("quantize-failed", message, help_))
    return found


def _is_weight(constant: Any) -> bool:
    """Tell a weight from a zero point, which is subtracted."""
    converts = [reader.get_node() for reader in constant.output(0).get_target_inputs()]
    readers = [reader for convert in converts for reader in convert.output(0).get_target_inputs()]
    return any(
        reader.get_node().get_type_name() in ("Subtract", "Multiply") and not reader.get_index() for reader in readers
    )


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
