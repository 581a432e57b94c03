"""Bind the spec's inputs and outputs to the model's ports: names, ranks, dtypes, and nothing left dynamic."""

from collections.abc import Mapping
from typing import TypeVar

from npuspec.bundle.program import DataInput, Extent, Input, LengthInput, MaskInput, Output, Program, Variant
from npuspec.diagnostics import Diagnostic
from npuspec.diagnostics.suggest import did_you_mean, toml_key
from npuspec.facts import Lengths, Port, Signature
from npuspec.plan.passes.fold import FLOAT_MAX, check_fold, range_of
from npuspec.plan.passes.overflow import plan_dims
from npuspec.plan.passes.preprocess import check_preprocess, plan_preprocess
from npuspec.spec import Spec, models
from npuspec.spec.axes import BATCH, varying_axes

LENGTH_DTYPES = ("int32", "int64")
MASK_DTYPES = ("bool", "uint8", "int8", "int32", "int64", "float16", "float32")
DATA_DTYPES = (*MASK_DTYPES, "int16", "uint16", "uint32", "uint64", "float64")
Size = TypeVar("Size", int, str)

MAX_BYTES = 2**31  # of one input of one variant


def check_ports(spec: Spec, signature: Signature) -> list[Diagnostic]:
    """Hold the spec's names and shapes against the model's, before anything is propagated through it."""
    ports = {port.name: port for port in signature.inputs}
    faults = [
        Diagnostic("unknown-input", f"the model has no input `{name}`", did_you_mean(name, ports)).at(
            ("inputs", name), part="key"
        )
        for name in spec.inputs
        if name not in ports
    ]
    faults += [
        Diagnostic(
            "unstated-input",
            f"the model has an input `{name}` of shape {shown(port)} that the spec doesn't mention",
            f'add [inputs.{toml_key(name)}] with a shape, or with role = "length" or "mask"',
        ).at(("inputs",))
        for name, port in ports.items()
        if name not in spec.inputs
    ]
    for name, table in spec.inputs.items():
        if name in ports:
            faults += _check_port(spec, table, ports[name])
    faults += _check_outputs(spec, {port.name: port for port in signature.outputs})
    return faults


def shown(port: Port) -> str:
    """Return a port's shape and dtype for people, with ? where it varies."""
    return f"[{', '.join('?' if n is None else str(n) for n in port.shape)}] {port.dtype}"


def _check_outputs(spec: Spec, ports: Mapping[str, Port]) -> list[Diagnostic]:
    def unknown(name: str) -> Diagnostic:
        return Diagnostic("unknown-output", f"the model has no output `{name}`", did_you_mean(name, ports))

    faults = [
        Diagnostic(
            "wrong-port-dtype",
            f"output `{name}` is {shown(port)} in the model, which no array of numbers has",
            "convert it before the model is exported",
        ).at(("model",))
        for name, port in ports.items()
        if port.dtype not in DATA_DTYPES
    ]
    for name, table in spec.outputs.items():
        if name not in ports:
            faults.append(unknown(name).at(("outputs", name), part="key"))
            continue
        for key, below in (("length", table.length), ("select", table.select)):
            if below is not None and below.axis >= len(ports[name].shape):
                message = f"`{name}` is {shown(ports[name])} in the model, and has no axis {below.axis}"
                at = ("outputs", name, key, "axis")
                faults.append(Diagnostic("wrong-port-rank", message, "axis 0 is the batch").at(at))
        if table.select is not None and table.select.kind == "masked-mean" and ports[name].dtype not in FLOAT_MAX:
            message = f"a mean is of floats; the model's `{name}` is {shown(ports[name])}"
            at = ("outputs", name, "select", "kind")
            faults.append(Diagnostic("wrong-port-dtype", message, 'select "last-valid" or "zero-invalid"').at(at))
    faults += [
        unknown(gate.output).at(("gates", index, "output"))
        for index, gate in enumerate(spec.gates)
        if isinstance(gate, models.AgreementGate | models.TaskGate) and gate.output not in ports
    ]
    return faults


