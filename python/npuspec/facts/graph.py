"""Ways through a model's graph, for those who look for something in it; imports nothing that computes."""

from typing import Any

THROUGH = frozenset(
    (
        "Add",
        "Broadcast",
        "Clamp",
        "Concat",
        "Convert",
        "Divide",
        "FakeQuantize",
        "Gather",
        "Maximum",
        "Minimum",
        "Multiply",
        "Reshape",
        "Select",
        "Slice",
        "Split",
        "Squeeze",
        "StridedSlice",
        "Subtract",
        "Tanh",
        "Tile",
        "Transpose",
        "Unsqueeze",
        "VariadicSplit",
    )
)
"""Types of operations that only scale, mask and move."""
NO_OPERATIONS = ("Constant", "Parameter", "Result")
"""Types of nodes that compute nothing, so that there is nothing to quantize or to keep."""
_RESHAPED = ("Broadcast", "Convert", "ConvertLike", "Reshape", "Squeeze", "Unsqueeze")
STEPS = 8  # that are gone through what only scales, masks and moves


def above(node: Any) -> list[Any]:
    """Return what a node reads, in the order of its inputs."""
    return [value.get_node() for value in node.input_values()]


def below(node: Any) -> list[Any]:
    """Return what reads a node."""
    return [target.get_node() for output in node.outputs() for target in output.get_target_inputs()]


def is_weight(node: Any, steps: int = STEPS) -> bool:
    """Tell whether a value is a constant, or is unpacked from constants alone."""
    if node.get_type_name() == "Constant":
        return True
    inputs = above(node) if steps and node.get_type_name() in THROUGH else []
    return bool(inputs) and all(is_weight(source, steps - 1) for source in inputs)


def constant_of(node: Any) -> Any:
    """Return the array whose values a value holds in some dtype and shape; None if it isn't made of one constant."""
    while node.get_type_name() in _RESHAPED:
        node = above(node)[0]
    return node.data if node.get_type_name() == "Constant" else None
