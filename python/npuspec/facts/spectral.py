"""Find a spectrum that is made inside of a model: filters over a waveform, squares, sums, and their logarithm.

By the graph alone, whatever its operations are called: a short-time Fourier transform is a convolution, a product of
matrices, or an operation of its own. Nothing that a network learns to decide with stands before such a logarithm.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from npuspec.facts.graph import NO_OPERATIONS, THROUGH, above, constant_of
from npuspec.facts.model import FrontEnd

_FILTERS = ("Convolution", "GroupConvolution", "MatMul")
_TRANSFORMS = ("DFT", "RDFT", "STFT")
_MOST_FILTERS = 5  # one after another: pre-emphasis, frames, a window, the transform, a filter bank
_SQUARES = ("Abs", "ReduceL2")
_SQUARE = 2
_MOVES = (THROUGH - {"Tanh"}) | frozenset(
    (
        *_SQUARES,
        "ConvertLike",
        "Equal",
        "GatherND",
        "Greater",
        "GreaterEqual",
        "Less",
        "LessEqual",
        "LogicalAnd",
        "LogicalNot",
        "MVN",
        "Negative",
        "Pad",
        "Power",
        "ReduceMax",
        "ReduceMean",
        "ReduceSum",
        "Roll",
        "Sqrt",
    )
)
"""What may stand between filters, squares and the logarithm."""
_QUANTIZED = frozenset(
    (
        *_FILTERS,
        "Add",
        "Divide",
        "MVN",
        "Multiply",
        "Power",
        "ReduceL2",
        "ReduceMean",
        "ReduceSum",
        "Subtract",
    )
)
"""What NNCF would quantize of it."""


@dataclass(frozen=True, slots=True)
class _Signal:
    """What has been done to a value that depends on the model's inputs."""

    filters: int = 0
    is_squared: bool = False


def find_front_end(nodes: Iterable[Any], inputs: Mapping[str, str]) -> FrontEnd | None:
    """Return the spectra of a model together.

    Args:
        nodes: the graph, each node behind those that it reads.
        inputs: the model's inputs: what OpenVINO calls the node, and what the model calls the input.

    """
    signals: dict[str, _Signal | None] = {}  # None where it is no part of a front end
    logarithms = []
    for node in nodes:
        kind, name = node.get_type_name(), node.get_name()
        if kind == "Parameter":
            signals[name] = _Signal()
        elif kind == "ShapeOf" or not (read := [s.get_name() for s in above(node) if s.get_name() in signals]):
            continue
        else:
            sources = [signal for signal in map(signals.get, read) if signal is not None]
            is_whole = len(sources) == len(read)
            signals[name] = _after(node, kind, sources, signals) if is_whole else None
            if kind == "Log" and is_whole and sources[0].is_squared:
                logarithms.append(node)
    return _gathered(logarithms, signals, inputs) if logarithms else None


def _after(node: Any, kind: str, sources: list[_Signal], signals: Mapping[str, Any]) -> _Signal | None:
    """Return what a value is after one more operation, or None where no front end has such a one."""
    filters, is_squared = max(s.filters for s in sources), any(s.is_squared for s in sources)
    if kind in _FILTERS or kind in _TRANSFORMS:
        filters += 1
        is_fixed = kind in _TRANSFORMS or len(sources) == 1
        return _Signal(filters, is_squared) if is_fixed and filters <= _MOST_FILTERS else None
    looks_up = kind == "Gather" and above(node)[0].get_name() not in signals
    if looks_up or kind not in _MOVES:
        return None
    return _Signal(filters, is_squared or (filters > 0 and _squares(node, kind)))


def _squares(node: Any, kind: str) -> bool:
    """Tell whether an operation makes a power or a magnitude of its input."""
    if kind == "Power":
        exponent = constant_of(above(node)[1])
        return exponent is not None and bool((exponent == _SQUARE).all())
    return kind in _SQUARES or (
        kind == "Multiply" and len({(v.get_node().get_name(), v.get_index()) for v in node.input_values()}) == 1
    )


def _gathered(logarithms: list[Any], signals: Mapping[str, Any], inputs: Mapping[str, str]) -> FrontEnd:
    """Return all that these logarithms are made of."""
    found = {node.get_name(): node for node in logarithms}
    waiting = [*logarithms]
    while waiting:
        for source in above(waiting.pop()):
            if source.get_name() in signals and source.get_name() not in found:
                found[source.get_name()] = source
                waiting.append(source)
    quantized = {n.get_friendly_name(): n.get_type_name() for n in found.values() if n.get_type_name() in _QUANTIZED}
    return FrontEnd(
        inputs=tuple(sorted(inputs[name] for name, n in found.items() if n.get_type_name() in NO_OPERATIONS)),
        outputs=tuple(sorted(node.get_friendly_name() for node in logarithms)),
        operations=dict(sorted(quantized.items())),
    )
