"""What happens to arrays before and after a model, at the speed of memory and in NumPy's manner. OpenVINO isn't needed.

    from npuspec import kernels

    mask = np.empty((len(sentences), 128), np.int64)
    batch = kernels.pad(sentences, 128, mask=mask)
    rows = kernels.unpad(outputs, [len(sentence) for sentence in sentences])

Every function checks its arguments before it writes, writes straight into `out` if that is given, and lets other Python
threads run while it works on more than a little. No array may be written to by others meanwhile.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from npuspec import _native
from npuspec._native import NonFiniteError

__all__ = ["NonFiniteError", "pad", "unpad"]

Array = NDArray[Any]


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
        TypeError: an argument is no array, or its dtype is unsupported or isn't that of `out`.
        BufferError: an output is read-only or not C-contiguous, or an array has no axes.
        ValueError: sizes don't fit, there are no samples to make a batch of, `axis` or `side` doesn't exist, `threads`
            is less than 1, `value` has no counterpart in the dtype, a length exceeds int32, `size` or `dtype` is given
            with `out`, or an output overlaps another array.
        NonFiniteError: with `finite`, a sample isn't. The outputs may then be partly written.

    """
    if sizes is not None:
        sizes = _integers(sizes, "sizes")
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
    room = [max(lengths) for lengths in zip(*shapes, strict=True)]
    if isinstance(size, int) and 0 <= axis < rank:
        room[axis] = size
    elif isinstance(size, Sequence) and len(size) == rank:
        room = list(size)
    elif size is not None:
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
    return np.ascontiguousarray(array, np.int64)
