"""Find the chains of a model that devices can make one of; imports nothing that computes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from npuspec.facts.graph import above, below, is_weight
from npuspec.fusion.model import Cause, Chain, Obstacle, Operation

Kind = Literal["convolution", "matmul", "normalisation"]
_HEADS: dict[str, Kind] = {
    "Convolution": "convolution",
    "ConvolutionBackpropData": "convolution",
    "GroupConvolution": "convolution",
    "GroupConvolutionBackpropData": "convolution",
    "MatMul": "matmul",
    "MVN": "normalisation",
}
ACTIVATIONS = frozenset(
    (
        *("Abs", "Clamp", "Elu", "Erf", "Exp", "Gelu", "HSigmoid", "HSwish", "HardSigmoid", "LogSigmoid", "Mish"),
        *("PRelu", "Relu", "Selu", "Sigmoid", "Sin", "SoftPlus", "SoftSign", "Sqrt", "Swish", "Tanh"),
    )
)
_BETWEEN: dict[str, Literal["quantizer", "dtype"]] = {"FakeQuantize": "quantizer", "Convert": "dtype"}
_AFFINE = ("Add", "Subtract", "Multiply", "Divide")
_REDUCTIONS = ("ReduceMean", "ReduceSum")
_ROOTS = ("Sqrt", "Power")
_RESHAPES = ("Broadcast", "Reshape", "Squeeze", "Unsqueeze")
_INNER = frozenset((*_AFFINE, *_ROOTS, *_RESHAPES, "Convert", "Maximum", "SquaredDifference"))
"""What a normalisation that is written out is made of, beside its reductions."""
_REACH = 24  # operations that a normalisation has at most


def find_chains(nodes: Sequence[Any], types: Mapping[str, str]) -> Iterator[Chain]:
    """Yield the chains of a model's nodes, which are in the graph's order; `types` are their types as they were."""
    finder = _Finder(types)
    seen: set[str] = set()
    for node in nodes:
        kind = _HEADS.get(node.get_type_name())
        if kind is not None and (kind != "matmul" or any(is_weight(value) for value in above(node))):
            chain = finder.behind([node], kind)
        elif node.get_type_name() in _ROOTS and node.get_friendly_name() not in seen and (norm := _written_out(node)):
            chain = finder.behind(norm, "normalisation")
            seen |= {link.name for link in chain.links}
        else:
            continue
        if len(chain.links) > 1:
            yield chain


class _Finder:
    """Follows a value through what belongs to a chain."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types

    def behind(self, begin: Sequence[Any], kind: Kind) -> Chain:
        """Return the chain that begins with some nodes, the last of which gives its value."""
        links, obstacles = [*begin], list[Obstacle]()
        value = begin[-1]
        while (step := _next(value, kind, links)) is not None:
            between, link = step
            obstacles += self._obstacles(value, between, link, kind)
            links.append(link)
            value = link
            if link.get_type_name() in ACTIVATIONS:
                break
        return Chain(kind=kind, links=tuple(map(self._operation, links)), obstacles=tuple(obstacles))

    def _obstacles(self, value: Any, between: Sequence[Any], link: Any, kind: Kind) -> Iterator[Obstacle]:
        last = (value, *between)[-1]
        for node in between:
            yield self._obstacle(value, link, _BETWEEN[node.get_type_name()], self._named([node]))
        for source, reader in zip((value, *between), (*between, link), strict=True):
            if others := [node for node in below(source) if node.get_name() != reader.get_name()]:
                yield self._obstacle(source, link, "consumer", self._named(others))
        if link.get_type_name() in _AFFINE:
            other = _other(link, last)
            if not is_weight(other):
                yield self._obstacle(last, link, "dynamic", self._named([other]))
            elif not _is_per_channel(other, link, kind):
                yield self._obstacle(last, link, "shape", str([*other.output(0).shape]))

    @staticmethod
    def _obstacle(source: Any, link: Any, cause: Cause, by: str) -> Obstacle:
        return Obstacle(behind=source.get_friendly_name(), before=link.get_friendly_name(), cause=cause, by=by)

    def _operation(self, node: Any) -> Operation:
        name = node.get_friendly_name()
        return Operation(name=name, type=self._types.get(name, node.get_type_name()))

    def _named(self, nodes: Sequence[Any]) -> str:
        shown = [self._operation(node) for node in nodes]
        return " and ".join("an output" if o.type == "Result" else f"`{o.name}` ({o.type})" for o in shown)


