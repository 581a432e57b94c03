"""Find what is done to inputs and outputs at the model's borders, which another layout or dtype would save."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import structs

from npuspec.fusion.model import Border, Executed, Graph, Node, Port

_LAYOUTS = {"abc": "NCW", "abcd": "NCHW", "abcde": "NCDHW", "acb": "NWC", "acdb": "NHWC", "acdeb": "NDHWC"}
_DTYPES = {"f16": "float16", "f32": "float32", "i32": "int32", "i64": "int64", "i8": "int8", "u8": "uint8"}
_NARROWER = {"float32": "float16", "float64": "float16", "int64": "int32"}  # what an NPU computes in
_MOVES = ("Reorder", "Transpose")

Side = Literal["input", "output"]
_LAYOUT: Mapping[Side, str] = {
    "input": "give it as {device} (preprocess.layout), with a Transpose as the first operation: that takes no time",
    "output": "take it as {device}, with a Transpose as the last operation: that takes no time",
}
_DTYPE: Mapping[Side, str] = {
    "input": "give it as {device}: let the model have such an input",
    "output": "take it as {device}: let the model have such an output",
}
_OWN = "the device keeps it in a layout of its own, which nobody can give it"
_PERHAPS = "export the model with channels last, and compare the estimates: it doesn't always pay"


def find_borders(graph: Graph, executed: Executed, device: str) -> tuple[Border, ...]:
    """Return what is done at each input and output, what takes longest first."""
    find = _in_a_graph if device == "CPU" else _in_a_schedule
    found: dict[tuple[str, ...], Border] = {}
    for border in find(graph, executed):
        key = (border.side, border.port, border.caller, border.device)
        before = found.get(key, structs.replace(border, us=0.0, share=0.0))
        found[key] = structs.replace(border, us=before.us + border.us, share=before.share + border.share)
    return tuple(sorted(found.values(), key=lambda border: -border.us))


@dataclass(frozen=True, slots=True)
class _Port:
    side: Side
    name: str
    whole_us: float

    def border(self, what: Literal["layout", "dtype"], caller: str, device: str, advice: str, node: Node) -> Border:
        """Return what a node does at this port, between what the caller has and what the device has."""
        return Border(
            side=self.side,
            port=self.name,
            what=what,
            caller=caller,
            device=device,
            us=node.us,
            counted=node.counted,
            share=node.us / self.whole_us if self.whole_us else 0.0,
            advice=advice.format(device=device),
        )


def _in_a_graph(graph: Graph, executed: Executed) -> Iterator[Border]:
    """Go from each port through nodes that only move or convert."""
    nodes = {node.name: node for node in executed.nodes}

    def before(node: Node) -> Sequence[Node]:
        return [nodes[name] for name in node.reads if name in nodes]

    def behind(node: Node) -> Sequence[Node]:
        return [reader for reader in executed.nodes if node.name in reader.reads]

    for node in executed.nodes:
        if node.type == "Input" and node.name in graph.inputs:
            port = _Port("input", graph.inputs[node.name].name, executed.whole_us)
            for step in _along(node, behind, graph):
                yield from _done(port, before(step)[0], step, step)
        elif node.type == "Output" and node.name in graph.outputs:
            port = _Port("output", graph.outputs[node.name].name, executed.whole_us)
            for step in _along(node, before, graph):
                yield from _done(port, step, before(step)[0], step)


def _along(node: Node, near: Callable[[Node], Sequence[Node]], graph: Graph) -> Iterator[Node]:
    """Yield the nodes next to a port that do nothing else than move or convert."""
    while len(found := near(node)) == 1:
        node = found[0]
        only_converts = node.operations and all(graph.types.get(name) == "Convert" for name in node.operations)
        if node.type not in _MOVES and not only_converts:
            return
        yield node


def _done(port: _Port, caller: Node, device: Node, step: Node) -> Iterator[Border]:
    """Yield what a node does that stands between the caller's side and the device's, unless it takes no time."""
    if step.us and caller.dtype != device.dtype:
        caller_dtype, device_dtype = (_DTYPES.get(node.dtype, node.dtype) for node in (caller, device))
        yield port.border("dtype", caller_dtype, device_dtype, _DTYPE[port.side], step)
    elif step.us and caller.layout != device.layout:
        known = _LAYOUTS.get(device.layout)
        advice = _LAYOUT[port.side] if known else _OWN
        yield port.border("layout", _LAYOUTS.get(caller.layout, caller.layout), known or device.layout, advice, step)


def _in_a_schedule(graph: Graph, executed: Executed) -> Iterator[Border]:
    """Look at the tasks of the ports themselves, and of the operations next to them."""
    sides: tuple[tuple[Side, Mapping[str, Port], Mapping[str, str]], ...]
    sides = (("input", graph.inputs, graph.first), ("output", graph.outputs, graph.last))
    for node in executed.nodes:
        for side, ports, nearest in sides:
            found = ports.get(node.name) or ports.get(nearest.get(node.name, ""))
            if found is None:
                continue
            port = _Port(side, found.name, executed.whole_us)
            if node.name in ports or graph.types.get(node.name) == "Convert":
                for dtype, us in node.converts.items():
                    device = dtype if side == "input" else _NARROWER.get(found.dtype, found.dtype)
                    if device != found.dtype:
                        timed = structs.replace(node, us=us, counted=us > 0)
                        yield port.border("dtype", found.dtype, device, _DTYPE[side], timed)
            if node.moves_us:
                timed = structs.replace(node, us=node.moves_us, counted=True)
                yield port.border("layout", "", "", _PERHAPS, timed)
