"""What happens to arrays before and after a model, at the speed of memory and in NumPy's manner. OpenVINO isn't needed.

    from npuspec import kernels

    mask = np.empty((len(sentences), 128), np.int64)
    batch = kernels.pad(sentences, 128, mask=mask)
    rows = kernels.unpad(outputs, [len(sentence) for sentence in sentences])
    planes = kernels.repack(image, "CHW")
    small = kernels.resize(image, (224, 224))
    kernels.normalize(small, "CHW", tensor.data[0], mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])

Every function checks its arguments before it writes, writes straight into `out` if that is given, and lets other Python
threads run while it works on more than a little. No array may be written to by others meanwhile.
"""

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from npuspec import _native
from npuspec._native import NonFiniteError

__all__ = ["Layout", "NonFiniteError", "normalize", "pad", "repack", "resize", "unpad"]

Array: TypeAlias = NDArray[Any]
Layout: TypeAlias = Literal["CHW", "HWC", "NCHW", "NHWC"]


def pad(
    samples: Sequence[Array] | Array,
    size: int | Sequence[int] | None = None,
    *,
    out: Array | None = None,
    sizes: ArrayLike | None = None,
    axis: int = 0,
    side: Literal["right", "left"] = "right",
    value: float = 0,
    dtype: DTypeLike | None = None,
    finite: bool = False,
    lengths: Array | None = None,
    mask: Array | None = None,
    threads: int = 1,
) -> Array:
    """Lay ragged samples into the rows of a batch, and write how long they are.

    Args:
        samples: B arrays of shape [s_1, .., s_r], r >= 1, each s_i of its own, of any strides. Their one dtype is bool,
            int8 to int64, uint8 to uint64 or float16 to float64 in native byte order; bfloat16 goes as a view of
            uint16. With `sizes`, one array [s, t_2, .., t_r] in which they lie one after another.
        size: of `axis` of a row, or of all its axes. What isn't said is that of the longest sample. Not with `out`.
        out: the batch [B, t_1, .., t_r], C-contiguous, every t_i >= s_i. It is made if it isn't given.
        sizes: the B integers that say how long each sample is along axis 0, which add up to s.
        axis: the axis of a sample, from zero, that `lengths` and `mask` speak of.
        side: on which side of every axis the padding goes.
        value: what to pad with.
        dtype: of a batch that is made; that of the samples if not given. Not with `out`. Samples of float32 may go into
            a batch of float16, and are rounded on the way as by `astype`.
        finite: refuse NaN and infinities among what is copied, after rounding.
        lengths: int32 or int64 [B] or [B, 1], C-contiguous; receives the size of each sample along `axis`.
        mask: bool, uint8, int8, int32, int64, float16 or float32 [B, T], C-contiguous, T being the size of a row along
            `axis`; receives 1 where that axis holds the sample and 0 where it holds padding.
        threads: how many may work. More than one pays in hot loops only, from some megabytes on; less is left to one.

    Returns:
        `out`.

    Raises:
        TypeError: an argument is no array, or a masked one, or its dtype is unsupported or isn't that of `out`.
        BufferError: an output is read-only or not C-contiguous, or an array has no axes.
        ValueError: sizes don't fit, there are no samples to make a batch of, `axis` or `side` doesn't exist, `threads`
            is less than 1, `value` has no counterpart in the dtype, a length exceeds int32, `size` or `dtype` is given
            with `out`, or an output overlaps another array.
        NonFiniteError: with `finite`, a sample isn't. The outputs may then be partly written.

    """
    if sizes is not None:
        sizes = _integers(sizes, "sizes")
        if sizes.ndim != 1:
            message = f"sizes has rank {sizes.ndim}, and a number for each sample is wanted"
            raise ValueError(message)
    elif not hasattr(samples, "__getitem__") or isinstance(samples, Mapping):
        message = f"samples is a {type(samples).__name__}, not a sequence"
        raise TypeError(message)
    if out is None:
        shape, common = _batch(samples, size, sizes, axis)
        out = np.empty(shape, common if dtype is None else dtype)
    elif size is not None or dtype is not None:
        message = "size and dtype are for a batch that is made, and out is given"
        raise ValueError(message)
    _native.pad(
        samples,
        out,
        sizes=sizes,
        axis=axis,
        side=side,
        value=value,
        finite=finite,
        lengths=lengths,
        mask=mask,
        threads=threads,
    )
    return out


