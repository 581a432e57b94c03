"""The part of an output that a sample's own, and not its padding, has made."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from npuspec.bundle.program import DataInput, Extent, Input


def left_dims(inputs: Iterable[Input]) -> set[str | int]:
    """Return the dimensions that are padded on the left, whose outputs' valid part comes last."""
    return {axis for i in inputs if isinstance(i, DataInput) and i.pad_side == "left" for axis in i.axes}


def valid_slices(
    shape: Sequence[int], extents: Iterable[Extent], sizes: Mapping[str, int], left: Collection[str | int]
) -> tuple[slice, ...]:
    """Return where the valid part of one row of an output stands.

    Args:
        shape: of the output without its batch axis.
        extents: how long it is along its axes; axis 0 is the batch.
        sizes: the sample's size in each padded dimension.
        left: the dimensions that are padded on the left.

    """
    slices = [slice(None)] * len(shape)
    for extent in extents:
        axis, valid = extent.axis - 1, extent.of(sizes[extent.dim])
        start = shape[axis] - valid if extent.dim in left else 0
        slices[axis] = slice(start, start + valid)
    return tuple(slices)
