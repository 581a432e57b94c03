"""From what the caller has to what the model takes: axes, channels, values.

Pictures are a view until the native code writes them, normalized, to where the model reads them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec import _native
from npuspec.bundle.program import DataInput, Preprocess
from npuspec.runtime.resize import is_centred

Array = NDArray[Any]

_MOST_CHANNELS = 4


def given_axes(data: DataInput) -> tuple[str | int, ...]:
    """Return the axes of a sample as the caller gives it: sizes and names of dimensions, without the batch."""
    return data.axes if data.preprocess is None else data.preprocess.given(data.axes)


def given_dtype(data: DataInput) -> str:
    """Return NumPy's name of the dtype that the caller gives."""
    return data.dtype if data.preprocess is None else data.preprocess.dtype


def preprocess(data: DataInput, array: Array) -> Array:
    """Return a sample in the model's axes and dtype, with (value - mean) / scale for each channel.

    What is float32 for a model that takes float16 stays so: it is rounded on its way into the tensor. The bytes of a
    picture stay as they are, too: `write_pictures` makes floats of them.

    Args:
        data: the input.
        array: the sample, of `given_axes` and `given_dtype`.

    Returns:
        The array itself where there is nothing to do, and else a new one. Computed in float32, or in float64 where the
        model takes that.

    """
    steps = data.preprocess
    if steps is None:
        return array
    array = array.transpose(steps.order)
    if picture_steps(data) is not None:
        return array
    if steps.swap_channels and steps.channels is not None:
        array = np.flip(array, steps.channels)
    if steps.mean or steps.scale:
        array = array.astype(np.float64 if data.dtype == "float64" else np.float32)
        if steps.mean:
            array -= _each_channel(steps.mean, steps.channels, array)
        if steps.scale:
            array /= _each_channel(steps.scale, steps.channels, array)
    if is_centred(data):
        return _in_the_middle(data, array)
    rounded_later = data.dtype == "float16" and array.dtype == np.float32
    return array if rounded_later else array.astype(data.dtype, copy=False)


def picture_steps(data: DataInput) -> Preprocess | None:
    """Return what becomes of samples that are bytes of a few channels, to be floats; None if they aren't."""
    steps = data.preprocess
    if steps is None or steps.dtype != "uint8" or data.dtype not in ("float16", "float32"):
        return None
    channels = data.axes[steps.channels] if steps.channels in (0, 2) and len(data.axes) == 3 else None  # noqa: PLR2004
    return steps if isinstance(channels, int) and 0 < channels <= _MOST_CHANNELS else None


def write_pictures(data: DataInput, steps: Preprocess, arrays: Sequence[Array], buffer: Array) -> None:
    """Write samples, as `preprocess` returned them, into the rows of a batch, and its pad value around them.

    Channel k is `array * (1 / scale[k]) - mean[k] / scale[k]` in float32, both factors rounded once.
    """
    last = steps.channels != 0
    count = buffer.shape[-1 if last else 1]
    numbers = [given * (count if len(given) == 1 else 1) for given in (steps.mean or (0.0,), steps.scale or (1.0,))]
    sources = reversed(range(count)) if steps.swap_channels else range(count)
    rows = zip(sources, *numbers, strict=True)
    formula = [(source, 1 / scale, -mean / scale, data.pad_value) for source, mean, scale in rows]
    for array, row in zip(arrays, buffer, strict=True):
        picture, room = (array, row.shape[:2]) if last else (array.transpose(1, 2, 0), row.shape[1:])
        at = (room[0] - picture.shape[0], room[1] - picture.shape[1])
        if is_centred(data):
            at = (at[0] // 2, at[1] // 2)
        elif data.pad_side == "right":
            at = (0, 0)
        _native.normalize(picture, row, formula, at, last)


def _in_the_middle(data: DataInput, array: Array) -> Array:
    """Return a picture in the middle of what the model takes, with the pad value around it."""
    whole = np.full([int(axis) for axis in data.axes], data.pad_value, data.dtype)
    starts = [(room - size) // 2 for room, size in zip(whole.shape, array.shape, strict=True)]
    whole[tuple(slice(start, start + n) for start, n in zip(starts, array.shape, strict=True))] = array
    return whole


def _each_channel(values: tuple[float, ...], axis: int | None, array: Array) -> Array:
    """Return the values so that each stands against its channel."""
    numbers = np.array(values, array.dtype)
    return numbers if axis is None else numbers.reshape(-1, *(1,) * (array.ndim - 1 - axis))
