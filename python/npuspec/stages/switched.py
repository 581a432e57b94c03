"""Each quantized operation beside the floating-point one that it was made of: to be compared, switched, or put back."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

SWITCHES = "npuspec/switches"
"""The input of a switched model: bool [blocks], true where a block is quantized."""

_MOVES = frozenset(
    (
        "AdaptiveMaxPool",
        "BatchToSpace",
        "Broadcast",
        "Concat",
        "DepthToSpace",
        "Gather",
        "GatherElements",
        "GatherND",
        "MaxPool",
        "Pad",
        "ReduceMax",
        "Reshape",
        "ShuffleChannels",
        "Slice",
        "SpaceToBatch",
        "SpaceToDepth",
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
_NONE = frozenset(("Assign", "FakeQuantize", "ReadValue", "Result"))
_INPUTS = frozenset(("Parameter", "ReadValue"))
_INTEGERS = ("i8", "u8", "i4", "u4")
_SMOOTHING = "/nncf_smooth_quant"  # what NNCF calls the multiplication that moves outliers into the weights


@dataclass(frozen=True, slots=True)
class Pair:
    """An output of a quantized operation, and the same in floating point on the same inputs."""

    quantized: ov.Output
    floating: ov.Output
    readers: Collection[ov.Input]
    """What reads the quantized one."""

    def take(self, source: ov.Output) -> None:
        """Let all that reads the quantized operation read `source`."""
        for reader in self.readers:
            reader.replace_source_output(source)


@dataclass(frozen=True, slots=True)
class Twin:
    """A quantized operation with each of its outputs, and each addition of a bias that was corrected for it."""

    name: str
    type: str
    block: int
    """An operation with weights and those behind it that have none are one; numbers rise with the graph's order."""
    pairs: tuple[Pair, ...]


def twins(quantized: ov.Model, original: ov.Model) -> Iterator[Twin]:
    """Yield the quantized operations in the graph's order.

    What is done with one is seen by those that follow: their twins read what theirs was made to read.

    Args:
        quantized: what NNCF made of the model; operations are added to its graph.
        original: the model, whose constants are shared.

    """
    graph = _Graph(quantized.get_ordered_ops(), original.clone())
    blocks = _blocks(graph)
    for operation in graph.order:
        if graph.source(operation) is not None and operation.get_type_name() not in _NONE:
            inputs, is_quantized = graph.floating_inputs(operation)
            if is_quantized and not graph.is_passed(operation):
                pairs = tuple(_pairs(graph, operation, inputs))
                yield Twin(operation.get_friendly_name(), operation.get_type_name(), blocks[_id(operation)], pairs)


def _blocks(graph: "_Graph") -> dict[int, int]:
    """Return the block of each operation: one of its own where it has quantized weights, else that before it."""
    blocks: dict[int, int] = {}
    count = 0
    for operation in graph.order:
        if graph.has_weights(operation):
            count += 1
            block = count
        else:
            block = max((blocks[_id(value.get_node())] for value in operation.input_values()), default=0)
        blocks[_id(operation)] = block
    return blocks


def _pairs(graph: "_Graph", operation: Any, inputs: Sequence[ov.Output]) -> Iterator[Pair]:
    """Yield the outputs of an operation, each of which a bias is added to as the output of that addition."""
    twin = graph.rewire(operation, inputs)
    for quantized, floating in zip(operation.outputs(), twin.outputs(), strict=True):
        readers = []
        for reader in quantized.get_target_inputs():
            if (bias := graph.bias(reader)) is None:
                readers.append(reader)
            else:
                added = reader.get_node().output(0)
                yield Pair(added, bias.output(0), [*added.get_target_inputs()])
        if readers:
            yield Pair(quantized, floating, readers)


