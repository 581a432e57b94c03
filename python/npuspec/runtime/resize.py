"""Pictures of any size to the size that the model takes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec import _native
from npuspec.bundle.program import DataInput, Preprocess
from npuspec.diagnostics import Diagnostic, InputError
from npuspec.runtime.arrays import MOST_BYTES

Array = NDArray[Any]

CHANNELS = (1, 3, 4)
"""That pictures have."""
LONGEST = 65535
"""Pixels of a side that the native code resizes, or makes."""


def resizing(data: DataInput) -> Preprocess | None:
    """Return the steps of an input whose pictures are resized; None if they aren't."""
    steps = data.preprocess
    return None if steps is None or steps.resize == "none" else steps


def is_centred(data: DataInput) -> bool:
    """Tell whether pictures lie in the middle of what the model takes: they are scaled to fit into both sides."""
    return data.preprocess is not None and data.preprocess.resize == "letterbox" and _sides(data).count(None) == 0


def resized_shape(data: DataInput, array: Array) -> tuple[int, ...]:
    """Return the shape that a sample of bytes will have, in the caller's axes; its own where nothing is resized.

    Raises:
        InputError: `wrong-shape`: it has other channels, no pixels, or sides that are too long, now or then.

    """
    if (steps := resizing(data)) is None:
        return array.shape
    shape = [array.shape[index] for index in steps.order]
    channel = steps.channels or 0
    if shape[channel] != data.axes[channel]:
        raise _wrong(data, f"has {shape[channel]} channels, and {data.axes[channel]} are needed")
    targets = _sides(data)
    sides = [side for axis, side in enumerate(shape) if axis != channel]
    if not all(0 < side <= LONGEST for side in sides):
        raise _wrong(data, f"has {' x '.join(map(str, sides))} pixels, and a side has from 1 to {LONGEST}")
    wanted = [target for target in targets if target is not None]
    if steps.resize == "letterbox":
        # Of a side that is free nothing is asked; whole numbers, so that what fits exactly does.
        target, side = min(
            ((t, s) for t, s in zip(targets, sides, strict=True) if t is not None), key=lambda pair: pair[0] / pair[1]
        )
        wanted = [max(1, round(s * target / side)) for s in sides]
    if max(wanted) > LONGEST or wanted[0] * wanted[1] * shape[channel] > MOST_BYTES:
        raise _wrong(data, f"would have {' x '.join(map(str, wanted))} pixels once it is resized: that is too many")
    wanted.insert(channel, shape[channel])
    return steps.given(wanted)


def resize(data: DataInput, array: Array) -> Array:
    """Return a sample in the size that `resized_shape` says; itself if it has that."""
    shape = resized_shape(data, array)
    if (steps := resizing(data)) is None or array.shape == shape:
        return array
    place = steps.order[steps.channels or 0]
    last = [axis for axis in range(len(shape)) if axis != place]
    out = np.empty([*(shape[axis] for axis in last), shape[place]], np.uint8)
    _native.resize(array.transpose(*last, place), out)
    return np.moveaxis(out, -1, place)


def _sides(data: DataInput) -> list[int | None]:
    """Return height and width of what the model takes, in its order; None where that varies."""
    channel = None if data.preprocess is None else data.preprocess.channels
    sides = [size for axis, size in enumerate(data.axes) if axis != channel]
    return [size if isinstance(size, int) else None for size in sides]


def _wrong(data: DataInput, why: str) -> InputError:
    return InputError(Diagnostic("wrong-shape", f"the picture of input `{data.name}` {why}", "give another picture"))
