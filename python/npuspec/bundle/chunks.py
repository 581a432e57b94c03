"""Where the chunks of a sample begin, and whether their outputs can become one again. Plain arithmetic."""

from collections.abc import Iterator

from npuspec.bundle.program import Dim, Extent, Output, Program


def chunk_starts(dim: Dim, size: int) -> list[int]:
    """Return where the chunks of a sample begin: as far apart as may be, and all but the last one full."""
    starts = list(range(0, size - dim.maximum, stride_of(dim)))
    return [*starts, -(-(size - dim.maximum) // dim.step) * dim.step]


def stride_of(dim: Dim) -> int:
    """Return how far a chunk begins behind the one before it: less than 1 where there can be none."""
    return (dim.maximum - dim.overlap) // dim.step * dim.step


def unstitchable(program: Program) -> Iterator[tuple[str, str, str]]:
    """Yield (dimension, why, what to do) for each output whose chunks can't become one."""
    chunked = {name: dim for name, dim in program.dims.items() if dim.overflow == "chunk"}
    if len(chunked) > 1:
        names = " and ".join(f"`{name}`" for name in chunked)
        yield max(chunked), f"a sample can't be chunked in {names} at once", 'overflow = "truncate" or "error"'
        return
    for name, dim in chunked.items():
        if stride_of(dim) < 1:
            yield name, f"chunks of {dim.maximum} begin at multiples of {dim.step}", "state a smaller overlap"
            continue
        if dim.maximum - dim.step + 1 < dim.minimum:
            why = f"a last chunk may be {dim.maximum - dim.step + 1} long, and the model takes none below {dim.minimum}"
            yield name, why, "state larger sizes"
        for output in program.outputs:
            yield from ((name, why, help_) for why, help_ in _unstitchable(output, name, dim))


def _unstitchable(output: Output, name: str, dim: Dim) -> Iterator[tuple[str, str]]:
    match [extent for extent in output.extents if extent.dim == name]:
        case []:
            if dim.stitch != "average" or not output.dtype.startswith("float"):
                yield (
                    f"output `{output.name}` has no axis that follows from `{name}`, so that its chunks have no place",
                    'stitch = "average" makes their mean, which only floats have; or overflow = "truncate"',
                )
        case [extent]:
            if extent.scale * dim.step % extent.divisor:
                yield f"steps of output `{output.name}` don't fall together", "make the bundle again"
            elif (missing := _gap(extent, dim)) > 0:
                yield (
                    f"between chunks {missing} step(s) of output `{output.name}` would be missing",
                    f"state an overlap of {-(-missing * extent.divisor // max(extent.scale, 1)) + dim.overlap} or more",
                )
        case _:
            yield f"output `{output.name}` follows from `{name}` on several axes", 'overflow = "truncate"'


def _gap(extent: Extent, dim: Dim) -> int:
    return extent.scale * stride_of(dim) // extent.divisor - extent.of(dim.maximum)