def _next(value: Any, kind: Kind, links: Sequence[Any]) -> tuple[list[Any], Any] | None:
    """Return the link that reads a value, behind what stands between; None where the chain ends."""
    for reader in below(value):
        between: list[Any] = []
        source, node = value, reader
        while node.get_type_name() in _BETWEEN and below(node):
            between.append(node)
            source, node = node, below(node)[0]
        if _belongs(node, source, kind, links):
            return between, node
    return None


def _belongs(node: Any, value: Any, kind: Kind, links: Sequence[Any]) -> bool:
    """Tell whether a node is a bias, a scale or an activation of a value."""
    if node.get_type_name() in ACTIVATIONS:
        return kind != "normalisation" and above(node)[0].get_name() == value.get_name()
    if node.get_type_name() not in _AFFINE or len({source.get_name() for source in above(node)}) == 1:
        return False
    other = _other(node, value)
    if node.get_type_name() in ("Multiply", "Divide") and any(link.get_type_name() == "Add" for link in links[1:]):
        return False  # it scales what a bias was added to
    if is_weight(other):
        return bool(node.output(0).shape == value.output(0).shape)
    is_first = len(links) == 1 and node.get_type_name() == "Add" and kind != "normalisation"
    return is_first and _size(other) < _size(value)  # of a whole tensor it is a sum, and no bias


def _other(node: Any, value: Any) -> Any:
    return next(source for source in above(node) if source.get_name() != value.get_name())


def _size(node: Any) -> int:
    size = 1
    for length in node.output(0).shape:
        size *= length
    return size


def _is_per_channel(constant: Any, link: Any, kind: Kind) -> bool:
    """Tell whether a constant has one value for each channel, or one for all."""
    whole = [*link.output(0).shape]
    shape = [*constant.output(0).shape]
    varying = [len(whole) - len(shape) + axis for axis, length in enumerate(shape) if length != 1]
    return varying in ([], [len(whole) - 1 if kind == "matmul" else 1])


def _written_out(root: Any) -> list[Any]:
    """Return the operations of a normalisation around the root of its variance, in order; none where it is no such.

    They are all that lies between what is normalised and what first has its shape again.
    """
    end = _end(root)
    reductions = [node for node in _ancestors(root, _INNER) if node.get_type_name() in _REDUCTIONS]
    if end is None or not reductions:
        return []
    source = _source(reductions[0]).get_name()
    inside = {node.get_name(): node for node in _ancestors(end, _INNER | {*_REDUCTIONS}, source)}

    def leads_there(node: Any) -> bool:
        return any(
            value.get_name() == source or (value.get_name() in inside and leads_there(value)) for value in above(node)
        )

    return [*filter(leads_there, reversed(inside.values())), end]


def _end(root: Any) -> Any:
    """Return the first operation behind a root that joins it with more elements, which aren't weights."""
    node = root
    for _ in range(4):
        readers = [reader for reader in below(node) if reader.get_type_name() in _INNER]
        if len(readers) != 1:
            return None
        before, node = node, readers[0]
        others = [value for value in above(node) if value.get_name() != before.get_name()]
        if any(_size(value) > _size(root) and not is_weight(value) for value in others):
            return node
    return None


def _source(reduction: Any) -> Any:
    """Return what is normalised: it is squared, or its mean is taken from it and the rest squared."""
    node = _plain(above(reduction)[0])
    for _ in range(3):
        values = [*map(_plain, above(node))]
        is_difference = node.get_type_name() == "Subtract" and any(v.get_type_name() in _REDUCTIONS for v in values)
        is_square = node.get_type_name() in ("Power", "SquaredDifference") or len({v.get_name() for v in values}) == 1
        if is_difference or (is_square and values):
            node = values[0]
        if is_difference or not is_square:
            break
    return node


def _plain(node: Any) -> Any:
    """Return what a node only gives another shape."""
    while node.get_type_name() in _RESHAPES:
        node = above(node)[0]
    return node


def _ancestors(node: Any, types: frozenset[str], until: str = "") -> list[Any]:
    """Return what a node reads through operations of some types, the nearest first, with the reductions behind them."""
    found: dict[str, Any] = {}
    ahead = above(node)
    while ahead and len(found) < _REACH:
        value = ahead.pop(0)
        kind = value.get_type_name()
        if value.get_name() in (until, *found) or kind not in types | {*_REDUCTIONS}:
            continue
        found[value.get_name()] = value
        ahead += above(value) if kind in types else []
    return [*found.values()]
