"""Which arrays look like random numbers or a constant rather than like something recorded."""

from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONSTANT = "a constant"

_LEAST = 256  # elements, below which chance alone may look like anything
_MOST = 1 << 16
_SIGMAS = 5.0
_FLATNESS = {"uniform noise": 1.8, "normal noise": 3.0}  # the fourth standardised moment
_NEAR = 0.2
_FEW = 32  # distinct values, below which something is counted or classed rather than normal


def name_noise(array: NDArray[Any]) -> str:
    """Name the noise, or return "" for what may be real."""
    if array.size < _LEAST or array.dtype.kind not in "iuf":
        return ""
    flat = array.ravel(order="K")  # as it lies in the file, so that nothing is copied
    if _is_constant(flat):
        return CONSTANT
    head = flat[:_MOST].astype(np.float64)
    if not np.isfinite(head).all() or (largest := float(np.abs(head).max())) == 0:
        return ""
    centred = head / largest
    centred -= centred.mean()
    variance = float((centred**2).mean())
    if variance == 0 or _is_correlated(centred, _strides(array), variance):
        return ""
    flatness = float((centred**4).mean()) / variance**2
    kind = next((kind for kind, value in _FLATNESS.items() if abs(flatness - value) < _NEAR), "")
    return "" if kind == "normal noise" and np.unique(head).size < _FEW else kind


def _is_constant(flat: NDArray[Any]) -> bool:
    """Tell whether all elements are equal, reading on only as long as they are."""
    blocks = (flat[start : start + _MOST] for start in range(0, flat.size, _MOST))
    return all(bool((block == flat[0]).all()) for block in blocks)


def _strides(array: NDArray[Any]) -> list[int]:
    """Return how far neighbours along each axis lie apart in the file, in elements."""
    shape = array.shape if array.flags.c_contiguous else array.shape[::-1]
    return sorted({1, *accumulate(reversed(shape[1:]), lambda near, size: near * size)})


def _is_correlated(centred: NDArray[Any], lags: list[int], variance: float) -> bool:
    """Tell whether neighbours have more in common than chance gives them."""
    for lag in lags:
        pairs = centred.size - lag
        if pairs >= _LEAST and abs((centred[:-lag] * centred[lag:]).mean()) > _SIGMAS * variance / pairs**0.5:
            return True
    return False
