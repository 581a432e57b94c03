"""Whether outputs can be cut to their valid part: what propagating lengths showed, held against the spec."""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic
from npuspec.diagnostics.suggest import toml_key
from npuspec.facts import Lengths
from npuspec.plan.passes.bind import padded_dims
from npuspec.spec import Spec, models

_ARGMAX = ("frame-agreement", "top-1-agreement")


def check_lengths(spec: Spec, lengths: Lengths) -> list[Diagnostic]:
    """Return a fault for each output that would come back with padding in it, or without its end."""
    return [
        *_unknown(lengths),
        *_several(lengths),
        *_shifted(spec, lengths),
        *_unselectable(spec, lengths),
        *_frameless(spec, lengths),
        *_sizes(spec, lengths),
    ]


def _unknown(lengths: Lengths) -> Iterator[Diagnostic]:
    for name, why in lengths.failures.items():
        message = f"how long output `{name}` is can't be found: {why}"
        help_ = (
            f"state it: [outputs.{toml_key(name)}] length = {{ dim = …, axis = …, offset = …, divisor = … }}; "
            "where no floor division is true, only a `fixed` size can be had"
        )
        yield Diagnostic("unknown-length", message, help_).at(("outputs", name))


def _several(lengths: Lengths) -> Iterator[Diagnostic]:
    for name, extents in lengths.extents.items():
        if len({e.axis for e in extents}) < len(extents):
            dims = " and ".join(f"`{e.dim}`" for e in extents)
            message = f"an axis of output `{name}` follows from {dims} at once, so its valid part isn't one piece"
            help_ = "pad one of them only, or split the output"
            yield Diagnostic("unknown-length", message, help_).at(("outputs", name))


def _shifted(spec: Spec, lengths: Lengths) -> Iterator[Diagnostic]:
    """Strides count from the left: behind padding of any length, the same sample falls on other steps."""
    data = [table for table in spec.inputs.values() if isinstance(table, models.DataInput)]
    left = {axis for table in data if table.pad_side == "left" for axis in table.shape}
    for name, extents in lengths.extents.items():
        for extent in extents:
            if extent.dim in left and (extent.scale, extent.divisor) != (1, 1):
                message = f"output `{name}` has another step than `{extent.dim}`: padding on the left shifts its frames"
                yield Diagnostic("unknown-length", message, 'pad-side = "right"').at(("outputs", name))


def _unselectable(spec: Spec, lengths: Lengths) -> Iterator[Diagnostic]:
    for name, table in spec.outputs.items():
        select = table.select
        if select is None or name in lengths.failures:
            continue
        follow = [f"axis {e.axis} from `{e.dim}`" for e in lengths.extents[name]]
        if (select.dim, select.axis) not in {(e.dim, e.axis) for e in lengths.extents[name]}:
            message = f"axis {select.axis} of output `{name}` isn't longer or shorter with `{select.dim}`"
            help_ = f"what follows: {', '.join(follow)}" if follow else "no axis of it follows from any dimension"
            yield Diagnostic("wrong-selection", message, help_).at(("outputs", name, "select", "axis"))


def _frameless(spec: Spec, lengths: Lengths) -> Iterator[Diagnostic]:
    for name, shape in lengths.shapes.items():
        if not shape or shape[0] != spec.batching.size:
            message = f"output `{name}` has shape {list(shape)}: its first axis isn't the batch of {spec.batching.size}"
            help_ = "state the batch that the model was made for; each of its outputs must have one"
            yield Diagnostic("output-batch", message, help_).at(("batching",))
    for index, gate in enumerate(spec.gates):
        if not isinstance(gate, models.AgreementGate) or gate.metric not in _ARGMAX:
            continue
        if _shape(spec, lengths, gate.output)[-1:] == (1,):
            message = f"frames of `{gate.output}` have one value each, so that any two agree"
            help_ = "gate an output with classes on its last axis"
            yield Diagnostic("empty-gate", message, help_).at(("gates", index, "output"))


def _shape(spec: Spec, lengths: Lengths, output: str) -> tuple[int, ...]:
    """Return an output's shape behind what the graph selects of it, without the batch; () becomes (1,)."""
    shape = lengths.shapes[output]
    table = spec.outputs.get(output)
    if table is not None and table.select is not None and table.select.kind != "zero-invalid":
        shape = (*shape[: table.select.axis], *shape[table.select.axis + 1 :])
    return shape[1:] or (1,)


def _sizes(spec: Spec, lengths: Lengths) -> Iterator[Diagnostic]:
    for dim, sizes in padded_dims(spec).items():
        if sizes[0] < lengths.dims[dim].minimum:
            message = f"the model takes no `{dim}` below {lengths.dims[dim].minimum}"
            yield Diagnostic("wrong-size", message, "state a larger size").at(("dims", dim))
