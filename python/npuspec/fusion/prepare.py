"""The child's side: bring a model into the form in which every device's compiler sees it, with names that stay.

Each plugin of OpenVINO begins with the same transformations: BatchNorm goes into weights, and what an exporter wrote
out becomes one activation again. What they make has another name in each process. Here they are run once, and what
they made is named after what it was made of, so that a device's answer can be read.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import openvino as ov
from msgspec import to_builtins
from openvino._offline_transformations import apply_moc_transformations

from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, SpecError
from npuspec.facts.graph import NO_OPERATIONS, above, below
from npuspec.facts.inspect import dtype_name, port_name, read_model
from npuspec.fusion.chains import find_chains
from npuspec.fusion.model import Graph, Port

_FUSED = "fused_names_0"
_FOLDED = "BatchNormInference"  # which is told as what it was, and all else as what became of it
_SEPARATORS = re.compile(r"[,?\s]")  # that stand between names, or behind one, in what devices answer


def look(arguments: Mapping[str, Any], progress: Progress) -> Any:
    """Write the prepared IR of a model to `arguments["prepared"]` and return its `Graph`.

    Raises:
        SpecError: `not-a-model` or `dynamic-dimension`.

    """
    progress(0, 1)
    model = read_model(ov.Core(), Path(arguments["model"]))
    if varying := [port_name(port) for port in model.inputs if port.partial_shape.is_dynamic]:
        message = f"`{'`, `'.join(varying)}` has axes without a size: nothing can be compiled that is to be compared"
        help_ = "take a bundle, whose models are static: npuspec apply SPEC -o BUNDLE; npuspec fusion BUNDLE"
        raise SpecError(Diagnostic("dynamic-dimension", message, help_))
    graph = prepare(model)
    ov.save_model(model, arguments["prepared"], compress_to_fp16=False)
    return to_builtins(graph)


def prepare(model: ov.Model) -> Graph:
    """Transform a model in place, name what was made, and return what is looked for in it."""
    ports = [
        [Port(name=port_name(port), dtype=dtype_name(port)) for port in ports]
        for ports in (model.inputs, model.outputs)
    ]
    before = {node.get_friendly_name(): node.get_type_name() for node in model.get_ordered_ops()}
    apply_moc_transformations(model, False)
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() not in NO_OPERATIONS]
    taken = {node.get_friendly_name() for node in nodes if node.get_friendly_name() in before}
    names: dict[str, str] = {}
    for node in nodes:
        if name := next((name for name in _better_names(node, before) if name not in taken), None):
            node.set_friendly_name(name)
        taken.add(node.get_friendly_name())
    for node in model.get_ordered_ops():
        name = _SEPARATORS.sub("_", node.get_friendly_name())
        node.set_friendly_name(name if name not in names else f"{name}/{len(names)}")
        names[node.get_friendly_name()] = node.get_type_name()
    types = {name: _FOLDED if before.get(name) == _FOLDED else kind for name, kind in names.items()}
    parameters, results = ([port.get_node() for port in ports] for ports in (model.inputs, model.outputs))
    return Graph(
        chains=tuple(find_chains(model.get_ordered_ops(), types)),
        types=types,
        inputs={node.get_friendly_name(): port for node, port in zip(parameters, ports[0], strict=True)},
        outputs={node.get_friendly_name(): port for node, port in zip(results, ports[1], strict=True)},
        first={node.get_friendly_name(): port.get_friendly_name() for port in parameters for node in below(port)},
        last={node.get_friendly_name(): port.get_friendly_name() for port in results for node in above(port)},
    )


def _better_names(node: Any, before: Mapping[str, str]) -> Iterator[str]:
    """Yield names of what a node was made of: of its own type, or else, where it has none, of the last of them."""
    name, kind = node.get_friendly_name(), node.get_type_name()
    info = node.get_rt_info()
    merged = {*str(info[_FUSED].astype(str)).split(",")} if _FUSED in info else set()
    made_of = [other for other, type_ in before.items() if other in merged and type_ not in NO_OPERATIONS]
    if before.get(name) != kind:
        yield from (other for other in made_of if before[other] == kind)
    if name not in before:
        yield from reversed(made_of)
        yield from (f"{other}/{kind}" for other in reversed(made_of))
