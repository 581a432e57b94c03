"""From what the caller has to what the model takes: axes, channels, values. In NumPy; where values stay, a view."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec.bundle.program import DataInput

Array = NDArray[Any]


def given_axes(data: DataInput) -> tuple[str | int, ...]:
    """Return the axes of a sample as the caller gives it: sizes and names of dimensions, without the batch."""
    if data.preprocess is None:
        return data.axes
    axes = dict(zip(data.preprocess.order, data.axes, strict=True))
    return tuple(axes[index] for index in range(len(axes)))


def given_dtype(data: DataInput) -> str:
    """Return NumPy's name of the dtype that the caller gives."""
    return data.dtype if data.preprocess is None else data.preprocess.dtype


def preprocess(data: DataInput, array: Array) -> Array:
    """Return a sample in the model's axes and dtype, with (value - mean) / scale for each channel.

    What is float32 for a model that takes float16 stays so: it is rounded on its way into the tensor.

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
    if steps.swap_channels and steps.channels is not None:
        array = np.flip(array, steps.channels)
    if steps.mean or steps.scale:
        array = array.astype(np.float64 if data.dtype == "float64" else np.float32)
        if steps.mean:
            array -= _each_channel(steps.mean, steps.channels, array)
        if steps.scale:
            array /= _each_channel(steps.scale, steps.channels, array)
    rounded_later = data.dtype == "float16" and array.dtype == np.float32
    return array if rounded_later else array.astype(data.dtype, copy=False)


def _each_channel(values: tuple[float, ...], axis: int | None, array: Array) -> Array:
    """Return the values so that each stands against its channel."""
    numbers = np.array(values, array.dtype)
    return numbers if axis is None else numbers.reshape(-1, *(1,) * (array.ndim - 1 - axis))
