"""Samples for a program of which nothing else is at hand: the same each time, random, and such as the model takes."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import openvino as ov

from npuspec.bundle.program import DataInput, Program
from npuspec.runtime.feed import Array
from npuspec.runtime.preprocess import given_axes, given_dtype

_SEED = 0
_INDEXED = {"Gather": (1, 0), "OneHot": (0, 1)}  # by type: the port of the indices, and that of the table or depth


def make_samples(program: Program, model: ov.Model) -> list[tuple[str, dict[str, Array]]]:
    """Return for each variant a sample that fills it and one that is padded, each with a name that says its sizes.

    Floating point is between -1 and 1, uint8 has all its values, and other integers stay below the size of what they
    are an index of, or else are 0 and 1.

    Args:
        program: what the bundle's models take.
        model: any of its variants.

    """
    make = sampler(program, model)
    return [
        (" ".join(f"{dim}={size}" for dim, size in sizes.items()) or "static", make(sizes)) for sizes in _sizes(program)
    ]


def sampler(program: Program, model: ov.Model) -> Callable[[Mapping[str, int]], dict[str, Array]]:
    """Return what makes a sample of the sizes that it is given, as `make_samples` does.

    Args:
        program: what the bundle's models take.
        model: any of its variants.

    """
    rng = np.random.default_rng(_SEED)
    data = [port for port in program.inputs if isinstance(port, DataInput)]
    limits = {port.name: index_limit(model, port.name) for port in data}
    return lambda sizes: {port.name: _random(rng, port, sizes, limits[port.name]) for port in data}


def _sizes(program: Program) -> Iterator[Mapping[str, int]]:
    for variant in program.variants:
        yield variant.sizes
        padded = {dim: max(program.dims[dim].minimum, size - max(1, size // 8)) for dim, size in variant.sizes.items()}
        if padded != variant.sizes:
            yield padded


def _random(rng: np.random.Generator, port: DataInput, sizes: Mapping[str, int], limit: int | None) -> Array:
    shape = [int(sizes.get(str(axis), axis)) for axis in given_axes(port)]
    dtype = np.dtype(given_dtype(port))
    if dtype.kind == "f":
        return rng.uniform(-1, 1, shape).astype(dtype)
    return rng.integers(0, limit or (256 if dtype == np.uint8 else 2), shape).astype(dtype)


def index_limit(model: ov.Model, name: str) -> int | None:
    """Return below what the values of an input must stay, since they are indices; None where they are none."""
    ports: deque[Any] = deque([model.input(name)])
    limits = []
    while ports:
        for target in ports.popleft().get_target_inputs():
            node = target.get_node()
            kind = node.get_type_name()
            if kind == "Convert":
                ports.append(node.output(0))
            elif kind in _INDEXED and target.get_index() == _INDEXED[kind][0]:
                limits.append(_length(node, _INDEXED[kind][1]))
    return min(filter(None, limits), default=None)


def _length(node: Any, port: int) -> int | None:
    """Return how long what is indexed is, where the model says so."""
    if node.get_type_name() == "OneHot":
        depth = node.input_value(port).get_node()
        return int(depth.data) if depth.get_type_name() == "Constant" else None
    axis, table = node.input_value(2).get_node(), node.input_value(port).get_partial_shape()
    if axis.get_type_name() != "Constant" or table.rank.is_dynamic:
        return None
    size = table[int(axis.data)]
    return size.get_length() if size.is_static else None