def _check_port(spec: Spec, table: models.Input, port: Port) -> list[Diagnostic]:
    at = ("inputs", port.name)
    if isinstance(table, models.DataInput):
        return _check_data(spec, table, port)
    is_length = isinstance(table, models.LengthInput)
    dtypes, ranks = (LENGTH_DTYPES, (1, 2)) if is_length else (MASK_DTYPES, (2,))
    faults = []
    if port.dtype not in dtypes:
        message = f"a {table.role} is of {', '.join(dtypes)}; the model's `{port.name}` is {shown(port)}"
        faults.append(Diagnostic("wrong-port-dtype", message, "give this input another role").at((*at, "role")))
    if len(port.shape) not in ranks:
        message = f"a {table.role} has rank {' or '.join(map(str, ranks))}; the model's `{port.name}` is {shown(port)}"
        faults.append(Diagnostic("wrong-port-rank", message, "give this input another role").at((*at, "role")))
    return faults


def _check_data(spec: Spec, table: models.DataInput, port: Port) -> list[Diagnostic]:
    at = ("inputs", port.name, "shape")
    if len(table.shape) != len(port.shape):
        message = f"`{port.name}` is {shown(port)} in the model: rank {len(port.shape)}, not {len(table.shape)}"
        return [Diagnostic("wrong-port-rank", message, "name one dimension or size for each axis").at(at)]
    faults = []
    if port.dtype not in DATA_DTYPES:
        message = f"`{port.name}` is of {port.dtype}, which can't be fed"
        faults.append(
            Diagnostic("wrong-port-dtype", message, f"feed one of {', '.join(DATA_DTYPES)}").at(("inputs", port.name))
        )
    size = 1
    for index, (axis, fixed) in enumerate(zip(table.shape, port.shape, strict=True)):
        sizes = (spec.batching.size,) if axis == BATCH else sizes_of(spec, axis)
        size *= max(sizes)
        if fixed is not None and (others := [n for n in sizes if n != fixed]):
            message = f"axis {index} of `{port.name}` is {fixed} in the model, and can't be {others[0]}"
            help_ = f"[batching] size = {fixed}" if axis == BATCH else f"state {fixed} here"
            faults.append(Diagnostic("wrong-size", message, help_).at((*at, index)))
    if size * 8 > MAX_BYTES:
        message = f"`{port.name}` would have {size:,} elements"
        faults.append(Diagnostic("input-too-large", message, "state smaller sizes, or a smaller batch").at(at))
    return [*faults, *check_preprocess(table, port), *_check_pad_value(spec, table, port)]


def _check_pad_value(spec: Spec, table: models.DataInput, port: Port) -> list[Diagnostic]:
    if port.dtype not in DATA_DTYPES:
        return []
    value, at = table.pad_value, ("inputs", port.name, "pad-value")
    if not port.dtype.startswith("float") and value != int(value):
        message = f"`{port.name}` is of {port.dtype}, which {value} isn't"
        return [Diagnostic("wrong-type", message, "pad with a whole number").at(at)]
    lowest, highest = range_of(port.dtype)
    if not lowest <= value <= highest:
        message = f"`{port.name}` is of {port.dtype}, which can't hold {value:g}"
        return [Diagnostic("wrong-value", message, f"pad with a value from {lowest:g} to {highest:g}").at(at)]
    return check_fold(spec, table, port)


def sizes_of(spec: Spec, axis: str | int) -> tuple[int, ...]:
    """Return the sizes that an axis of a static variant may have, rising."""
    match axis if isinstance(axis, int) else spec.dims[axis]:
        case int(size):
            return (size,)
        case models.BucketsDim(sizes=sizes):
            return sizes
        case dim:
            return (dim.size,)


