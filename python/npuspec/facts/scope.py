"""The child's side: the operations that patterns and subgraphs mean, by the rules of NNCF's ignored scope."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import openvino as ov
from msgspec import to_builtins

from npuspec.child import Progress
from npuspec.facts.graph import NO_OPERATIONS, above, below
from npuspec.facts.inspect import port_name, read_model
from npuspec.facts.model import Match, Parts


def parts(arguments: Mapping[str, Any], progress: Progress) -> Any:
    """Return what the `patterns` and `subgraphs` mean in the model; told before each pattern, since one may hang."""
    model = read_model(ov.Core(), Path(arguments["model"]))
    names = sorted({n.get_friendly_name() for n in model.get_ops() if n.get_type_name() not in NO_OPERATIONS})
    patterns: Sequence[str] = arguments["patterns"]
    matches = []
    for number, pattern in enumerate(patterns):
        progress(number, len(patterns))
        matches.append(_match(pattern, names))
    graph = _Graph(model)
    found = [graph.between(s["inputs"], s["outputs"]) for s in arguments["subgraphs"]]
    subgraphs, ends = tuple(zip(*found, strict=True)) or ((), ())
    return to_builtins(Parts(patterns=tuple(matches), subgraphs=subgraphs, ends=ends))


def _match(pattern: str, names: Sequence[str]) -> Match:
    expression = re.compile(pattern)
    found = tuple(filter(expression.match, names))
    return Match(names=found, within=None if found else next(filter(expression.search, names), None))


class _Graph:
    """Nodes by the names that a spec has for them: an operation's own, or that of an input or output of the model."""

    def __init__(self, model: ov.Model) -> None:
        self._nodes: dict[str, list[Any]] = {}
        for node in model.get_ops():
            if node.get_type_name() not in NO_OPERATIONS:
                self._nodes.setdefault(node.get_friendly_name(), []).append(node)
        for port in (*model.inputs, *model.outputs):
            self._nodes.setdefault(port_name(port), [port.get_node()])

    def between(self, inputs: Sequence[str], outputs: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the operations on paths from `inputs` to `outputs`, and those of both that are on none."""
        ahead, behind = _reach(self._named(inputs), below), _reach(self._named(outputs), above)
        on_path = [node for name, node in ahead.items() if name in behind]
        names = {n.get_friendly_name() for n in on_path if n.get_type_name() not in NO_OPERATIONS}
        met = {node.get_name() for node in on_path}
        loose = [end for end in (*inputs, *outputs) if met.isdisjoint(n.get_name() for n in self._named([end]))]
        return tuple(sorted(names)), tuple(loose)

    def _named(self, names: Iterable[str]) -> list[Any]:
        return [node for name in names for node in self._nodes.get(name, ())]


def _reach(nodes: Iterable[Any], near: Callable[[Any], list[Any]]) -> dict[str, Any]:
    """Return the nodes and all that can be reached from them, by OpenVINO's own names."""
    waiting = [*nodes]
    found = {node.get_name(): node for node in waiting}
    while waiting:
        for node in near(waiting.pop()):
            if node.get_name() not in found:
                found[node.get_name()] = node
                waiting.append(node)
    return found
