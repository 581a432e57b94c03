"""The dimensions, and the shapes that are made of them."""

import re
from collections.abc import Iterator
from math import prod

from npuspec.diagnostics import Diagnostic, Path
from npuspec.diagnostics.suggest import did_you_mean
from npuspec.spec.axes import BATCH, varying_axes
from npuspec.spec.models import BucketsDim, DataInput, Dim, FixedDim, Spec

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_MOST_VARIANTS = 64


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
                "repeated-dim", f"a dimension stands twice in the shape of `{name}`", "give one of them another name"
            ).at(("inputs", name, "shape"))


def padded_of(spec: Spec) -> Iterator[Diagnostic]:
    """A length or mask follows a dimension of varying size of a data input; of several, it says which."""
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
            continue
        padded = [str(followed.shape[axis]) for axis in varying_axes(spec, followed)]
        if table.dim is not None and table.dim not in padded:
            message = f"`{table.dim}` is no padded dimension of `{table.of}`"
            yield Diagnostic("unknown-dim", message, did_you_mean(table.dim, padded)).at(("inputs", name, "dim"))
        elif not padded:
            message = f"`{table.of}` has no padded dimension: it always has one length"
            yield Diagnostic("ambiguous-length", message, "follow an input with a padded dimension").at(at)
        elif table.dim is None and len(padded) > 1:
            message = f"`{table.of}` has {len(padded)} padded dimensions: its length would not be one number"
            yield Diagnostic("ambiguous-length", message, f'say which is meant: `dim = "{padded[0]}"`').at(at)


def sizes_on_grid(spec: Spec) -> Iterator[Diagnostic]:
    """A padded size is one that the original model takes."""
    for table in spec.inputs.values():
        if not isinstance(table, DataInput) or table.pad_multiple == 1:
            continue
        for axis in varying_axes(spec, table):
            name = str(table.shape[axis])
            for at, size in _sizes(spec.dims[name]):
                if over := size % table.pad_multiple:
                    message = f"{size} is no multiple of {table.pad_multiple}, and the model takes nothing else"
                    help_ = f"the next one is {size - over + table.pad_multiple}"
                    yield Diagnostic("wrong-size", message, help_).at(("dims", name, *at))


def _sizes(dim: Dim) -> list[tuple[Path, int]]:
    if isinstance(dim, BucketsDim):
        return [(("sizes", index), size) for index, size in enumerate(dim.sizes)]
    return [(("size",), dim.size)]


def one_side(spec: Spec) -> Iterator[Diagnostic]:
    """Inputs that share a dimension are padded on one side: an output is cut on that side."""
    sides: dict[str, str] = {}
    for name, data in spec.inputs.items():
        if not isinstance(data, DataInput):
            continue
        for axis in varying_axes(spec, data):
            dim = str(data.shape[axis])
            if sides.setdefault(dim, data.pad_side) != data.pad_side:
                message = (
                    f"`{dim}` is padded on the {sides[dim]} in another input, and on the {data.pad_side} in `{name}`"
                )
                key = "pad-side" if "pad_side" in data.model_fields_set else "shape"
                yield Diagnostic("mixed-sides", message, "pad both on one side").at(("inputs", name, key))


def dim_of_output(spec: Spec) -> Iterator[Diagnostic]:
    """An output's length that is stated by hand, and what is valid of it, follow from a padded dimension."""
    padded = [name for name, dim in spec.dims.items() if dim.strategy != "fixed"]
    for name, output in spec.outputs.items():
        for key, table in (("length", output.length), ("select", output.select)):
            if table is not None and table.dim not in padded:
                message = f"`{table.dim}` is no padded dimension of this spec"
                help_ = did_you_mean(table.dim, padded)
                yield Diagnostic("unknown-dim", message, help_).at(("outputs", name, key, "dim"))


def too_many_variants(spec: Spec) -> Iterator[Diagnostic]:
    """Each choice of buckets is a model of its own to make, measure and ship."""
    count = prod(len(dim.sizes) for dim in spec.dims.values() if isinstance(dim, BucketsDim))
    if count > _MOST_VARIANTS:
        message = f"these buckets make {count} static variants of the model, and at most {_MOST_VARIANTS} are possible"
        yield Diagnostic("too-many-variants", message, "state fewer sizes").at(("dims",))


def chunk_keys(spec: Spec) -> Iterator[Diagnostic]:
    """Chunks say how they overlap and how they become one again, and nothing else does."""
    for name, dim in spec.dims.items():
        if isinstance(dim, FixedDim):
            continue
        for key in ("overlap", "stitch"):
            stated = getattr(dim, key) is not None
            if dim.overflow == "chunk" and not stated:
                message = f"`{key}` is missing: how chunks become one result again is never implied"
                yield Diagnostic("missing-key", message, f"add `{key} = …`").at(("dims", name))
            elif dim.overflow != "chunk" and stated:
                message = f'`{key}` does nothing with overflow = "{dim.overflow}"'
                yield Diagnostic("idle-key", message, 'overflow = "chunk", or take it out').at(
                    ("dims", name, key), part="key"
                )
        smallest = dim.sizes[0] if isinstance(dim, BucketsDim) else dim.size
        if dim.overlap is not None and dim.overlap >= smallest:
            message = f"chunks of {smallest} can't overlap by {dim.overlap}"
            help_ = "overlap by less than the smallest size"
            yield Diagnostic("wrong-value", message, help_).at(("dims", name, "overlap"))
