"""Samples of real lengths, as few as show how those lie."""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import accumulate
from math import prod

import numpy as np

from npuspec.bench.place import wrong
from npuspec.bundle.program import DataInput, Program
from npuspec.runtime.feed import Array, check_size
from npuspec.runtime.preprocess import given_axes, given_dtype

MOST = 256
"""Samples that are made."""
_BYTES = 2**28  # that they take


def choose_dim(program: Program, dim: str | None) -> str:
    """Return the dimension that lengths are of.

    Raises:
        InputError: `wrong-argument`: there is none, or it must be said which.

    """
    if not program.dims:
        raise wrong("this bundle has no dimension that varies, so that lengths say nothing", "leave --lengths out")
    if dim is None and len(program.dims) == 1:
        return next(iter(program.dims))
    if dim not in program.dims:
        names = ", ".join(f"`{name}`" for name in program.dims)
        message = "lengths are of one dimension, and there are several" if dim is None else f"there is no `{dim}`"
        raise wrong(message, f"--dim names one of {names}")
    return dim


def make_samples(
    program: Program, counts: Counter[int], dim: str, make: Callable[[Mapping[str, int]], dict[str, Array]]
) -> list[tuple[dict[str, Array], int]]:
    """Return samples of lengths that lie as those given do, and how many elements of each the model is to see.

    They rise in length.

    Args:
        program: what the bundle takes.
        counts: how often each length occurs.
        dim: the dimension that they are of; in others a sample is as long as it may be.
        make: makes a sample of given sizes.

    Raises:
        InputError: `sample-too-long`, `sample-too-short`; `wrong-argument`: one takes too much memory.

    """
    for length in (min(counts), max(counts)):
        check_size(program, dim, length)
    longest = {name: each.maximum for name, each in program.dims.items()}
    others = prod(size for name, size in longest.items() if name != dim)
    size = _bytes(program, {**longest, dim: max(counts)})
    if size > _BYTES:
        message = f"a sample that is {max(counts)} long in `{dim}` takes more memory than is taken here"
        raise wrong(message, "leave such lengths out")
    lengths = _quantiles(counts, max(1, min(MOST, counts.total(), _BYTES // max(1, size))))
    cut = program.dims[dim].maximum if program.dims[dim].overflow == "truncate" else max(counts)
    return [(make({**longest, dim: length}), min(length, cut) * others) for length in lengths]


def _bytes(program: Program, sizes: Mapping[str, int]) -> int:
    """Return what a sample of these sizes takes."""
    data = [port for port in program.inputs if isinstance(port, DataInput)]
    return sum(np.dtype(given_dtype(d)).itemsize * prod(int(sizes.get(str(a), a)) for a in given_axes(d)) for d in data)


def _quantiles(counts: Counter[int], number: int) -> list[int]:
    """Return lengths at even steps through all of them, as they are ordered."""
    lengths = sorted(counts)
    ends = [*accumulate(counts[length] for length in lengths)]
    places = (np.arange(number) + 0.5) * ends[-1] / number
    return [lengths[index] for index in np.searchsorted(ends, places, side="right")]
