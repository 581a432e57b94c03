"""Each quantized operation beside the floating-point one that it was made of: to be compared, switched, or put back."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op
from openvino.utils.node_factory import NodeFactory

SWITCHES = "npuspec/switches"
"""The input of a switched model: bool [blocks], true where a block is quantized."""

_MOVES = frozenset(
    (
        "Broadcast",
        "Concat",
        "MaxPool",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "StridedSlice",
        "Tile",
        "Transpose",
        "Unsqueeze",
        "VariadicSplit",
    )
)
"""Operations that compute nothing: what is quantized before them is quantized for those behind them."""
_NONE = frozenset(("Constant", "FakeQuantize", "Parameter", "Result", *_MOVES))
_INTEGERS = ("i8", "u8", "i4", "u4")
_SMOOTHING = "/nncf_smooth_quant"  # what NNCF calls the multiplication that moves outliers into the weights


@dataclass(frozen=True, slots=True)
class Twin:
    """A quantized operation, with the addition of its bias, and the same in floating point on the same inputs."""

    name: str
    type: str
    block: int
    """An operation with weights and those behind it that have none are one; numbers rise with the graph's order."""
    quantized: ov.Output
    floating: ov.Output

    def take(self, source: ov.Output) -> None:
        """Let all that reads the quantized operation read `source`, except what makes it."""
        maker = source.get_node().get_friendly_name()
        for target in self.quantized.get_target_inputs():
            if target.get_node().get_friendly_name() != maker:
                target.replace_source_output(source)


def twins(quantized: ov.Model, original: ov.Model) -> Iterator[Twin]:
    """Yield the quantized operations in the graph's order.

    What is done with one is seen by those that follow: their twins read what theirs was made to read.

    Args:
        quantized: what NNCF made of the model; operations are added to its graph.
        original: the model, whose constants are shared.

    """
    made_of = {operation.get_friendly_name(): operation for operation in original.get_ops()}
    graph = _Graph(made_of)
    order = quantized.get_ordered_ops()
    blocks = _blocks(graph, order)
    for operation in order:
        name = operation.get_friendly_name()
        if name in made_of and operation.get_type_name() not in _NONE and not graph.is_constant(operation.output(0)):
            inputs, is_quantized = graph.floating_inputs(operation)
            if is_quantized:
                twin, end = _twin(graph, operation, inputs)
                yield Twin(name, operation.get_type_name(), blocks[name], end.output(0), twin.output(0))


def _blocks(graph: "_Graph", order: Sequence[Any]) -> dict[str, int]:
    """Return the block of each operation: one of its own where it has quantized weights, else that before it."""
    blocks: dict[str, int] = {}
    count = 0
    for operation in order:
        if graph.has_weights(operation):
            count += 1
            block = count
        else:
            block = max((blocks[value.get_node().get_friendly_name()] for value in operation.input_values()), default=0)
        blocks[operation.get_friendly_name()] = block
    return blocks


def _twin(graph: "_Graph", operation: Any, inputs: list[Any]) -> tuple[Any, Any]:
    """Return the floating-point operation and the last quantized one: the operation, or the addition of its bias."""
    twin = _again(operation, inputs)
    targets = [*operation.output(0).get_target_inputs()]
    if len(targets) == 1 and (add := targets[0].get_node()).get_type_name() == "Add":
        place = 1 - targets[0].get_index()
        source = graph.made_of.get(add.get_friendly_name())
        if source is not None and graph.is_constant(add.input_value(place)):
            pair = [source.input_value(place), twin.output(0)]
            return _again(add, pair if place == 0 else pair[::-1]), add
    return twin, operation


def _again(operation: Any, inputs: Sequence[Any]) -> Any:
    """Return a new operation like another, on other inputs."""
    factory = NodeFactory(operation.get_type_info().version_id)
    made = factory.create(operation.get_type_name(), [*inputs], operation.get_attributes())
    made.set_friendly_name(f"{operation.get_friendly_name()}/floating")
    return made


