"""Whether what a program says of its models is so: a bundle's manifest may come from anywhere."""

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np

from npuspec.bundle.chunks import unstitchable
from npuspec.bundle.program import (
    LARGEST_MEAN,
    LARGEST_SCALE,
    LEAST_SCALE,
    DataInput,
    Extent,
    LengthInput,
    MaskInput,
    Preprocess,
    Program,
    Variant,
)
from npuspec.runtime.pool import Slot
from npuspec.runtime.resize import CHANNELS


def check_fit(program: Program, slots: Mapping[str, Slot]) -> None:
    """Hold a program against one slot of each variant.

    Raises:
        ValueError: it isn't so; with the first difference.

    """
    for fault in chain(
        _of_program(program), *(_of_variant(program, variant, slots[variant.name]) for variant in program.variants)
    ):
        raise ValueError(fault)


def _of_program(program: Program) -> Iterator[str]:
    data = {port.name: port for port in program.inputs if isinstance(port, DataInput)}
    for port in program.inputs:
        if not isinstance(port, DataInput):
            if port.of not in data or port.dim not in data[port.of].axes:
                yield f"input `{port.name}` follows `{port.of}`, which has no `{port.dim}`"
            continue
        names = [axis for axis in port.axes if isinstance(axis, str)]
        if len({*names}) < len(names):
            yield f"a dimension stands twice in input `{port.name}`"
        if not _holds(np.dtype(port.dtype), port.pad_value):
            yield f"input `{port.name}` is of {port.dtype}, which can't hold {port.pad_value:g}"
        if port.preprocess is not None and not _is_possible(port.preprocess, port.axes):
            yield f"input `{port.name}` has axes {list(port.axes)}, which can't be preprocessed so"
    sized = {axis for port in data.values() for axis in port.axes}
    for name in program.dims.keys() - sized:
        yield f"no input has the dim `{name}`"
    for name, why, _ in unstitchable(program):
        yield f"`{name}`: {why}"


def _holds(dtype: np.dtype, value: float) -> bool:
    """Tell whether a dtype of numbers has a value."""
    if dtype.kind == "f":
        return abs(value) <= float(np.finfo(dtype).max)
    lowest, highest = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return lowest <= value <= highest and value == int(value)


def _is_possible(steps: Preprocess, axes: tuple[str | int, ...]) -> bool:
    """Tell whether a sample can be brought to these axes."""
    if sorted(steps.order) != [*range(len(axes))] or steps.channels not in (None, *range(len(axes))):
        return False
    counts = (0, 1) if steps.channels is None else (0, 1, axes[steps.channels])
    return (
        np.dtype(steps.dtype).kind in "biuf"
        and (steps.resize == "none" or _is_resizable(steps, axes))
        and all(len(values) in counts for values in (steps.mean, steps.scale))
        and all(abs(mean) <= LARGEST_MEAN for mean in steps.mean)
        and all(LEAST_SCALE <= abs(scale) <= LARGEST_SCALE for scale in steps.scale)
    )


def _is_resizable(steps: Preprocess, axes: tuple[str | int, ...]) -> bool:
    """Tell whether samples are pictures that are resized to sides of which at most one is free."""
    if steps.dtype != "uint8" or len(axes) != 3 or steps.channels is None:  # noqa: PLR2004  height, width, channels
        return False
    free = sum(isinstance(axis, str) for axis in axes)
    return axes[steps.channels] in CHANNELS and free <= (steps.resize == "letterbox")


def _of_variant(program: Program, variant: Variant, slot: Slot) -> Iterator[str]:
    if variant.sizes.keys() != program.dims.keys():
        yield f"variant {variant.name} doesn't size the program's dims"
    else:
        yield from chain(_of_inputs(program, variant, slot), _of_outputs(program, variant, slot))


def _of_inputs(program: Program, variant: Variant, slot: Slot) -> Iterator[str]:
    if len(slot.buffers) != len(slot.request.model_inputs):
        yield f"variant {variant.name} has {len(slot.request.model_inputs)} inputs, not {len(slot.buffers)}"
    for port in program.inputs:
        found = slot.buffers[port.name]
        shapes = _shapes(program, port, variant)
        if (found.shape, found.dtype) != (variant.shapes.get(port.name), np.dtype(port.dtype)) or (
            found.shape not in shapes
        ):
            yield f"input `{port.name}` is {list(found.shape)} {found.dtype} in variant {variant.name}"
        if isinstance(port, LengthInput) and port.dtype not in ("int32", "int64"):
            yield f"the length `{port.name}` is of {port.dtype}"


def _of_outputs(program: Program, variant: Variant, slot: Slot) -> Iterator[str]:
    for output in program.outputs:
        shape, dtype = slot.results[output.name].shape, slot.results[output.name].dtype
        if shape[:1] != (program.batch,) or dtype != np.dtype(output.dtype):
            yield f"output `{output.name}` is {list(shape)} {dtype} in variant {variant.name}"
        for extent in output.extents:
            if not 0 < extent.axis < len(shape) or extent.dim not in program.dims:
                yield f"output `{output.name}` has no such axis {extent.axis} or dim `{extent.dim}`"
            elif (size := _longest(extent, program, variant)) > (room := shape[extent.axis]):
                yield f"output `{output.name}` is {room} long in variant {variant.name}, and {size} of it valid"


def _longest(extent: Extent, program: Program, variant: Variant) -> int:
    """Return how long an output may be for samples that a variant holds."""
    dim = program.dims[extent.dim]
    return max(extent.of(size) for size in (dim.minimum, min(dim.maximum, variant.sizes[extent.dim])))


def _shapes(
    program: Program, port: DataInput | LengthInput | MaskInput, variant: Variant
) -> tuple[tuple[str | int, ...], ...]:
    """Return the full shapes that an input may have."""
    batch = program.batch
    match port:
        case DataInput(axes=axes):
            return ((batch, *(variant.sizes.get(str(axis), axis) for axis in axes)),)
        case LengthInput():
            return ((batch,), (batch, 1))
    return ((batch, variant.sizes[port.dim]),)
