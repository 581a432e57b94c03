"""The child's side: which samples look like random numbers or a constant rather than like something recorded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from npuspec.child import Progress
from npuspec.runtime.arrays import read_array

_LEAST = 256  # elements, below which chance alone may look like anything
_MOST = 1 << 16
_SIGMAS = 5.0
_FLATNESS = {"uniform noise": 1.8, "normal noise": 3.0}  # the fourth standardised moment
_NEAR = 0.2


def noise(arguments: Mapping[str, Any], _progress: Progress) -> dict[str, str]:
    """Return what those `.npy` files of the folder `arguments["data"]` look like that don't look real."""
    folder = Path(arguments["data"])
    found = {path: _looks_like(folder / path) for path in arguments["paths"] if path.lower().endswith(".npy")}
    return {path: kind for path, kind in found.items() if kind}


def _looks_like(path: Path) -> str:
    """Name the noise, or return "" for what may be real; what can't be read is another's affair."""
    try:
        array = read_array(path)
    except (OSError, ValueError):
        return ""
    if array.size < _LEAST or array.dtype.kind not in "iuf":
        return ""
    flat = array.reshape(-1)[:_MOST].astype(np.float64)
    if not np.isfinite(flat).all():
        return ""
    centred = flat - flat.mean()
    variance = float((centred**2).mean())
    if variance == 0:
        return "a constant"
    lags = [1, *(int(np.prod(array.shape[axis:])) for axis in range(1, array.ndim))]
    for lag in lags:
        pairs = centred.size - lag
        if pairs >= _LEAST and abs((centred[:-lag] * centred[lag:]).mean()) > _SIGMAS * variance / pairs**0.5:
            return ""
    flatness = float((centred**4).mean()) / variance**2
    return next((kind for kind, value in _FLATNESS.items() if abs(flatness - value) < _NEAR), "")
