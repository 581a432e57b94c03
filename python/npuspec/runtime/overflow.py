"""Samples longer than the largest variant: cut off, or run in chunks whose outputs become one again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec.bundle.chunks import chunk_starts
from npuspec.bundle.program import DataInput, Program
from npuspec.runtime.feed import check_sample, choose_variant
from npuspec.runtime.preprocess import preprocess
from npuspec.runtime.resize import resize

Array = NDArray[Any]

MOST_KNOWN = 4096
"""So many combinations of shapes are remembered at a time."""


@dataclass(slots=True)
class Fit:
    """What follows from a sample's shapes."""

    sizes: Mapping[str, int]
    """Its size in each padded dimension."""
    variant: str
    """The smallest that holds it."""
    volume: int
    """How much of that it fills."""
    cuts: list[tuple[str, tuple[Any, ...]]] | None = None
    """Where the valid part of each output stands, once that has been found."""


@dataclass(slots=True)
class Piece:
    """A part of a sample that a variant holds, and where it begins in the chunked dimension."""

    arrays: Mapping[str, Array]
    fit: Fit
    start: int = 0


class Pieces:
    """Makes pieces of samples. What follows from shapes and dtypes alone is remembered.

    Args:
        program: what the model takes.

    """

    def __init__(self, program: Program) -> None:
        self._program = program
        inputs = [i for i in program.inputs if isinstance(i, DataInput)]
        self._names = [data.name for data in inputs]
        self._prepared = [data for data in inputs if data.preprocess is not None]
        self._known: dict[tuple[Any, ...], Fit] = {}

    def __call__(self, sample: Mapping[str, Any]) -> list[Piece]:
        """Return what is run of a sample: itself where it fits, without its end, or its chunks, which rise in `start`.

        Raises:
            InputError: as `check_sample` does.

        """
        key = self._key(sample)
        known = None if key is None else self._known.get(key)
        if known is not None:
            arrays = sample
            if self._prepared:
                arrays = {**sample, **{d.name: preprocess(d, resize(d, sample[d.name])) for d in self._prepared}}
            return [Piece(arrays, known)]
        checked, sizes = check_sample(self._program, sample)
        pieces = pieces_of(self._program, checked, sizes)
        if key is not None and len(pieces) == 1 and pieces[0].fit.sizes == sizes:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = pieces[0].fit
        return pieces

    def _key(self, sample: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Return the shapes and dtypes of plain arrays; None for whatever else was given."""
        if type(sample) is not dict or len(sample) != len(self._names):
            return None
        key: tuple[Any, ...] = ()
        for name in self._names:
            array = sample.get(name)
            if type(array) is not np.ndarray:
                return None
            key += (array.shape, array.dtype)
        return key


def pieces_of(program: Program, arrays: Mapping[str, Array], sizes: Mapping[str, int]) -> list[Piece]:
    """Return what is run of a sample that was checked.

    Args:
        program: what the model takes.
        arrays: the sample, as `check_sample` returned it.
        sizes: its size in each padded dimension.

    """
    parts: list[tuple[Mapping[str, Array], Mapping[str, int], int]] = [(arrays, sizes, 0)]
    for name, size in sizes.items():
        dim = program.dims[name]
        if size <= dim.maximum:
            continue
        starts = chunk_starts(dim, size) if dim.overflow == "chunk" else [0]
        parts = [_part(program, part, name, start) for part in parts for start in starts]
    return [
        Piece(part, Fit(held, choose_variant(program, held).name, prod(held.values())), start)
        for part, held, start in parts
    ]


def _part(
    program: Program, part: tuple[Mapping[str, Array], Mapping[str, int], int], dim: str, start: int
) -> tuple[Mapping[str, Array], Mapping[str, int], int]:
    """Return what a variant holds of a part in one more dimension, from `start` on."""
    arrays, sizes, before = part
    most, found = program.dims[dim].maximum, dict(arrays)
    for data in program.inputs:
        if isinstance(data, DataInput) and dim in data.axes:
            axis = data.axes.index(dim)
            found[data.name] = found[data.name][(*(slice(None),) * axis, slice(start, start + most))]
    chunked = program.dims[dim].overflow == "chunk"
    return found, {**sizes, dim: min(most, sizes[dim] - start)}, start if chunked else before


def batches_of(pieces: Sequence[Piece], rows: int) -> list[tuple[str, list[int]]]:
    """Return full batches, and what is left over: variant, and which of the pieces."""
    lines: dict[str, list[int]] = {}
    for number, piece in enumerate(pieces):
        lines.setdefault(piece.fit.variant, []).append(number)
    return [(name, numbers[at : at + rows]) for name, numbers in lines.items() for at in range(0, len(numbers), rows)]


def stitch(program: Program, pieces: Sequence[Piece], results: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """Make one result of those of a sample's pieces.

    Args:
        program: what the model gives.
        pieces: the sample's, as `pieces_of` returned them.
        results: the outputs of each, cut to their valid part.

    """
    if len(pieces) == 1:
        return results[0]
    (name,) = (name for name, dim in program.dims.items() if dim.overflow == "chunk")
    length = pieces[-1].start + pieces[-1].fit.sizes[name]
    stitched = {}
    for output in program.outputs:
        parts = [result[output.name] for result in results]
        extent = next((e for e in output.extents if e.dim == name), None)
        if extent is None:
            weights = np.array([piece.fit.sizes[name] for piece in pieces], np.float64)
            mean = np.average(np.stack(parts).astype(np.float64), axis=0, weights=weights)
            stitched[output.name] = np.asarray(mean, parts[0].dtype)
        else:
            places = [extent.scale * piece.start // extent.divisor for piece in pieces]
            average = program.dims[name].stitch == "average" and parts[0].dtype.kind == "f"
            join = _average if average else _concatenate
            joined = join([np.moveaxis(part, extent.axis - 1, 0) for part in parts], places, extent.of(length))
            stitched[output.name] = np.ascontiguousarray(np.moveaxis(joined, 0, extent.axis - 1))
    return stitched


def _concatenate(parts: Sequence[Array], places: Sequence[int], length: int) -> Array:
    """Give each overlapping place to the part whose middle is nearer: half of an overlap to either."""
    ends = [
        (place + before + len(part)) // 2 for (before, part), (place, _) in pairwise(zip(places, parts, strict=True))
    ]
    bounds = zip([0, *ends], [*ends, length], strict=True)
    return np.concatenate(
        [part[low - place : high - place] for part, place, (low, high) in zip(parts, places, bounds, strict=True)]
    )


def _average(parts: Sequence[Array], places: Sequence[int], length: int) -> Array:
    total = np.zeros((length, *parts[0].shape[1:]), np.float64)
    count = np.zeros((length, *(1,) * (parts[0].ndim - 1)), np.float64)
    for part, place in zip(parts, places, strict=True):
        total[place : place + len(part)] += part
        count[place : place + len(part)] += 1
    return np.asarray(total / count, parts[0].dtype)
