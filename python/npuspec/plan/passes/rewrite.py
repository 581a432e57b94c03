"""What is made of lengths inside the model: masks, and selections of outputs."""

from collections.abc import Collection
from itertools import chain, count

from msgspec import structs

from npuspec.bundle.program import DataInput, Extent, LengthInput, MaskInput, Output, Program, Variant
from npuspec.plan.model import BuiltMask, Rewrite, Selection
from npuspec.spec import Spec, models


def plan_rewrite(spec: Spec, program: Program) -> Rewrite:
    """Return how the graph is rewritten; `program` is that of the original, whose selections have been checked."""
    built = [port for port in program.inputs if isinstance(port, MaskInput) and _is_built(spec, port.name)]
    selected = {name: table.select for name, table in spec.outputs.items() if table.select is not None}
    data = [port for port in program.inputs if isinstance(port, DataInput)]
    sides = {axis: port.pad_side for port in data for axis in port.axes}
    lengths = {port.dim: port.name for port in program.inputs if isinstance(port, LengthInput)}
    taken = {port.name for port in (*program.inputs, *program.outputs)}
    added = []
    for dim in sorted({*(m.dim for m in built), *(s.dim for s in selected.values())} - lengths.keys()):
        followed = next(port.name for port in data if dim in port.axes)
        added.append(LengthInput(name=_free(f"{dim}_length", taken), dtype="int32", of=followed, dim=dim))
    lengths |= {port.dim: port.name for port in added}
    extents = {(o.name, e.dim, e.axis): e for o in program.outputs for e in o.extents}
    return Rewrite(
        lengths=tuple(added),
        masks=tuple(BuiltMask(name=m.name, length=lengths[m.dim], side=sides[m.dim]) for m in built),
        selects=tuple(
            Selection(
                output=name,
                kind=chosen.kind,
                extent=extents[name, chosen.dim, chosen.axis],
                length=lengths[chosen.dim],
                side=sides[chosen.dim],
            )
            for name, chosen in selected.items()
        ),
    )


def _is_built(spec: Spec, name: str) -> bool:
    table = spec.inputs[name]
    return isinstance(table, models.MaskInput) and table.built == "in-model"


def _free(name: str, taken: Collection[str]) -> str:
    """Return the name, with a number behind it if a port has it."""
    return next(n for n in chain([name], (f"{name}_{i}" for i in count(2))) if n not in taken)


def rewritten(program: Program, rewrite: Rewrite) -> Program:
    """Return the program of the model as it ships."""
    gone = {mask.name for mask in rewrite.masks}
    removed = {s.output: s.extent.axis for s in rewrite.selects if s.kind != "zero-invalid"}
    added = {port.name: (program.batch, 1) for port in rewrite.lengths}

    def output(port: Output) -> Output:
        axis = removed.get(port.name)
        return port if axis is None else structs.replace(port, extents=_without(port.extents, axis))

    def variant(whole: Variant) -> Variant:
        shapes = {name: shape for name, shape in whole.shapes.items() if name not in gone}
        return structs.replace(whole, shapes={**shapes, **added})

    return structs.replace(
        program,
        inputs=(*(port for port in program.inputs if port.name not in gone), *rewrite.lengths),
        outputs=tuple(map(output, program.outputs)),
        variants=tuple(map(variant, program.variants)),
    )


def _without(extents: tuple[Extent, ...], axis: int) -> tuple[Extent, ...]:
    """Return extents behind the removal of an axis: those above it move down by one."""
    kept = [e for e in extents if e.axis != axis]
    return tuple(structs.replace(e, axis=e.axis - 1) if e.axis > axis else e for e in kept)