def padded_dims(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the dimensions whose size varies from sample to sample, sorted, with the sizes that they are padded to."""
    return {name: sizes_of(spec, name) for name, dim in sorted(spec.dims.items()) if dim.strategy != "fixed"}


def static_shape(spec: Spec, name: str, port: Port, sizes: Mapping[str, Size]) -> tuple[int | Size, ...]:
    """Return an input's full shape, with what is given for the padded dimensions: their sizes, or their names."""
    table = spec.inputs[name]
    if isinstance(table, models.DataInput):
        return tuple(sizes[a] if a in sizes else _fixed_size(spec, a) for a in table.shape)
    if isinstance(table, models.LengthInput):
        return (spec.batching.size, *(1 for _ in port.shape[1:]))
    return (spec.batching.size, sizes[followed_dim(spec, table)])


def named_shapes(spec: Spec, signature: Signature) -> dict[str, tuple[int | str, ...]]:
    """Return each input's full shape, with names for the padded dimensions."""
    names = {dim: dim for dim in padded_dims(spec)}
    ports = {port.name: port for port in signature.inputs}
    return {name: static_shape(spec, name, ports[name], names) for name in spec.inputs}


def _fixed_size(spec: Spec, axis: str | int) -> int:
    return spec.batching.size if axis == BATCH else sizes_of(spec, axis)[0]


def followed_dim(spec: Spec, table: models.LengthInput | models.MaskInput) -> str:
    """Return the padded dimension that a length or mask speaks of."""
    followed = spec.inputs[table.of]
    if not isinstance(followed, models.DataInput):
        raise TypeError(table.of)
    return table.dim or str(followed.shape[varying_axes(spec, followed)[0]])


def build_program(spec: Spec, signature: Signature, lengths: Lengths) -> Program:
    """Put the ports, the padded dimensions and the propagated lengths together; they have been checked."""
    ports = {port.name: port for port in signature.inputs}
    inputs = tuple(_input(spec, port) for port in signature.inputs)
    outputs = tuple(Output(name=p.name, dtype=p.dtype, extents=lengths.extents[p.name]) for p in signature.outputs)
    variants = tuple(
        Variant(
            name=variant_name(sizes),
            sizes=sizes,
            shapes={name: static_shape(spec, name, ports[name], sizes) for name in spec.inputs},
        )
        for sizes in combinations(padded_dims(spec))
    )
    dims = plan_dims(spec, lengths.dims, outputs)
    return Program(batch=spec.batching.size, dims=dims, inputs=inputs, outputs=outputs, variants=variants)


def variant_name(sizes: Mapping[str, int]) -> str:
    """Return the name of the static variant of these sizes."""
    return "-".join(f"{dim}{size}" for dim, size in sizes.items()) or "static"


def combinations(dims: dict[str, tuple[int, ...]]) -> list[dict[str, int]]:
    """Return every choice of one size a dimension, smaller inputs first."""
    choices: list[dict[str, int]] = [{}]
    for dim, sizes in dims.items():
        choices = [{**choice, dim: size} for choice in choices for size in sizes]
    return sorted(choices, key=lambda choice: (_product(choice), tuple(choice.values())))


def _product(choice: dict[str, int]) -> int:
    product = 1
    for size in choice.values():
        product *= size
    return product


def _input(spec: Spec, port: Port) -> Input:
    table = spec.inputs[port.name]
    if isinstance(table, models.DataInput):
        axes = tuple(a if a in padded_dims(spec) else sizes_of(spec, a)[0] for a in table.shape[1:])
        return DataInput(
            name=port.name,
            dtype=port.dtype,
            axes=axes,
            pad_value=table.pad_value,
            pad_side=table.pad_side,
            finite=table.finite,
            preprocess=plan_preprocess(table, port),
        )
    kind = LengthInput if isinstance(table, models.LengthInput) else MaskInput
    return kind(name=port.name, dtype=port.dtype, of=table.of, dim=followed_dim(spec, table))


def stated_extents(spec: Spec) -> dict[str, list[Extent]]:
    """Return what the spec states by hand of its outputs' lengths."""
    return {n: [Extent(**o.length.model_dump())] for n, o in spec.outputs.items() if o.length is not None}
