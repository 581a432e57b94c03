"""Samples longer than the largest variant: cut off, or run in chunks whose outputs become one again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec.bundle.chunks import chunk_starts
from npuspec.bundle.program import DataInput, Program

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sample that a variant holds, and where it begins in the chunked dimension."""

    arrays: Mapping[str, Array]
    sizes: Mapping[str, int]
    start: int = 0


def pieces_of(program: Program, arrays: Mapping[str, Array], sizes: Mapping[str, int]) -> list[Piece]:
    """Return what is run of a sample: itself where it fits, without its end, or its chunks, which rise in `start`.

    Args:
        program: what the model takes.
        arrays: the sample, as `check_sample` returned it.
        sizes: its size in each padded dimension.

    """
    pieces = [Piece(arrays, sizes)]
    for name, size in sizes.items():
        dim = program.dims[name]
        if size <= dim.maximum:
            continue
        starts = chunk_starts(dim, size) if dim.overflow == "chunk" else [0]
        pieces = [_part(program, piece, name, start, dim.maximum) for piece in pieces for start in starts]
    return pieces


def _part(program: Program, piece: Piece, dim: str, start: int, size: int) -> Piece:
    arrays = dict(piece.arrays)
    for data in program.inputs:
        if isinstance(data, DataInput) and dim in data.axes:
            axis = data.axes.index(dim)
            arrays[data.name] = arrays[data.name][(*(slice(None),) * axis, slice(start, start + size))]
    length = min(size, piece.sizes[dim] - start)
    chunked = program.dims[dim].overflow == "chunk"
    return Piece(arrays, {**piece.sizes, dim: length}, start if chunked else piece.start)


def stitch(
    program: Program, pieces: Sequence[Piece], results: Sequence[Mapping[str, Array]], sizes: Mapping[str, int]
) -> dict[str, Array]:
    """Make one result of those of a sample's pieces.

    Args:
        program: what the model gives.
        pieces: the sample's, as `pieces_of` returned them.
        results: the outputs of each, cut to their valid part.
        sizes: the whole sample's size in each padded dimension.

    """
    if len(pieces) == 1:
        return dict(results[0])
    (name,) = (n for n, size in sizes.items() if program.dims[n].overflow == "chunk" and size > program.dims[n].maximum)
    stitched = {}
    for output in program.outputs:
        parts = [result[output.name] for result in results]
        extent = next((e for e in output.extents if e.dim == name), None)
        if extent is None:
            weights = np.array([piece.sizes[name] for piece in pieces], np.float64)
            mean = np.average(np.stack(parts).astype(np.float64), axis=0, weights=weights)
            stitched[output.name] = np.asarray(mean, parts[0].dtype)
        else:
            places = [extent.scale * piece.start // extent.divisor for piece in pieces]
            average = program.dims[name].stitch == "average" and parts[0].dtype.kind == "f"
            join = _average if average else _concatenate
            joined = join([np.moveaxis(part, extent.axis - 1, 0) for part in parts], places, extent.of(sizes[name]))
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
