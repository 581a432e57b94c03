"""Which arrays look like random numbers or a constant rather than like something recorded."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import copysign, erf, exp, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONSTANT = "a constant"

LEAST = 256
"""Elements, below which chance alone may look like anything."""
ENOUGH = 1024
"""Elements, from which on a distribution is known by its whole form."""
_MOST = 1 << 16
_SIGMAS = 5.0
_FLATNESS = {"uniform noise": 1.8, "normal noise": 3.0}  # the fourth standardised moment
_NEAR = 0.2
_FEW = 32  # distinct values, below which something is counted or classed
_RANDOM_PIXELS = (1.6, 3.2)  # the flatness of what JPEG makes of random ones
_GRID = np.arange(1, 20) / 20
_LOWER, _UPPER = 4, 14  # the quartiles in it

_Distribution = Callable[[float], float]
_DISTRIBUTIONS: dict[str, tuple[_Distribution, float, float]] = {
    "normal noise": (lambda x: (1 + erf(x / sqrt(2))) / 2, -0.67449, 0.67449),
    "Laplace noise": (lambda x: 0.5 + copysign((1 - exp(-abs(x))) / 2, x), -log(2), log(2)),
    "exponential noise": (lambda x: 1 - exp(-max(x, 0)), log(4 / 3), log(4)),
}
"""Distribution functions, each with its quartiles."""


def name_noise(array: NDArray[Any]) -> str:
    """Name the noise, or return "" for what may be real."""
    if array.size <= 1 or array.dtype.kind not in "iuf":
        return ""
    flat = array.ravel(order="K")  # as it lies in the file, so that nothing is copied
    if _is_constant(flat):
        return CONSTANT
    head = flat[:_MOST].astype(np.float64)
    if head.size < LEAST or (scaled := _centred(head)) is None or _is_correlated(*scaled, _strides(array)):
        return ""
    return _kind(head, *scaled, is_float=array.dtype.kind == "f")


def name_pooled(arrays: Sequence[NDArray[Any]]) -> str:
    """Name what arrays that are too small to tell much by themselves look like together, as samples of one input."""
    if not arrays or sum(array.size for array in arrays) < LEAST:
        return ""
    head = np.concatenate([array.ravel() for array in arrays]).astype(np.float64)
    if (scaled := _centred(head)) is None:
        return ""
    centred, variance = scaled
    alike: dict[tuple[int, ...], list[NDArray[np.float64]]] = {}
    parts = np.split(centred, np.cumsum([array.size for array in arrays])[:-1])
    for array, part in zip(arrays, parts, strict=True):
        alike.setdefault(array.shape, []).append(part.reshape(array.shape))
    stacks = [np.stack(group) for group in alike.values()]
    for axis in range(max(stack.ndim for stack in stacks)):  # the first is that of the samples
        pairs = [np.moveaxis(stack, axis, 0) for stack in stacks if stack.ndim > axis]
        count = sum(stack[1:].size for stack in pairs)
        common = sum(float((stack[1:] * stack[:-1]).sum()) for stack in pairs)
        if abs(common) > _SIGMAS * variance * sqrt(count):
            return ""
    return _kind(head, centred, variance, is_float=any(array.dtype.kind == "f" for array in arrays))


def name_pixels(brightness: NDArray[np.float64]) -> str:
    """Name the noise in a picture that was saved with losses, by every second pixel of both axes, or return ""."""
    apart = np.ascontiguousarray(brightness[::2, ::2])
    if apart.size < LEAST or (scaled := _centred(apart.ravel())) is None or _is_correlated(*scaled, _strides(apart)):
        return ""
    least, most = _RANDOM_PIXELS
    return "random pixels" if least < _flatness(*scaled) < most else ""


def _centred(head: NDArray[np.float64]) -> tuple[NDArray[np.float64], float] | None:
    """Return values around 0, scaled to 1 at most, and their variance; None where they have none."""
    if not np.isfinite(head).all() or (largest := float(np.abs(head).max())) == 0:
        return None
    centred = head / largest
    centred -= centred.mean()
    variance = float((centred**2).mean())
    return (centred, variance) if variance else None


def _flatness(centred: NDArray[np.float64], variance: float) -> float:
    return float((centred**4).mean()) / variance**2


def _kind(head: NDArray[np.float64], centred: NDArray[np.float64], variance: float, *, is_float: bool) -> str:
    """Name what values without any order are drawn from."""
    distinct = np.unique(head).size
    flatness = _flatness(centred, variance)
    if distinct >= _FEW and (kind := next((k for k, value in _FLATNESS.items() if abs(flatness - value) < _NEAR), "")):
        return kind
    if head.size < ENOUGH:
        return ""
    if distinct == 2:  # noqa: PLR2004  as often one as the other
        return "binary noise" if abs((head == head.max()).mean() - 0.5) < 2 / sqrt(head.size) else ""
    names = _DISTRIBUTIONS if is_float else ("normal noise",)
    return "" if distinct < _FEW else next((name for name in names if _fits(head, *_DISTRIBUTIONS[name])), "")


def _fits(head: NDArray[np.float64], distribution: _Distribution, lower: float, upper: float) -> bool:
    """Tell whether values are distributed so, wherever they lie, and even if they were clipped at both ends."""
    found = np.quantile(head, _GRID)
    scale = (found[_UPPER] - found[_LOWER]) / (upper - lower)
    if found[_LOWER] == head.min() or found[_UPPER] == head.max() or not scale:
        return False
    inside = (found > head.min()) & (found < head.max())
    places = (found[inside] - found[_LOWER]) / scale + lower
    apart = [abs(distribution(place) - share) for place, share in zip(places, _GRID[inside], strict=True)]
    return bool(max(apart) < 1.5 / sqrt(head.size) + 0.005)


def _is_constant(flat: NDArray[Any]) -> bool:
    """Tell whether all elements are equal, reading on only as long as they are."""
    blocks = (flat[start : start + _MOST] for start in range(0, flat.size, _MOST))
    return all(bool((block == flat[0]).all()) for block in blocks)


def _strides(array: NDArray[Any]) -> list[int]:
    """Return how far neighbours along each axis lie apart in the file, in elements."""
    shape = array.shape if array.flags.c_contiguous else array.shape[::-1]
    return sorted({1, *accumulate(reversed(shape[1:]), lambda near, size: near * size)})


def _is_correlated(centred: NDArray[Any], variance: float, lags: list[int]) -> bool:
    """Tell whether neighbours have more in common than chance gives them."""
    for lag in lags:
        pairs = centred.size - lag
        if pairs >= LEAST and abs((centred[:-lag] * centred[lag:]).mean()) > _SIGMAS * variance / pairs**0.5:
            return True
    return False
