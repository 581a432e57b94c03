"""What becomes of samples longer than the largest size, and whether chunks can become one result again."""

from collections.abc import Iterable, Mapping
from math import gcd, lcm

from msgspec import structs

from npuspec.bundle.chunks import unstitchable
from npuspec.bundle.program import Dim, Output, Program
from npuspec.diagnostics import Diagnostic
from npuspec.spec import Spec, models


def multiples(spec: Spec) -> dict[str, int]:
    """Return, for each padded dimension, of what its sizes are multiples in the original model."""
    found = {name: 1 for name, dim in spec.dims.items() if dim.strategy != "fixed"}
    for table in spec.inputs.values():
        if isinstance(table, models.DataInput):
            found |= {a: lcm(found[a], table.pad_multiple) for a in table.shape if a in found}
    return found


def plan_dims(spec: Spec, found: Mapping[str, Dim], outputs: Iterable[Output]) -> dict[str, Dim]:
    """Return the padded dimensions with what the spec says of longer samples.

    A chunk begins where a step of each output does, so that steps of neighbouring chunks are the same steps.
    """
    extents = [extent for output in outputs for extent in output.extents]
    dims = {}
    for name, dim in found.items():
        table = spec.dims[name]
        if isinstance(table, models.FixedDim):
            raise TypeError(name)
        steps = [e.divisor // gcd(e.scale, e.divisor) for e in extents if e.dim == name]
        chunks = {
            "overlap": table.overlap,
            "stitch": table.stitch,
            "step": lcm(dim.multiple, *steps),
        }
        dims[name] = structs.replace(dim, overflow=table.overflow, **(chunks if table.overflow == "chunk" else {}))
    return dims


def check_chunks(program: Program) -> list[Diagnostic]:
    """Return a fault for each output whose chunks can't become one again."""
    return [
        Diagnostic("unstitchable", f"samples can't be chunked in `{dim}`: {why}", help_).at(("dims", dim, "overflow"))
        for dim, why, help_ in unstitchable(program)
    ]
