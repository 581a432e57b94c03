"""What `select` of an output means, in NumPy: what the graph is held against, and what becomes of the original's."""

import numpy as np

from npuspec.runtime.feed import Array


def select(steps: Array, kind: str, axis: int) -> Array:
    """Return what is selected of an array all of whose steps along `axis` are valid; zeros where there are none."""
    if kind == "zero-invalid":
        return steps
    if not steps.shape[axis]:
        return np.zeros((*steps.shape[:axis], *steps.shape[axis + 1 :]), steps.dtype)
    found = steps.take(-1, axis) if kind == "last-valid" else steps.mean(axis, np.float64)
    return np.asarray(found, steps.dtype)
