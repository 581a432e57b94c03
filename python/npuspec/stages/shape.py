"""Give the model the static shapes of one variant, and put into its graph what the spec wants there of the rest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openvino as ov
from msgspec import convert

from npuspec.bundle.program import DataInput, Input, Preprocess, Program, Variant
from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.facts.inspect import port_name, read_model, reason
from npuspec.plan.model import Rewrite
from npuspec.stages import MODEL
from npuspec.stages.fold import fold
from npuspec.stages.request import Request
from npuspec.stages.rewrite import check_rewrite, rewrite_model


def run(arguments: Mapping[str, Any], _progress: Progress) -> None:
    """Write model.xml and model.bin, all of whose inputs and outputs are static."""
    request = Request.of(arguments)
    request.write_model(shaped(read_model(ov.Core(), request.inputs[0] / MODEL), request.parameters))


def shaped(model: ov.Model, parameters: Mapping[str, Any]) -> ov.Model:
    """Return a model in the shapes of a variant; the one that is given is changed.

    Args:
        model: as it was read or quantized.
        parameters: those of this stage.

    Raises:
        StageError: `impossible-shape`, `dynamic-shape`, `rewrite-failed`.

    """
    variant = convert(parameters["variant"], Variant)
    reshape(model, {name: ov.PartialShape([*shape]) for name, shape in variant.shapes.items()})
    for port in (*model.inputs, *model.outputs):
        if port.partial_shape.is_dynamic:
            message = f"`{port_name(port)}` stays dynamic in variant {variant.name}: {port.partial_shape}"
            help_ = "an NPU takes static shapes only: export the model without operations whose size depends on values"
            raise StageError(Diagnostic("dynamic-shape", message, help_))
    if "rewrite" in parameters:
        rewrite = convert(parameters["rewrite"], Rewrite)
        before, model = model, rewrite_model(model, rewrite, variant)
        check_rewrite(before, model, rewrite, convert(parameters["original"], tuple[Input, ...]), variant)
    if "folds" in parameters:
        folds = {name: convert(steps, Preprocess) for name, steps in parameters["folds"].items()}
        fold(model, folds, parameters["layouts"])
    for port in model.inputs:
        if layout := parameters["layouts"].get(port_name(port)):
            port.get_node().set_layout(ov.Layout(layout))
    return model


def read_fixed(core: ov.Core, folder: Path, program: Program) -> ov.Model:
    """Read a stage's model, and give its inputs the sizes that are the same in every variant; the rest stays free.

    OpenVINO simplifies what it reshapes, by other operations than those that were read: what was quantized of such a
    model must be held against the same.
    """
    model = read_model(core, folder / MODEL)
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
    return model


def reshape(model: ov.Model, shapes: Mapping[str, ov.PartialShape]) -> None:
    """Give each input its shape.

    Raises:
        StageError: `impossible-shape`.

    """
    try:
        model.reshape({port: shapes[port_name(port)] for port in model.inputs})
    except RuntimeError as error:
        told = ", ".join(f"`{name}` {shape}" for name, shape in sorted(shapes.items()))
        message = f"the model can't have the shapes {told}: {reason(error)}"
        raise StageError(Diagnostic("impossible-shape", message, "choose sizes that the model takes")) from None