def unpad(
    batch: Array,
    lengths: ArrayLike,
    *,
    axis: int = 0,
    side: Literal["right", "left"] = "right",
    out: Sequence[Array] | None = None,
) -> list[Array]:
    """Cut the rows of a batch to their lengths, each into an array of its own.

    Args:
        batch: [B, t_1, .., t_r], r >= 1, of any strides and a dtype that `pad` takes.
        lengths: B integers, the size of each result along `axis`; or [B, n] of them, along n axes from `axis` on.
        axis: the axis of a row, from zero, that is cut.
        side: on which side the padding is.
        out: the B results, C-contiguous. They are made if they aren't given.

    Returns:
        The results, in a list.

    Raises:
        TypeError: `batch` or a result is no array, its dtype is unsupported, theirs differ, or lengths are no integers.
        BufferError: a result is read-only or not C-contiguous, or `batch` has no axes.
        ValueError: lengths, results and batch don't fit each other, `axis` or `side` doesn't exist, or a result
            overlaps another array.

    """
    rest = _array(batch, "batch").shape[1:]
    wanted = _integers(lengths, "lengths")
    columns = wanted if wanted.ndim > 1 else wanted[:, None]
    end = axis + columns.shape[1]
    if not 0 <= axis < end <= len(rest):
        message = f"lengths of shape {list(wanted.shape)} at axis {axis} don't fit rows of rank {len(rest)}"
        raise ValueError(message)
    shapes = [(*rest[:axis], *sizes, *rest[end:]) for sizes in columns.tolist()]
    if out is None:
        out = [np.empty(shape, batch.dtype) for shape in shapes]
    elif [_array(result, "out").shape for result in out] != shapes:
        message = "the shapes of out aren't those that lengths ask for"
        raise ValueError(message)
    _native.unpad(batch, out, side=side)
    return list(out)


def repack(array: Array, layout: Layout, out: Array | None = None, *, threads: int = 1) -> Array:
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
        shape = _shape(array, len(layout), "array")
        moved = (*shape[:-3], *shape[-2:], shape[-3]) if last else (*shape[:-3], shape[-1], *shape[-3:-1])
        out = np.empty(moved, array.dtype)
    else:
        _shape(out, len(layout), "out")
    _native.repack(array, out, last, threads=threads)
    return out