class _Graph:
    """The quantized model's operations, and what they were made of.

    Attributes:
        order: the operations, as they are run.

    """

    def __init__(self, order: Sequence[Any], original: ov.Model) -> None:
        """Keep both; operations of the original become part of the quantized model."""
        self.order = order
        self._made_of = {operation.get_friendly_name(): operation for operation in original.get_ops()}
        self._constants = _constants(order) | _constants(original.get_ordered_ops())

    def source(self, operation: Any) -> Any:
        """Return what an operation was made of; None if it is new, or constant."""
        source = self._made_of.get(operation.get_friendly_name())
        same = source is not None and source.get_type_name() == operation.get_type_name()
        return source if same and _id(operation) not in self._constants else None

    def has_weights(self, operation: Any) -> bool:
        """Tell whether a constant that an operation takes is quantized here, and wasn't in the original."""
        source = self.source(operation)
        return source is not None and (
            _quantized_within(operation) > _quantized_within(source)
            or any(
                self._is_constant(value) and _is_quantized(value) and not _is_quantized(before)
                for value, before in zip(operation.input_values(), source.input_values(), strict=True)
            )
        )

    def is_passed(self, operation: Any) -> bool:
        """Tell whether an operation is no other for what is quantized before it."""
        return operation.get_type_name() in _MOVES and not self.has_weights(operation)

    def floating_inputs(self, operation: Any) -> tuple[list[ov.Output], bool]:
        """Return an operation's inputs in floating point, and whether any is quantized."""
        found = [self._floating(value) for value in operation.input_values()]
        return [value for value, _ in found], self.has_weights(operation) or any(quantized for _, quantized in found)

    def _floating(self, output: ov.Output) -> tuple[ov.Output, bool]:
        """Return what an output was before it was quantized, and whether it was."""
        node = output.get_node()
        if self._is_constant(output):
            return output, False
        if node.get_friendly_name().endswith(_SMOOTHING):
            return self._floating(node.input_value(0))
        if self.source(node) is None and node.get_type_name() == "FakeQuantize":
            return self._floating(node.input_value(0))[0], True
        if self.source(node) is not None and self.is_passed(node):
            inputs = node.input_values()
            found = [self._floating(value) for value in inputs]
            if any(after is not before for before, (after, _) in zip(inputs, found, strict=True)):
                moved = self.rewire(node, [value for value, _ in found])
                return moved.output(output.get_index()), any(quantized for _, quantized in found)
        return output, False

    def rewire(self, operation: Any, inputs: Sequence[ov.Output]) -> Any:
        """Return what an operation was made of, made to read other inputs; its constants stay."""
        source = self.source(operation)
        for reader, value in zip(source.inputs(), inputs, strict=True):
            if not self._is_constant(reader.get_source_output()):
                reader.replace_source_output(value)
        source.set_friendly_name(f"{operation.get_friendly_name()}/floating")
        return source

    def bias(self, reader: ov.Input) -> Any:
        """Return what the addition of a bias was made of; None if it is something else that reads."""
        add = reader.get_node()
        is_bias = add.get_type_name() == "Add" and self._is_constant(add.input_value(1 - reader.get_index()))
        return self.source(add) if is_bias and not self.has_weights(add) else None

    def _is_constant(self, output: ov.Output) -> bool:
        return _id(output.get_node()) in self._constants


def _constants(order: Sequence[Any]) -> set[int]:
    """Return the operations that depend on no input of the model, and on no state."""
    found: set[int] = set()
    for node in order:
        if node.get_type_name() not in _INPUTS and all(_id(i.get_node()) in found for i in node.input_values()):
            found.add(_id(node))
    return found


def _is_quantized(output: ov.Output) -> bool:
    """Tell whether a constant is of integers, or made of them."""
    node = output.get_node()
    if node.get_type_name() == "Constant":
        return node.get_element_type().get_type_name() in _INTEGERS
    return node.get_type_name() == "FakeQuantize" or any(_is_quantized(value) for value in node.input_values())


def _quantized_within(operation: Any) -> int:
    """Return how many constants and activations are quantized in an operation's bodies."""
    inner = [node for body in bodies(operation) for node in body.get_ops()]
    leaves = [node.output(0) for node in inner if node.get_type_name() in ("Constant", "FakeQuantize")]
    return sum(map(_is_quantized, leaves)) + sum(map(_quantized_within, inner))


def bodies(operation: Any) -> list[ov.Model]:
    """Return the two models that an If chooses from, the only ones within an operation that NNCF enters."""
    return [operation.get_function(number) for number in range(2)] if operation.get_type_name() == "If" else []


def _id(node: Any) -> int:
    number: int = node.get_instance_id()
    return number


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
        for pair in twin.pairs:
            pair.take(op.select(switch, pair.quantized, pair.floating).output(0))
    quantized.add_parameters([switches])
    quantized.validate_nodes_and_infer_types()
    blocks = [Block(tuple(t.name for t in found[n]), tuple(t.type for t in found[n])) for n in sorted(found)]
    return quantized, blocks


def put_back(quantized: ov.Model, original: ov.Model, names: Collection[str]) -> int:
    """Make operations floating point again as they were before, and return how many stay quantized."""
    left = 0
    for twin in twins(quantized, original):
        if twin.name in names:
            for pair in twin.pairs:
                pair.take(pair.floating)
        else:
            left += 1
    quantized.validate_nodes_and_infer_types()
    return left