class _Graph:
    """What lies before an operation of the quantized model."""

    def __init__(self, made_of: dict[str, Any]) -> None:
        self.made_of = made_of
        self._constant: dict[str, bool] = {}

    def is_constant(self, output: ov.Output) -> bool:
        """Tell whether nothing that it is made of is an input of the model."""
        node = output.get_node()
        name = node.get_friendly_name()
        if name not in self._constant:
            inputs = node.input_values()
            self._constant[name] = node.get_type_name() == "Constant" or (
                bool(inputs) and all(self.is_constant(i) for i in inputs)
            )
        return self._constant[name]

    def has_weights(self, operation: Any) -> bool:
        """Tell whether a constant that an operation takes is quantized here, and wasn't in the original."""
        name = operation.get_friendly_name()
        if name not in self.made_of or self.is_constant(operation.output(0)):
            return False
        source = self.made_of[name]
        return any(
            self.is_constant(value) and _is_quantized(value) and not _is_quantized(source.input_value(index))
            for index, value in enumerate(operation.input_values())
        )

    def floating_inputs(self, operation: Any) -> tuple[list[Any], bool]:
        """Return an operation's inputs in floating point, and whether any is another."""
        source = self.made_of[operation.get_friendly_name()]
        inputs, is_quantized = [], self.has_weights(operation)
        for index, value in enumerate(operation.input_values()):
            if self.is_constant(value):
                inputs.append(source.input_value(index))
            else:
                floating, differs = self._floating(value)
                inputs.append(floating)
                is_quantized |= differs
        return inputs, is_quantized

    def _floating(self, output: ov.Output) -> tuple[ov.Output, bool]:
        """Return what an output was before it was quantized, and whether it was."""
        node = output.get_node()
        if node.get_type_name() == "FakeQuantize" or node.get_friendly_name().endswith(_SMOOTHING):
            return self._floating(node.input_value(0))[0], True
        if node.get_type_name() in _MOVES:
            found = [self._floating(value) for value in node.input_values()]
            if any(differs for _, differs in found):
                return _again(node, [value for value, _ in found]).output(output.get_index()), True
        return output, False


def _is_quantized(output: ov.Output) -> bool:
    """Tell whether a constant is quantized: integers that are scaled, or rounded by a FakeQuantize."""
    node = output.get_node()
    if node.get_type_name() == "Constant":
        return node.get_element_type().get_type_name() in _INTEGERS
    return node.get_type_name() == "FakeQuantize" or any(_is_quantized(value) for value in node.input_values())


@dataclass(frozen=True, slots=True)
class Block:
    """Quantized operations that are switched together, by name."""

    operations: tuple[str, ...]
    types: tuple[str, ...]


def switch_model(quantized: ov.Model, original: ov.Model, most: int) -> tuple[ov.Model, list[Block]]:
    """Make a model that has one more input, `SWITCHES`, and its blocks.

    Args:
        quantized: what NNCF made of the model; its graph is changed.
        original: the model.
        most: how many blocks there may be; of more, neighbours are joined.

    """
    count = len({twin.block for twin in twins(quantized.clone(), original)})
    width = -(-count // most)
    switches = op.parameter([-1], np.bool_, name=SWITCHES)
    switches.output(0).set_names({SWITCHES})
    found: dict[int, list[Twin]] = {}
    places: dict[int, int] = {}
    for twin in twins(quantized, original):
        place = places.setdefault(twin.block, len(places)) // width
        found.setdefault(place, []).append(twin)
        switch = op.gather(switches, op.constant(np.int64(place)), op.constant(np.int64(0)))
        twin.take(op.select(switch, twin.quantized, twin.floating).output(0))
    quantized.add_parameters([switches])
    quantized.validate_nodes_and_infer_types()
    blocks = [Block(tuple(t.name for t in found[n]), tuple(t.type for t in found[n])) for n in sorted(found)]
    return quantized, blocks


def put_back(quantized: ov.Model, original: ov.Model, names: Collection[str]) -> int:
    """Make operations floating point again as they were before, and return how many stay quantized."""
    left = 0
    for twin in twins(quantized, original):
        if twin.name in names:
            twin.take(twin.floating)
        else:
            left += 1
    quantized.validate_nodes_and_infer_types()
    return left
