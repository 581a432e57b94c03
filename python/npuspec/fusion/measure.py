"""The child's side: run a prepared model on a device, and return what it executed and how long each node took."""

import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import openvino as ov
from msgspec import to_builtins

from npuspec.child import Progress
from npuspec.facts.inspect import dtype_name, port_name
from npuspec.fusion.model import Executed, Node
from npuspec.runtime.device import compile_model
from npuspec.runtime.samples import index_limit

_ROUNDS = 5
_RUNS = 10  # of a round, behind one that isn't counted
_SECONDS = 20.0  # after which no further round begins
_NOTHING = ("Const", "Input", "Output")


def run(arguments: Mapping[str, Any], progress: Progress) -> Any:
    """Run the model several times, and return its `Executed`; a node's time is the median of several rounds.

    A round is a compiled model of its own: a device counts the mean from the first inference on.
    """
    core = ov.Core()
    core.set_property(arguments["core"])
    model = core.read_model(arguments["model"])
    device, properties = arguments["device"], {**arguments["properties"], "PERF_COUNT": True}
    inputs = [_random(model, port) for port in model.inputs]
    taken: dict[str, list[float]] = defaultdict(list)
    end = time.perf_counter() + _SECONDS
    for number in range(_ROUNDS):
        compiled = compile_model(core, Path(arguments["model"]), device, properties)
        request = compiled.create_infer_request()
        for index, array in enumerate(inputs):
            request.get_input_tensor(index).data[...] = array
        request.infer()
        read = _runtime_graph if device == "CPU" else _profile
        first = {node.name: node.us for node in read(compiled, request)}
        for _ in range(_RUNS):
            request.infer()
        nodes = read(compiled, request)
        for node in nodes:
            mean = ((_RUNS + 1) * node.us - first.get(node.name, 0.0)) / _RUNS if device == "CPU" else node.us
            taken[node.name].append(max(0.0, mean))
        progress(number + 1, _ROUNDS)
        if time.perf_counter() > end:
            break
    times = {name: round(median(found), 1) for name, found in taken.items()}
    timed = [{**to_builtins(node), "us": times[node.name]} for node in nodes]
    return to_builtins(Executed(nodes=(), whole_us=sum(times.values()))) | {"nodes": timed}


def _random(model: ov.Model, port: Any) -> Any:
    """Return values that an input may have: no index beyond its table."""
    rng, shape = np.random.default_rng(0), [*port.shape]
    dtype = np.dtype(dtype_name(port))
    if dtype.kind == "f":
        return rng.uniform(-1, 1, shape).astype(dtype)
    limit = index_limit(model, port_name(port))
    return rng.integers(0, limit or (256 if dtype == np.uint8 else 2), shape).astype(dtype)


def _runtime_graph(compiled: ov.CompiledModel, _request: ov.InferRequest) -> list[Node]:
    """Return the nodes of a runtime graph; what isn't executed takes no time."""

    def told(info: Any, key: str) -> str:
        return str(info[key].astype(str)) if key in info else ""

    nodes = []
    for node in compiled.get_runtime_model().get_ordered_ops():
        info = node.get_rt_info()
        duration = told(info, "execTimeMcs")
        nodes.append(
            Node(
                name=node.get_friendly_name(),
                operations=tuple(filter(None, told(info, "originalLayersNames").split(","))),
                type=told(info, "layerType"),
                us=float(duration) if duration.isdecimal() else 0.0,
                precision=told(info, "runtimePrecision"),
                dtype=told(info, "outputPrecisions"),
                layout=told(info, "outputLayouts"),
                reads=tuple(value.get_node().get_friendly_name() for value in node.input_values()),
            )
        )
    return [node for node in nodes if node.type != "Const"]


def _profile(_compiled: ov.CompiledModel, request: ov.InferRequest) -> list[Node]:
    """Return what a device says it executed, by name: all that there is where it shows no graph."""
    nodes: dict[str, Node] = {}
    for row in request.profiling_info:
        name = row.node_name.partition("?t_")[0]
        if row.status.name != "EXECUTED" or row.exec_type == "DMA":
            continue
        before = nodes[name].us if name in nodes else 0.0
        us = before + row.real_time.total_seconds() * 1e6
        nodes[name] = Node(name=name, operations=(name,), type=row.node_type, us=us)
    return [*nodes.values()]
