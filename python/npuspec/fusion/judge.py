"""Hold the chains of a model against what a device executed."""

from collections.abc import Mapping, Sequence

from npuspec.fusion.chains import ACTIVATIONS
from npuspec.fusion.model import Cause, Chain, Executed, Graph, Judged, Node, Obstacle, Operation

_WHY: Mapping[Cause, str] = {
    "consumer": "`{behind}` is also read by {by}",
    "quantizer": "{by} stands between `{behind}` and `{name}`",
    "dtype": "{by} changes the dtype between `{behind}` and `{name}`",
    "dynamic": "the other operand of `{name}`, {by}, is no constant",
    "shape": "the constant of `{name}` has the shape {by}: not one value for each channel",
}
_ADVICE: Mapping[Cause, str] = {
    "consumer": "let that read the end of the chain where it may, or what the chain itself reads",
    "quantizer": "quantize behind the chain: keep that operation out (quantization.keep), or take another preset",
    "dtype": "take the Convert out of the model, or move it behind the chain",
    "dynamic": "make it a constant when the model is exported",
    "shape": "state one value for each channel where the model allows that",
    "written-out": "export it as one operation: LayerNormalization of ONNX's opset 17, or OpenVINO's MVN",
    "device": "nothing in the model hinders it: it is what this version of the device's plugin or compiler does",
}
_HEADS = ("Convolution", "Deconvolution", "FullyConnected", "GroupConvolution", "MVN", "MatMul")
"""What devices call the main part of a chain."""
_LAST_AXIS = "leave it: over its last axis, a normalisation has its scale and shift there, too"
_PRECISION = "give both the same precision: quantize both or neither (quantization.keep)"
_ACTIVATE = "nothing in the model hinders it: where it may be trained anew, try an activation that is fused here"


def judge(graph: Graph, executed: Executed, device: str) -> tuple[Judged, ...]:
    """Return what became of each chain."""
    places = {name: node for node in executed.nodes for name in node.operations}
    strays = {_type(node) for node in executed.nodes if node.operations and not graph.types.keys() & {*node.operations}}
    return tuple(_judge(chain, places, strays, executed.whole_us, device) for chain in graph.chains)


def _judge(chain: Chain, places: Mapping[str, Node], strays: set[str], whole: float, device: str) -> Judged:
    found = [(link, places[link.name]) for link in chain.links if link.name in places]
    main = found[0][1] if found else None
    apart = [(link, node) for link, node in found if main is not None and node.name != main.name]
    if main is None or not apart:
        why = _unknown([node for _, node in found], strays & {o.type for o in chain.links if o.name not in places})
        return Judged(kind=chain.kind, operations=chain.links, verdict="unknown" if why else "fused", why=why)
    first = apart[0][0]
    nodes = {node.name: node for _, node in apart}
    us = sum(node.us for node in nodes.values())
    cause, why, advice = _reason(chain, first, [node for _, node in found], device)
    return Judged(
        kind=chain.kind,
        operations=chain.links,
        verdict="apart",
        apart=tuple(link.name for link, _ in apart),
        cause=cause,
        why=why,
        advice=advice,
        us=us,
        counted=all(node.counted for node in nodes.values()),
        share=us / whole if whole else 0.0,
    )


def _unknown(found: Sequence[Node], renamed: set[str]) -> str:
    """Return why nothing is known of a chain of which no operation runs apart; empty where it is one."""
    if renamed:
        return f"the device runs {', '.join(sorted(renamed))} that it names after none of the model's operations"
    # One that is alone, and no main part, may be the rest of what the device took to pieces.
    if len(found) > 1 or (found and _type(found[0]) in _HEADS):
        return ""
    return "the device names none of its operations" + (" but one" if found else "")


def _type(node: Node) -> str:
    """Return what a node is, without the engines that run it."""
    return node.type.partition(" ")[0]


def _reason(chain: Chain, first: Operation, nodes: Sequence[Node], device: str) -> tuple[Cause, str, str]:
    """Return why a link runs by itself, in words, and what to change."""
    main, own = nodes[0], next(node for node in nodes if first.name in node.operations)
    start = max(number for number, link in enumerate(chain.links) if link.name in main.operations)
    missed = [link.name for link in chain.links[start : chain.links.index(first) + 1]]
    for obstacle in chain.obstacles:
        if obstacle.before in missed and _hinders(obstacle, chain, device):
            why = _WHY[obstacle.cause].format(behind=obstacle.behind, name=obstacle.before, by=obstacle.by)
            is_last = obstacle.cause == "shape" and chain.kind == "normalisation"
            return obstacle.cause, why, _LAST_AXIS if is_last else _ADVICE[obstacle.cause]
    if chain.kind == "normalisation" and all(link.type != "MVN" for link in chain.links):
        pieces = len({node.name for node in nodes})
        why = f"OpenVINO finds no normalisation in what is written out, and {device} runs it in {pieces} pieces"
        return "written-out", why, _ADVICE["written-out"]
    if main.precision != own.precision:
        why = f"`{chain.links[start].name}` runs in {main.precision} and `{first.name}` in {own.precision}"
        return "dtype", why, _PRECISION
    why = f"{device} runs {first.type} behind {chain.links[start].type} by itself, and nothing stands between"
    return "device", why, _ACTIVATE if first.type in ACTIVATIONS else _ADVICE["device"]


def _hinders(obstacle: Obstacle, chain: Chain, device: str) -> bool:
    """Tell whether something is a reason: an NPU runs scale and shift of a normalisation apart in any shape."""
    return obstacle.cause != "shape" or chain.kind != "normalisation" or device == "CPU"
