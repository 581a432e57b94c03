"""The child's side: what only OpenVINO can tell."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count, product
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from msgspec import convert, to_builtins

from npuspec.bundle.program import Dim, Extent
from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, SpecError
from npuspec.facts.extents import find_extent_on_grid, shortest
from npuspec.facts.graph import NO_OPERATIONS, STEPS, THROUGH, above, below, is_weight
from npuspec.facts.model import Lengths, Port, Signature
from npuspec.facts.spectral import find_front_end
from npuspec.runtime.device import identity, present

_PRODUCTS = ("MatMul", "Einsum")


def read_model(core: ov.Core, path: Path) -> ov.Model:
    """Read an ONNX or IR file; of operations that share a name, all but the first are numbered from 2: `NAME/2`.

    Raises:
        SpecError: `not-a-model`.

    """
    try:
        model = core.read_model(path)
    except RuntimeError as error:
        message = f"OpenVINO can't read `{path.name}`: {reason(error)}"
        raise SpecError(Diagnostic("not-a-model", message, "export it again as ONNX or OpenVINO IR")) from None
    _tell_apart(model)
    return model


def _tell_apart(model: ov.Model) -> None:
    """Give operations, and then constants, names of their own, in the graph's order; ports keep theirs."""
    nodes = model.get_ordered_ops()
    taken = {node.get_friendly_name() for node in nodes}
    if len(taken) == len(nodes):
        return
    seen = {port.get_friendly_name() for port in (*model.get_parameters(), *model.get_results())}
    numbers = defaultdict[str, Iterator[int]](lambda: count(2))
    inner = [node for node in nodes if node.get_type_name() not in ("Parameter", "Result")]
    for node in sorted(inner, key=lambda node: node.get_type_name() == "Constant"):
        name = node.get_friendly_name()
        if name in seen:
            name = next(new for n in numbers[name] if (new := f"{name}/{n}") not in taken)
            node.set_friendly_name(name)
        seen.add(name)


def reason(error: Exception) -> str:
    """Return the line of an OpenVINO exception that says what was wrong; the others are file names of its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '", "While validating"))]
    return (telling or lines or [type(error).__name__])[0]


def port_name(port: Any) -> str:
    """Return the first tensor name in sorted order, or else the friendly name of the port's node."""
    names = sorted(port.get_names())
    return names[0] if names else str(port.get_node().get_friendly_name())


def dtype_name(port: Any) -> str:
    """Return NumPy's name of the port's element type, or OpenVINO's where NumPy has none."""
    element: ov.Type = port.element_type
    try:
        name = str(element.to_dtype().name)
        is_same = ov.Type(np.dtype(name)) == element  # of bf16 and u4, OpenVINO answers what their bytes are shown as
    except (RuntimeError, TypeError, KeyError):
        is_same = False
    return name if is_same else str(element.get_type_name())


def signature(arguments: Mapping[str, Any], _progress: Progress) -> Any:
    """Return the ports and operation names of the model file `arguments["model"]`."""
    model = read_model(ov.Core(), Path(arguments["model"]))
    nodes = model.get_ordered_ops()
    operations = [node for node in nodes if node.get_type_name() not in NO_OPERATIONS]
    found = Signature(
        inputs=_ports(model.inputs),
        outputs=_ports(model.outputs),
        operations=tuple(sorted({op.get_friendly_name() for op in operations})),
        types=tuple(sorted({op.get_type_name() for op in operations})),
        attention=any(map(_is_attention, operations)),
        front_end=find_front_end(nodes, {port.get_node().get_name(): port_name(port) for port in model.inputs}),
    )
    return to_builtins(found)


def _is_attention(operation: Any) -> bool:
    """Tell whether an operation is attention, or the softmax of one that was written out.

    That softmax stands between two products of activations. A product with a weight is a layer: a softmax behind one
    classifies, gates or pools.
    """
    kind = operation.get_type_name()
    if kind != "Softmax":
        return bool(kind == "ScaledDotProductAttention")
    return _reaches_product(above(operation)[:1], above) and _reaches_product(below(operation), below)


def _reaches_product(nodes: list[Any], near: Callable[[Any], list[Any]]) -> bool:
    """Tell whether a product of activations is met, going through nothing but what scales, masks and moves."""
    for _ in range(STEPS):
        if any(node.get_type_name() in _PRODUCTS and not any(map(is_weight, above(node))) for node in nodes):
            return True
        through = [node for node in nodes if node.get_type_name() in THROUGH]
        nodes = [*{value.get_name(): value for node in through for value in near(node)}.values()]
    return False