def normalize(
    image: NDArray[np.uint8],
    layout: Layout = "CHW",
    out: Array | None = None,
    *,
    scale: float = 1 / 255,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    channels: Sequence[int] | None = None,
    size: tuple[int, int] | None = None,
    at: tuple[int, int] | None = None,
    fill: float | Sequence[float] = 0.0,
    dtype: DTypeLike | None = None,
    threads: int = 1,
) -> Array:
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
    *batch, height, width, available = _shape(image, len(layout), "image")
    channels = range(available) if channels is None else channels
    if out is None:
        made = np.dtype("float32" if dtype is None else dtype)
        if made not in (np.float16, np.float32):
            message = f"dtype is {made}, neither float16 nor float32"
            raise ValueError(message)
        across = (height, width) if size is None else size
        shape = (*batch, *across, len(channels)) if last else (*batch, len(channels), *across)
        out = np.empty(shape, made)
    elif size is not None or dtype is not None:
        message = "size and dtype are for a result that is made, and out is given"
        raise ValueError(message)
    shape = _shape(out, len(layout), "out")
    room = shape[-3:-1] if last else shape[-2:]
    if at is None:
        at = (max(room[0] - height, 0) // 2, max(room[1] - width, 0) // 2)
    count = len(channels)
    means, stds, fills = _each(mean, count, "mean"), _each(std, count, "std"), _each(fill, count, "fill")
    if 0 in stds:
        message = "std is zero"
        raise ValueError(message)
    with np.errstate(all="ignore"):  # what isn't finite is refused below
        a = (scale / np.array(stds, np.float64)).astype(np.float32)
        b = (np.array(means, np.float64) / -np.array(stds, np.float64)).astype(np.float32)
        around = np.array(fills, np.float32) * a + b
    formula = list(zip(channels, a.tolist(), b.tolist(), around.tolist(), strict=True))
    _native.normalize(image, out, formula, at, last, threads=threads)
    return out


def resize(image: NDArray[np.uint8], size: tuple[int, int], out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Bring pictures of bytes to another height and width, as Pillow's filter BILINEAR does.

    A pixel of the result is the mean of those around its centre, weighted by a triangle as wide as two pixels of the
    image, or of the result where those are larger: what becomes smaller has no steps. Values are within 1 of Pillow's,
    but for one in millions. Channels are independent of each other: transparent pixels count as others do.

    Args:
        image: uint8 [H, W, C] or [N, H, W, C] of 1, 3 or 4 channels, any strides. No side is longer than 65535.
        size: height and width of the result.
        out: the result, uint8, C-contiguous. It is made if it isn't given.

    Returns:
        `out`.

    Raises:
        TypeError: `image` or `out` isn't an array of uint8.
        BufferError: `out` is read-only or not C-contiguous.
        ValueError: a rank or shape isn't one of those, there are no pixels to make others of, or `image` and `out`
            overlap.
        MemoryError: there is none for what lies between the two.

    """
    height, width = size
    if out is None:
        *batch, _, _, channels = _shape(image, 4 if np.ndim(image) == 4 else 3, "image")  # noqa: PLR2004
        out = np.empty((*batch, height, width, channels), np.uint8)
    elif _array(out, "out").shape[-3:-1] != (height, width):
        message = f"out has shape {out.shape}, which isn't of size {(height, width)}"
        raise ValueError(message)
    _native.resize(image, out)
    return out


def _batch(
    samples: Sequence[Array] | Array, size: int | Sequence[int] | None, sizes: Array | None, axis: int
) -> tuple[tuple[int, ...], Any]:
    """Return the shape and dtype of the batch that holds all samples."""
    if sizes is None:
        arrays = [_array(sample, "a sample") for sample in samples]
        shapes = [array.shape for array in arrays]
    else:
        arrays = [_array(samples, "samples")]
        shapes = [(length, *arrays[0].shape[1:]) for length in sizes.tolist()]
    if not shapes:
        message = "without samples there is no batch to make"
        raise ValueError(message)
    rank = len(shapes[0])
    if any(len(shape) != rank for shape in shapes):
        message = f"samples have ranks {sorted({len(shape) for shape in shapes})}"
        raise ValueError(message)
    if not 0 <= axis < rank:
        message = f"axis is {axis}, and samples have rank {rank}"
        raise ValueError(message)
    room = [max(lengths) for lengths in zip(*shapes, strict=True)]
    if size is not None and np.ndim(size) == 0:
        room[axis] = index(size)  # type: ignore[arg-type]
    elif size is not None:
        room = [index(length) for length in size]  # type: ignore[union-attr]
        if len(room) != rank:
            message = f"size is {size!r}, and samples have rank {rank}"
            raise ValueError(message)
    return (len(shapes), *room), arrays[0].dtype


def _array(array: Any, name: str) -> Array:
    if not isinstance(array, np.ndarray):
        message = f"{name} is a {type(array).__name__}, not an array"
        raise TypeError(message)
    return array


def _integers(values: ArrayLike, name: str) -> NDArray[np.int64]:
    """Return integers along one axis or two."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        message = f"{name} has dtype {array.dtype}, and integers are wanted"
        raise TypeError(message)
    if array.ndim not in {1, 2}:
        message = f"{name} has rank {array.ndim}"
        raise ValueError(message)
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        message = f"{name} holds {array.max()}, which is beyond int64"
        raise ValueError(message)
    return np.ascontiguousarray(array, np.int64)


def _channels_last(layout: str) -> bool:
    if str(layout) not in {"CHW", "HWC", "NCHW", "NHWC"}:
        message = f"layout is {layout!r}, none of 'CHW', 'HWC', 'NCHW' and 'NHWC'"
        raise ValueError(message)
    return layout.endswith("C")


def _shape(array: Array, rank: int, name: str) -> tuple[int, ...]:
    shape = _array(array, name).shape
    if len(shape) != rank:
        message = f"{name} has shape {shape}, but the layout has {rank} axes"
        raise ValueError(message)
    return shape


def _each(value: float | Sequence[float], count: int, name: str) -> Sequence[float]:
    values: Sequence[float] = [float(value)] * count if np.ndim(value) == 0 else value  # type: ignore[arg-type, assignment]
    if len(values) != count:
        message = f"{name} has {len(values)} values for {count} channels"
        raise ValueError(message)
    return values
