"""From the caller's samples to a model's static inputs: checked, padded, with lengths and masks, in one native pass."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec import _native
from npuspec.bundle.program import DataInput, LengthInput, MaskInput, Program, Variant
from npuspec.diagnostics import Diagnostic, InputError
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.runtime.preprocess import given_axes, given_dtype, picture_steps, preprocess, write_pictures
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
        _check_size(program, name, size)
    return {data.name: preprocess(data, resize(data, arrays[data.name])) for data in wanted}, sizes


def choose_variant(program: Program, sizes: Mapping[str, int]) -> Variant:
    """Return the smallest variant that holds a sample of these sizes, which `check_sample` has found to be possible."""
    return next(v for v in program.variants if all(v.sizes[d] >= n for d, n in sizes.items()))


def fill(program: Program, buffers: Mapping[str, Array], samples: Sequence[Mapping[str, Array]]) -> None:
    """Write samples, and the lengths and masks that follow from them, into a variant's inputs.

    Args:
        program: what the model takes.
        buffers: for every input its whole array, batch first, C-contiguous and writeable.
        samples: one sample for each row of the batch, as `check_sample` returned it.

    Raises:
        InputError: `not-finite`, if an input is declared finite and a sample isn't.

    """
    for data in program.inputs:
        if not isinstance(data, DataInput):
            continue
        arrays, buffer = [sample[data.name] for sample in samples], buffers[data.name]
        followers = [i for i in program.inputs if not isinstance(i, DataInput) and i.of == data.name]
        if (steps := picture_steps(data)) is not None:
            write_pictures(data, steps, arrays, buffer)
        else:
            dim = followers[0].dim if followers else None
            _pad(data, dim, arrays, buffer, {i: buffers[i.name] for i in followers if i.dim == dim})
            followers = [i for i in followers if i.dim != dim]
        for other in followers:
            axis = data.axes.index(other.dim)
            _follow(other, data.pad_side, [array.shape[axis] for array in arrays], buffers[other.name])


def _pad(
    data: DataInput,
    dim: str | None,
    arrays: Sequence[Array],
    buffer: Array,
    followers: Mapping[LengthInput | MaskInput, Array],
) -> None:
    """Write samples, and in the same pass the lengths and masks of one dimension."""
    lengths = [array for port, array in followers.items() if isinstance(port, LengthInput)]
    masks = [array for port, array in followers.items() if isinstance(port, MaskInput)]
    if not data.axes:  # what is padded has one axis at least
        arrays, buffer = [array.reshape(1) for array in arrays], buffer.reshape(-1, 1)
    try:
        _native.pad(
            arrays,
            buffer,
            axis=0 if dim is None else data.axes.index(dim),
            side=data.pad_side,
            value=data.pad_value if buffer.dtype.kind == "f" else int(data.pad_value),
            finite=data.finite,
            lengths=lengths[0] if lengths else None,
            mask=masks[0] if masks else None,
        )
    except _native.NonFiniteError as error:
        message = f"input `{data.name}` holds NaN or an infinity, first at element {error.index}"
        help_ = "mend the sample, or take `finite = true` out of the spec"
        raise InputError(Diagnostic("not-finite", message, help_)) from None
    for group in (lengths, masks):
        for twin in group[1:]:
            np.copyto(twin, group[0].reshape(twin.shape), casting="unsafe")


def _follow(port: LengthInput | MaskInput, side: str, sizes: Sequence[int], out: Array) -> None:
    """Write a length or mask of another dimension than the one that the native pass speaks of."""
    if isinstance(port, LengthInput):
        out[...] = np.reshape(sizes, out.shape)
    else:
        places = np.arange(out.shape[1]) if side == "right" else np.arange(out.shape[1])[::-1]
        out[...] = places < np.reshape(sizes, (-1, 1))


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


def _check_size(program: Program, name: str, size: int) -> None:
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
