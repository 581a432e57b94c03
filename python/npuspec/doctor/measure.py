"""The child's side: start a bundle on a device and time it, and hold what it answered against the CPU."""

import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from npuspec.bundle import Bundle, open_bundle
from npuspec.child import Progress
from npuspec.runtime import Engine, FallbackWarning, Session, load
from npuspec.runtime.arrays import read_arrays, write_arrays
from npuspec.runtime.device import compile_model, identity
from npuspec.runtime.feed import Array, check_sample, choose_variant
from npuspec.runtime.samples import make_samples

_RUNS = 30
_LEAST_RUNS = 5
_SECONDS = 5.0  # that the runs of one variant take, unless there would be too few
_FROM = {"blob": "blob", "hit": "cache", "miss": "compiled", "compiled": "compiled"}
"""What a compiled model is from, in words of a start."""
_CPU = {"INFERENCE_PRECISION_HINT": "f32"}  # what others are held against is as exact as can be


def start(arguments: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Load a bundle and return how long that took, and where its models come from and run.

    With `outputs`, the path of a file, every sample is run, timed, and what came out is written there.
    """
    bundle = open_bundle(Path(arguments["bundle"]))
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)  # it stands in the notes
        session = load(arguments["bundle"], device=arguments["device"])
    seconds = time.perf_counter() - begin
    with session:
        answer: dict[str, Any] = {
            "device": session.device,
            "identity": identity(ov.Core(), session.device),
            "load_seconds": seconds,
            "executed": session.executed,
            "from": {name: _FROM[origin] for name, origin in session.origins.items()},
            "notes": [*session.notes],
        }
        if arguments["outputs"]:
            answer["latency"] = _run_all(session, bundle, Path(arguments["outputs"]), progress)
    return answer


def compare(arguments: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """Run the same samples on the CPU, in float32, and return for each output how far the device's are from that."""
    bundle = open_bundle(Path(arguments["bundle"]))
    program, core = bundle.manifest.program, ov.Core()
    models = {
        name: compile_model(core, bundle.path(place), "CPU", _CPU) for name, place in bundle.manifest.models.items()
    }
    found, rows = read_arrays(Path(arguments["outputs"])), []
    with Session(Engine(program, models, device="CPU")) as session:
        samples = _samples(bundle)
        wanted = []
        for number, (_, sample) in enumerate(samples, 1):
            wanted.append(session.infer(sample))
            progress(number, len(samples))
    for index, output in enumerate(program.outputs):
        pairs = [(found[f"{number}.{index}"], arrays[output.name]) for number, arrays in enumerate(wanted)]
        rows.append({"output": output.name, **_agreement(pairs)})
    return rows


def _samples(bundle: Bundle) -> list[tuple[str, dict[str, Array]]]:
    model = ov.Core().read_model(bundle.path(next(iter(bundle.manifest.models.values()))))
    return make_samples(bundle.manifest.program, model)


def _run_all(session: Session, bundle: Bundle, outputs: Path, progress: Progress) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    arrays: dict[str, Array] = {}
    samples = _samples(bundle)
    for number, (name, sample) in enumerate(samples):
        begin = time.perf_counter()
        found = session.infer(sample)
        first = (time.perf_counter() - begin) * 1e3
        times = _time(session, sample)
        arrays |= {f"{number}.{index}": found[o.name] for index, o in enumerate(session.program.outputs)}
        rows.append(
            {
                "sample": name,
                "variant": choose_variant(session.program, check_sample(session.program, sample)[1]).name,
                "first_ms": first,
                "median_ms": float(np.median(times)),
                "p95_ms": float(np.percentile(times, 95)),
                "runs": len(times),
            }
        )
        progress(number + 1, len(samples))
    with outputs.open("wb") as file:
        write_arrays(file, arrays)
    return rows


def _time(session: Session, sample: Mapping[str, Array]) -> list[float]:
    """Return the milliseconds of each of several inferences."""
    times: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(times) < _LEAST_RUNS or (len(times) < _RUNS and time.perf_counter() < end):
        begin = time.perf_counter()
        session.infer(sample)
        times.append((time.perf_counter() - begin) * 1e3)
    return times


def _agreement(pairs: list[tuple[Array, Array]]) -> dict[str, Any]:
    """Return figures of an output over all samples; None where there is none to be had."""
    if any(ours.shape != theirs.shape for ours, theirs in pairs):
        return {"same_shape": False, "finite": False, "max_abs_difference": None, "cosine": None}
    ours, theirs = (np.concatenate([pair[i].ravel() for pair in pairs]).astype(np.float64) for i in (0, 1))
    is_finite = bool(np.array_equal(np.isfinite(ours), np.isfinite(theirs)))
    known = np.isfinite(ours) & np.isfinite(theirs)
    ours, theirs = ours[known], theirs[known]
    size = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    return {
        "same_shape": True,
        "finite": is_finite,
        "max_abs_difference": float(np.abs(ours - theirs).max(initial=0.0)),
        "cosine": float(ours @ theirs) / size if size else float(np.array_equal(ours, theirs)),
    }
