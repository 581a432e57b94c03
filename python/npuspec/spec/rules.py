"""Rules that look at several tables together: one small function each, none of which reads a file."""

import re
from collections.abc import Callable, Iterator
from math import prod

from npuspec.diagnostics import Diagnostic, Path, Severity
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.npu import property_table
from npuspec.spec.models import BucketsDim, DataInput, Spec

BATCH = "batch"
"""The name that [batching]'s size has in an input's shape."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")

_MOST_VARIANTS = 64

Rule = Callable[[Spec], Iterator[Diagnostic]]


def unknown_property(spec: Spec) -> Iterator[Diagnostic]:
    """Every property is one that the table knows, with a value that the device takes."""
    table = property_table()
    for key, value in spec.properties.items():
        at = ("properties", key)
        if (known := table.get(key)) is None:
            like_ours = key.lower().removeprefix("npu_").replace("_", "-")  # it may be OpenVINO's name
            help_ = did_you_mean(like_ours, table) or "`npuspec explain unknown-property` says which there are"
            yield Diagnostic("unknown-property", f"unknown property `{key}`", help_).at(at, part="key")
        elif fault := known.fault(value):
            yield Diagnostic("property-value", f"`{key}` {fault}", known.known).at(at)
        elif not {spec.target.device, *spec.target.fallback} & {*known.devices}:
            where = " and ".join(known.devices)
            yield Diagnostic("property-device", f"`{key}` is a property of {where} only", "take it out").at(
                at, part="key"
            )


def bypassed_driver_cache(spec: Spec) -> Iterator[Diagnostic]:
    """Bypassing the driver's cache is the opposite of what it is often recommended for."""
    if spec.properties.get("bypass-umd-caching") is True:
        message = "`bypass-umd-caching = true` switches the driver's cache off: repeated compilations become slower"
        fault = Diagnostic("cache-bypassed", message, "take it out", severity=Severity.WARNING)
        yield fault.at(("properties", "bypass-umd-caching"))


def fallback_is_target(spec: Spec) -> Iterator[Diagnostic]:
    """A fallback is another device."""
    for index, device in enumerate(spec.target.fallback):
        if device in (spec.target.device, *spec.target.fallback[:index]):
            help_ = "name another device, or take it out"
            yield Diagnostic("useless-fallback", f"falling back to `{device}` changes nothing", help_).at(
                ("target", "fallback", index)
            )


def undeclared_dim(spec: Spec) -> Iterator[Diagnostic]:
    """Every name in a shape is a dimension, and every dimension is used."""
    used = set()
    for name, data in spec.inputs.items():
        for index, axis in enumerate(data.shape if isinstance(data, DataInput) else ()):
            used.add(axis)
            if isinstance(axis, str) and axis != BATCH and axis not in spec.dims:
                message = f"`{axis}` is no dimension of this spec"
                help_ = did_you_mean(axis, [*spec.dims, BATCH]) or f"declare it: [dims.{axis}]"
                yield Diagnostic("unknown-dim", message, help_).at(("inputs", name, "shape", index))
    for dim in spec.dims:
        if dim == BATCH:
            yield Diagnostic("batch-dim", "the size of `batch` is stated in [batching]", "take this table out").at(
                ("dims", dim)
            )
        elif dim not in used:
            message = f"no input's shape has the dimension `{dim}`"
            yield Diagnostic("unused-dim", message, "take the table out, or use its name in a shape").at(
                ("dims", dim), part="key"
            )


def dim_name(spec: Spec) -> Iterator[Diagnostic]:
    """A dimension's name is part of the names of variants, and so of files in the bundle."""
    for dim in spec.dims:
        if not _NAME.fullmatch(dim):
            message = f"`{dim}` can't name a dimension"
            help_ = "at most 40 of the letters a to z, digits, `_` and `-`, a letter first"
            yield Diagnostic("wrong-value", message, help_).at(("dims", dim), part="key")


def stated_length(spec: Spec) -> Iterator[Diagnostic]:
    """An output's length that is stated by hand follows from a padded dimension."""
    padded = [name for name, dim in spec.dims.items() if dim.strategy != "fixed"]
    for name, output in spec.outputs.items():
        if output.length is not None and output.length.dim not in padded:
            message = f"`{output.length.dim}` is no padded dimension of this spec"
            yield Diagnostic("unknown-dim", message, did_you_mean(output.length.dim, padded)).at(
                ("outputs", name, "length", "dim")
            )


def batch_is_first(spec: Spec) -> Iterator[Diagnostic]:
    """The batch is axis 0, and a dimension stands once in a shape."""
    for name, data in spec.inputs.items():
        if not isinstance(data, DataInput):
            continue
        if data.shape[0] != BATCH:
            message = f"the first axis of `{name}` must be `batch`"
            yield Diagnostic("batch-axis", message, 'shape = ["batch", …]').at(("inputs", name, "shape"))
        names = [a for a in data.shape if isinstance(a, str)]
        if len(names) != len(set(names)):
            yield Diagnostic(
                "repeated-dim", "a dimension stands twice in this shape", "give one of them another name"
            ).at(("inputs", name, "shape"))


