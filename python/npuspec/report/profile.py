"""The child's side: run a variant of a bundle on the CPU, and return how long each operation took."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openvino as ov
from msgspec.structs import replace

from npuspec.bundle.reader import open_version
from npuspec.child import Progress
from npuspec.runtime import Engine, Session
from npuspec.runtime.device import compile_model
from npuspec.runtime.samples import make_samples

DEVICE = "CPU"
RUNS = 20


def run(arguments: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """Run the largest variant on a random sample, and return a row for each operation that was executed."""
    bundle = open_version(Path(arguments["version"]), hashed=False)
    manifest = bundle.manifest
    largest = manifest.program.variants[-1]
    program = replace(manifest.program, variants=(largest,))
    core, place = ov.Core(), bundle.path(manifest.models[largest.name])
    properties = next((d.properties for d in manifest.deployments if d.device == DEVICE), {})
    compiled = compile_model(core, place, DEVICE, {**properties, "PERF_COUNT": True})
    engine = Engine(program, {largest.name: compiled}, device=DEVICE, requests=1)
    _, sample = make_samples(program, core.read_model(place))[0]
    with Session(engine) as session:
        request = engine.pools[largest.name].first.request
        session.infer(sample)
        first = _taken(request)
        for number in range(1, RUNS + 1):
            session.infer(sample)
            progress(number, RUNS)
        # OpenVINO gives the mean over all inferences, and the first is one of its own.
        return [
            {**row, "ms": max(0.0, ((RUNS + 1) * row["ms"] - first[name]["ms"]) / RUNS)}
            for name, row in _taken(request).items()
        ]


def _taken(request: ov.InferRequest) -> dict[str, dict[str, Any]]:
    return {
        info.node_name: {
            "name": info.node_name,
            "type": info.node_type,
            "how": info.exec_type,
            "ms": info.real_time.total_seconds() * 1e3,
        }
        for info in request.get_profiling_info()
        if info.status == ov.ProfilingInfo.Status.EXECUTED
    }