def _ports(ports: Any) -> tuple[Port, ...]:
    for port in ports:
        if port.partial_shape.rank.is_dynamic:
            message = f"`{port_name(port)}` has no fixed rank: neither an NPU nor a spec can say what it takes"
            raise SpecError(Diagnostic("dynamic-shape", message, "export the model with a fixed number of axes"))
    return tuple(
        Port(
            name=port_name(port),
            dtype=dtype_name(port),
            shape=tuple(d.get_length() if d.is_static else None for d in port.partial_shape),
        )
        for port in ports
    )


class _Propagation:
    """Sizes in, the outputs' shapes out; each question is put to the model once."""

    def __init__(self, model: ov.Model, shapes: Mapping[str, list[str | int]], largest: Mapping[str, int]) -> None:
        self._model = model
        self._shapes = shapes
        self._largest = largest
        self._seen: dict[tuple[str, int], dict[str, tuple[int, ...]] | str] = {}

    def shapes(self, dim: str, size: int) -> dict[str, tuple[int, ...]] | str:
        """Return the outputs' shapes with one dimension of this size and the others at their largest, or why not."""
        if (dim, size) not in self._seen:
            sizes = {**self._largest, dim: size}
            full = {name: [sizes.get(str(a), a) for a in shape] for name, shape in self._shapes.items()}
            self._seen[dim, size] = _output_shapes(self._model, full)
        return self._seen[dim, size]

    def length(self, size: int, *, dim: str, output: str, axis: int) -> int | None:
        """Return how long an output is along an axis."""
        shapes = self.shapes(dim, size)
        return None if isinstance(shapes, str) else shapes[output][axis]


def lengths(arguments: Mapping[str, Any], _progress: Progress) -> Any:
    """Propagate sizes through the model and find each output's extents and each dimension's shortest size."""
    largest: dict[str, int] = {dim: max(sizes) for dim, sizes in arguments["sizes"].items()}
    model = _Propagation(read_model(ov.Core(), Path(arguments["model"])), arguments["shapes"], largest)
    top = model.shapes("", 0)
    if isinstance(top, str):
        message = f"the model can't have the sizes {largest}: {top}"
        raise SpecError(Diagnostic("impossible-shape", message, "choose sizes that the model takes"))
    grid: dict[str, int] = arguments["multiples"]
    dims = {dim: _dim(partial(model.shapes, dim), high, grid[dim]) for dim, high in largest.items()}
    extents: dict[str, list[Extent]] = {output: [] for output in top}
    failures: dict[str, str] = {}
    for output, shape in top.items():
        stated = [convert(e, Extent) for e in arguments["stated"].get(output, ())]
        for (name, dim), axis in product(dims.items(), range(1, len(shape))):
            found = find_extent_on_grid(
                partial(model.length, dim=name, output=output, axis=axis),
                dim=name,
                axis=axis,
                low=dim.minimum,
                sizes=arguments["sizes"][name],
                multiple=grid[name],
                stated=next((e for e in stated if (e.dim, e.axis) == (name, axis)), None),
            )
            if isinstance(found, str):
                failures[output] = found
            elif found is not None:
                extents[output].append(found)
    kept = {output: tuple(found) for output, found in extents.items()}
    return to_builtins(Lengths(dims=dims, extents=kept, failures=failures, shapes=top))


def _dim(propagate: Callable[[int], Any], high: int, multiple: int) -> Dim:
    """Find the shortest sample that the model takes once it is padded to the next multiple."""
    fewest = shortest(lambda count: propagate(count * multiple), high // multiple)
    return Dim(minimum=(fewest - 1) * multiple + 1, maximum=high, multiple=multiple)


def _output_shapes(model: ov.Model, shapes: Mapping[str, list[Any]]) -> dict[str, tuple[int, ...]] | str:
    copy = model.clone()
    try:
        copy.reshape({port: ov.PartialShape(shapes[port_name(port)]) for port in copy.inputs})
    except RuntimeError as error:
        return reason(error)
    result = {}
    for port in copy.outputs:
        if port.partial_shape.is_dynamic:
            return f"output `{port_name(port)}` stays dynamic: {port.partial_shape}"
        result[port_name(port)] = tuple(port.shape)
    return result


def devices(_arguments: Mapping[str, Any], _progress: Progress) -> dict[str, str]:
    """Return each present device's identity."""
    core = ov.Core()
    return {device: identity(core, device) for device in present(core)}