def padded_of(spec: Spec) -> Iterator[Diagnostic]:
    """A length or mask follows a data input that has one dimension of varying size."""
    for name, table in spec.inputs.items():
        if isinstance(table, DataInput):
            continue
        at = ("inputs", name, "of")
        followed = spec.inputs.get(table.of)
        if not isinstance(followed, DataInput):
            names = [n for n, t in spec.inputs.items() if isinstance(t, DataInput)]
            yield Diagnostic(
                "unknown-input", f"`{table.of}` is no data input of this spec", did_you_mean(table.of, names)
            ).at(at)
        elif (count := len(varying_axes(spec, followed))) != 1:
            message = f"`{table.of}` has {count} padded dimensions: its length would not be one number"
            yield Diagnostic("ambiguous-length", message, "follow an input with exactly one padded dimension").at(at)


def data_for_an_input(spec: Spec) -> Iterator[Diagnostic]:
    """Samples are of a data input, and they are there when something needs them."""
    if spec.data is None:
        needs: list[Path] = [("quantization",)] if spec.quantization.mode != "none" else []
        needs += [("gates", i) for i in range(len(spec.gates))]
        fault = Diagnostic(
            "no-data", "there are no real samples: the spec has no [data]", "add it, with `source` and `input`"
        )
        for path in needs:
            fault = fault.at(path, "this needs them")
        yield from [fault] if needs else []
        return
    names = [n for n, t in spec.inputs.items() if isinstance(t, DataInput)]
    if spec.data.input not in names:
        message = f"`{spec.data.input}` is no data input of this spec"
        yield Diagnostic("unknown-input", message, did_you_mean(spec.data.input, names)).at(("data", "input"))
    elif len(names) > 1:
        message = "samples of one input can't feed a model with several data inputs"
        yield Diagnostic("several-data-inputs", message, "gates and quantization need a model with one data input").at(
            ("data", "input")
        )


def gate_compares_two(spec: Spec) -> Iterator[Diagnostic]:
    """A gate compares two different models that both exist."""
    for index, gate in enumerate(spec.gates):
        if gate.of == gate.against:
            message = f"a gate that compares `{gate.of}` with itself always passes"
            yield Diagnostic("empty-gate", message, 'against = "original"').at(("gates", index, "against"))
        if gate.of == "quantized" and spec.quantization.mode == "none":
            message = "there is no quantized model to gate"
            yield Diagnostic("empty-gate", message, 'state quantization.mode = "int8", or gate `static`').at(
                ("gates", index, "of")
            )


def one_side(spec: Spec) -> Iterator[Diagnostic]:
    """Inputs that share a dimension are padded on one side: an output is cut on that side."""
    sides: dict[str, str] = {}
    for name, data in spec.inputs.items():
        if not isinstance(data, DataInput):
            continue
        for axis in varying_axes(spec, data):
            dim = str(data.shape[axis])
            if sides.setdefault(dim, data.pad_side) != data.pad_side:
                message = f"`{dim}` is padded on the {sides[dim]} in another input, and on the {data.pad_side} here"
                key = "pad-side" if "pad_side" in data.model_fields_set else "shape"
                yield Diagnostic("mixed-sides", message, "pad both on one side").at(("inputs", name, key))


def idle_batch(spec: Spec) -> Iterator[Diagnostic]:
    """A session takes one sample at a time: a batch is computed for one result."""
    if spec.batching.size > 1:
        message = f"each inference computes {spec.batching.size} rows, and a session fills them all with one sample"
        help_ = "size = 1, unless the model has no other batch"
        yield Diagnostic("idle-batch", message, help_, severity=Severity.WARNING).at(("batching", "size"))


def too_many_variants(spec: Spec) -> Iterator[Diagnostic]:
    """Each choice of buckets is a model of its own to make, measure and ship."""
    count = prod(len(dim.sizes) for dim in spec.dims.values() if isinstance(dim, BucketsDim))
    if count > _MOST_VARIANTS:
        message = f"these buckets make {count} static variants of the model, and at most {_MOST_VARIANTS} are possible"
        yield Diagnostic("too-many-variants", message, "state fewer sizes").at(("dims",))


def idle_quantization(spec: Spec) -> Iterator[Diagnostic]:
    """A recipe that isn't used is a mistake: most likely the mode was forgotten."""
    if spec.quantization.mode == "none" and (written := spec.quantization.model_fields_set - {"mode"}):
        message = "nothing is quantized, yet a recipe is stated"
        key = min(written).replace("_", "-")
        fault = Diagnostic("idle-quantization", message, 'add mode = "int8", or take the recipe out')
        yield fault.at(("quantization", key), part="key")


def varying_axes(spec: Spec, data: DataInput) -> list[int]:
    """Return the axes of an input whose size varies from sample to sample."""
    return [i for i, a in enumerate(data.shape) if a in spec.dims and spec.dims[str(a)].strategy != "fixed"]


RULES: tuple[Rule, ...] = (
    unknown_property,
    bypassed_driver_cache,
    fallback_is_target,
    undeclared_dim,
    dim_name,
    stated_length,
    batch_is_first,
    padded_of,
    data_for_an_input,
    gate_compares_two,
    one_side,
    idle_batch,
    too_many_variants,
    idle_quantization,
)
