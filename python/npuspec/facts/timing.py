"""The child's side: how long models take, each in turn with the others."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import openvino as ov

from npuspec.child import Progress
from npuspec.diagnostics import Diagnostic, SpecError, StageError
from npuspec.facts.inspect import port_name, read_model, reason

_WARMING = 2
TIMED = 21  # inferences of each request, in turn, behind those for warming


def latency(arguments: Mapping[str, Any], progress: Progress) -> list[float]:
    """Return the median latency in milliseconds for each choice of sizes."""
    core = ov.Core()
    model = read_model(core, Path(arguments["model"]))
    requests = [_request(core, model, arguments, sizes) for sizes in arguments["sizes"]]
    return [median(times) for times in time_in_turn(requests, progress)]


def time_in_turn(requests: Sequence[Any], progress: Progress) -> list[list[float]]:
    """Run filled infer requests in turn, and return the milliseconds of each one's `TIMED` inferences, in order."""
    taken: list[list[float]] = [[] for _ in requests]
    rounds = _WARMING + TIMED
    for number in range(rounds):
        for times, request in zip(taken, requests, strict=True):
            start = time.perf_counter()
            request.infer()
            times.append((time.perf_counter() - start) * 1e3)
        progress((number + 1) * len(requests), rounds * len(requests))
    return [times[_WARMING:] for times in taken]


def _request(core: ov.Core, model: ov.Model, arguments: Mapping[str, Any], sizes: Mapping[str, int]) -> Any:
    """Compile the model with these sizes and fill its inputs."""
    copy = model.clone()
    shapes = {name: [sizes.get(str(a), a) for a in shape] for name, shape in arguments["shapes"].items()}
    try:
        copy.reshape({port: ov.PartialShape(shapes[port_name(port)]) for port in copy.inputs})
    except RuntimeError as error:
        message = f"the model can't have the sizes {dict(sizes)}: {reason(error)}"
        raise SpecError(Diagnostic("impossible-shape", message, "choose sizes that the model takes")) from None
    try:
        compiled = core.compile_model(copy, arguments["device"], {"PERFORMANCE_HINT": "LATENCY"})
    except RuntimeError as error:
        message = f"{arguments['device']} can't compile the model with the sizes {dict(sizes)}: {reason(error)}"
        raise StageError(Diagnostic("compile-failed", message, "look the message up, or try another device")) from None
    request = compiled.create_infer_request()
    for index, port in enumerate(copy.inputs):  # a compiled port may have lost its names
        fill = arguments["fills"][port_name(port)]
        request.get_input_tensor(index).data[...] = sizes.get(str(fill), fill)
    return request
