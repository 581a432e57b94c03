"""What happens to arrays before and after a model, at the speed of memory and in NumPy's manner. OpenVINO isn't needed.

    from npuspec import kernels

    planes = kernels.repack(image, "CHW")
    kernels.normalize(image, "CHW", tensor.data[0], mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])

Every function checks its arguments before it writes, writes straight into `out` if that is given, and lets other Python
threads run while it works on more than a little. No array may be written to by others meanwhile.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from npuspec import _native

__all__ = ["Layout", "normalize", "repack"]

Layout: TypeAlias = Literal["CHW", "HWC", "NCHW", "NHWC"]


def repack(array: NDArray[Any], layout: Layout, out: NDArray[Any] | None = None, *, threads: int = 1) -> NDArray[Any]:
    """Copy images or feature maps so that their channels come first, or last.

    Args:
        array: images in the other layout, [H, W, C] or [N, H, W, C] for "CHW" and "NCHW", [C, H, W] or [N, C, H, W] for
            "HWC" and "NHWC". Any strides, of bool, int8 to int64, uint8 to uint64 or float16 to float64 in native byte
            order; bfloat16 goes as a view of uint16. Quick if pixels or planes are contiguous, as those of a crop are.
        layout: that of the result.
        out: the result, C-contiguous, of the same dtype. It is made if it isn't given.
        threads: how many may work. More than one pays in hot loops only, from several megabytes on.

    Returns:
        `out`, equal to `array` with its axes moved.

    Raises:
        TypeError: `array` or `out` is no array, its dtype isn't supported, or theirs differ.
        BufferError: `out` is read-only or not C-contiguous.
        ValueError: there is no such layout, the rank or shape doesn't go with it, or `array` and `out` overlap.

    """
    last = _channels_last(layout)
    if out is None:
        shape = _shape(array, len(layout))
        moved = (*shape[:-3], *shape[-2:], shape[-3]) if last else (*shape[:-3], shape[-1], *shape[-3:-1])
        out = np.empty(moved, array.dtype)
    else:
        _shape(out, len(layout))
    _native.repack(array, out, last, threads=threads)
    return out


def normalize(
    image: NDArray[np.uint8],
    layout: Layout = "CHW",
    out: NDArray[Any] | None = None,
    *,
    scale: float = 1 / 255,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    channels: Sequence[int] | None = None,
    size: tuple[int, int] | None = None,
    at: tuple[int, int] | None = None,
    fill: float | Sequence[float] = 0.0,
    dtype: Literal["float16", "float32"] | None = None,
    threads: int = 1,
) -> NDArray[Any]:
    """Turn pictures of bytes into what a vision model takes: (image * scale - mean) / std, letterboxed if need be.

    Channel k of the result is `image[..., channels[k]].astype("f4") * a + b` to the bit, with
    `a = np.float32(scale / std[k])` and `b = np.float32(-mean[k] / std[k])`, rounded to float16 at the end if that is
    its dtype.

    Args:
        image: uint8 [H, W, C] or [N, H, W, C], 1 to 4 channels, any strides. Quick if the bytes of a row are
            contiguous, as those of a crop are.
        layout: that of the result. It has an N if the image has one.
        out: the result, float16 or float32, C-contiguous. It is made if it isn't given.
        scale: what bytes are multiplied by first.
        mean: of all channels or of each channel of the result, in units of a scaled byte.
        std: the same, not zero.
        channels: which of the image's channels the result has, in this order; all if not given. (2, 1, 0) makes BGR of
            RGB and RGB of BGR, (0, 1, 2) leaves alpha out, (0, 0, 0) makes three of grey.
        size: height and width of a result that is larger than the image. Not with `out`, whose size it is then.
        at: row and column of the result at which the image begins; if not given, it is in the middle, one closer to
            the top and left if need be.
        fill: what stands around the image, in units of a byte, for all channels or each channel of the result.
            It is scaled and normalized as a pixel is.
        dtype: of a result that is made, float32 if not given. Not with `out`.
        threads: how many may work. More than one pays in hot loops only, from several megabytes on.

    Returns:
        `out`.

    Raises:
        TypeError: `image` isn't an array of uint8, or `out` not one of float16 or float32.
        BufferError: `out` is read-only or not C-contiguous.
        ValueError: there is no such layout or dtype, a rank, shape or number of values doesn't go with the others,
            there is no such channel, the image reaches beyond the result, a number isn't finite or `std` is zero,
            `size` or `dtype` is given with `out`, or `image` and `out` overlap.

    """
    last = _channels_last(layout)
    *batch, height, width, available = _shape(image, len(layout))
    channels = range(available) if channels is None else channels
    if out is None:
        if dtype not in {None, "float16", "float32"}:
            message = f"dtype is {dtype!r}, neither 'float16' nor 'float32'"
            raise ValueError(message)
        across = (height, width) if size is None else size
        shape = (*batch, *across, len(channels)) if last else (*batch, len(channels), *across)
        out = np.empty(shape, dtype or "float32")
    elif size is not None or dtype is not None:
        message = "size and dtype are for a result that is made, and out is given"
        raise ValueError(message)
    shape = _shape(out, len(layout))
    room = shape[-3:-1] if last else shape[-2:]
    if at is None:
        at = (max(room[0] - height, 0) // 2, max(room[1] - width, 0) // 2)
    count = len(channels)
    means, stds, fills = _each(mean, count, "mean"), _each(std, count, "std"), _each(fill, count, "fill")
    if 0 in stds:
        message = "std is zero"
        raise ValueError(message)
    formula = [
        (channel, scale / std, -mean / std, fill)
        for channel, mean, std, fill in zip(channels, means, stds, fills, strict=True)
    ]
    _native.normalize(image, out, formula, at, last, threads=threads)
    return out


def _channels_last(layout: str) -> bool:
    if layout not in {"CHW", "HWC", "NCHW", "NHWC"}:
        message = f"layout is {layout!r}, none of 'CHW', 'HWC', 'NCHW' and 'NHWC'"
        raise ValueError(message)
    return layout.endswith("C")


def _shape(array: NDArray[Any], rank: int) -> tuple[int, ...]:
    shape = np.shape(array)
    if len(shape) != rank:
        message = f"an array has shape {shape}, but the layout has {rank} axes"
        raise ValueError(message)
    return shape


def _each(value: float | Sequence[float], count: int, name: str) -> Sequence[float]:
    values = [value] * count if isinstance(value, int | float) else value
    if len(values) != count:
        message = f"{name} has {len(values)} values for {count} channels"
        raise ValueError(message)
    return values
