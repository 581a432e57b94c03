"""Whether a caller's sample is one of the model's, and which variant holds it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec.bundle.program import DataInput, Program, Variant
from npuspec.diagnostics import Diagnostic, InputError
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.runtime.preprocess import given_axes, given_dtype, preprocess
from npuspec.runtime.resize import is_centred, resize, resized_shape, resizing

Array = NDArray[Any]


def check_sample(program: Program, sample: Mapping[str, Any]) -> tuple[dict[str, Array], dict[str, int]]:
    """Hold one sample against the program's data inputs.

    Args:
        program: what the model takes.
        sample: input name to array, without the batch axis.

    Returns:
        The arrays as the model takes them, and the size of each padded dimension.

    Raises:
        InputError: `missing-tensor`, `unknown-tensor`, `wrong-dtype`, `wrong-rank`, `wrong-shape`, `sample-too-long` or
            `sample-too-short`; its message names the input.

    """
    wanted = [i for i in program.inputs if isinstance(i, DataInput)]
    _check_names(program, sample, {i.name for i in wanted})
    arrays: dict[str, Array] = {}
    sizes: dict[str, int] = {}
    for data in wanted:
        if data.name not in sample:
            message = f"input `{data.name}` is missing"
            raise InputError(Diagnostic("missing-tensor", message, f"give an array of {_wanted(data)}"))
        array = _array(data, sample[data.name])
        arrays[data.name] = array
        fits_into = is_centred(data)
        for axis, (size, found) in enumerate(zip(given_axes(data), resized_shape(data, array), strict=True)):
            if isinstance(size, int):
                if found > size or (found < size and not fits_into):
                    raise _wrong_shape(data, axis, found, f"{size} is needed")
            elif sizes.setdefault(size, found) != found:
                raise _wrong_shape(data, axis, found, f"another input has {sizes[size]} in `{size}`")
    for name, size in sizes.items():
        check_size(program, name, size)
    return {data.name: preprocess(data, resize(data, arrays[data.name])) for data in wanted}, sizes


def choose_variant(program: Program, sizes: Mapping[str, int]) -> Variant:
    """Return the smallest variant that holds a sample of these sizes, which `check_sample` has found to be possible."""
    return next(v for v in program.variants if all(v.sizes[d] >= n for d, n in sizes.items()))


def _check_names(program: Program, sample: Any, names: set[str]) -> None:
    if not isinstance(sample, Mapping):
        message = f"the inputs are a mapping of names to arrays, not {type(sample).__name__}"
        raise InputError(Diagnostic("missing-tensor", message, f"give {{{', '.join(map(repr, sorted(names)))}: …}}"))
    for name in sample:
        if name not in names:
            raise _unknown(program, str(name), names)


def _array(data: DataInput, given: Any) -> Array:
    """Return what was given as an array of the input's dtype and rank."""
    if isinstance(given, np.ma.MaskedArray):
        message = f"input `{data.name}` is a masked array, and its mask would be lost"
        raise InputError(Diagnostic("wrong-dtype", message, "put values in its gaps: array.filled(0)"))
    try:
        array = np.asarray(given)
    except Exception as error:  # noqa: BLE001  an object's own __array__ may raise anything
        message = f"input `{data.name}` is no array: {error}"
        raise InputError(Diagnostic("wrong-dtype", message, f"give an array of {_wanted(data)}")) from None
    if array.dtype != np.dtype(dtype := given_dtype(data)) or not array.dtype.isnative:
        message = f"input `{data.name}` must be {dtype}, not {array.dtype}"
        raise InputError(Diagnostic("wrong-dtype", message, f"convert it: array.astype(numpy.{dtype})"))
    if array.ndim != len(data.axes):
        message = f"input `{data.name}` must have shape {_wanted(data)}, not {list(array.shape)}"
        help_ = "give one sample, without the batch axis" if array.ndim == len(data.axes) + 1 else "reshape it"
        raise InputError(Diagnostic("wrong-rank", message, help_))
    return array


def check_size(program: Program, name: str, size: int) -> None:
    """Hold a sample's size in a padded dimension against the program; raises InputError as `check_sample` does."""
    dim = program.dims[name]
    if size > dim.maximum and dim.overflow == "error":
        message = f"the sample is {size} long in `{name}`, and the model is made for {dim.maximum} at most"
        help_ = f"give shorter samples, or state a larger size in [dims.{name}] and apply the spec again"
        raise InputError(Diagnostic("sample-too-long", message, help_))
    if size < dim.minimum:
        message = f"the sample is {size} long in `{name}`, and the original model takes none below {dim.minimum}"
        raise InputError(Diagnostic("sample-too-short", message, "give longer samples"))


def _wanted(data: DataInput) -> str:
    axes: tuple[str | int, ...] = given_axes(data)
    if (steps := resizing(data)) is not None:
        axes = tuple(axis if index == steps.order[steps.channels or 0] else "any" for index, axis in enumerate(axes))
    return f"[{', '.join(map(str, axes))}] {given_dtype(data)}"


def _wrong_shape(data: DataInput, axis: int, found: int, why: str) -> InputError:
    message = f"input `{data.name}` is {found} long in axis {axis}: {why}"
    return InputError(Diagnostic("wrong-shape", message, f"its shape is {_wanted(data)}"))


def _unknown(program: Program, name: str, names: set[str]) -> InputError:
    if any(i.name == name for i in program.inputs):
        message = f"input `{name}` is filled by npuspec"
        return InputError(Diagnostic("unknown-tensor", message, "leave it out"))
    return InputError(Diagnostic("unknown-tensor", f"there is no input `{name}`", did_you_mean(name, names)))
