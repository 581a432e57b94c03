"""Time what ships as an application would find it: a bundle of these models, loaded on the device.

It is made and thrown away here, since the bundle itself is only made where all gates are met.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import openvino as ov
from msgspec import convert, structs

from npuspec.bundle import Blob, Deployed, Manifest
from npuspec.bundle.program import Load
from npuspec.bundle.writer import publish, records, staging
from npuspec.child import Progress, run_task
from npuspec.runtime import Session, load
from npuspec.runtime.device import identity
from npuspec.runtime.samples import make_samples
from npuspec.stages import BLOB, MODEL, TIMINGS, WEIGHTS
from npuspec.stages.request import Request
from npuspec.stages.times import alone, together

_STARTS = 3
_PLATFORM = "DEVICE_ARCHITECTURE"


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write timings.json: of the metrics that are asked for what was measured, and on what."""
    request = Request.of(arguments)
    metrics, device = request.parameters["metrics"], request.parameters["device"]
    core = ov.Core()
    found: dict[str, Any] = {"device": device, "platform": None}
    if device == "NPU":
        found["platform"] = str(core.get_property(device, _PLATFORM))
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        bundle = Path(scratch, "bundle")
        publish_made(request, core, bundle)
        told = {"bundle": str(bundle), "device": device}
        if "start-ms" in metrics:
            run_task("npuspec.stages.times:start", told)  # keeps what is kept between starts
            found["starts_ms"] = [run_task("npuspec.stages.times:start", told) for _ in range(_STARTS)]
            found["start-ms"] = median(found["starts_ms"])
        if {*metrics} != {"start-ms"}:
            with load(bundle, device=device) as session:
                found["variants"] = _variants(request, core, session, progress)
    request.write_json(TIMINGS, found)


def publish_made(request: Request, core: ov.Core, place: Path) -> None:
    """Make a bundle of the models and blobs that ship, for this device alone."""
    program, parameters = request.program, request.parameters
    device, variants = parameters["device"], program.variants
    here, blobs = identity(core, device), {}
    made = zip(variants, request.inputs[: len(variants)], request.inputs[len(variants) :], strict=True)
    with staging(place) as folder:
        for variant, shaped, compiled in made:
            copies = {shaped / MODEL: f"{variant.name}.xml", shaped / WEIGHTS: f"{variant.name}.bin"}
            copies[compiled / BLOB] = f"{variant.name}.blob"
            for source, name in copies.items():
                if source.exists():
                    shutil.copyfile(source, folder / name)
            if (compiled / BLOB).exists():
                blobs[variant.name] = Blob(device=device, identity=here, path=f"{variant.name}.blob")
        manifest = Manifest(
            plan="0" * 64,
            toolchain={},
            program=program,
            # what answers meanwhile is another device
            load=structs.replace(convert(parameters["load"], Load), warm=None),
            cache=parameters["cache"],
            core=parameters["core"],
            deployments=(Deployed(device=device, properties=parameters["properties"]),),
            device=device,
            identity=here,
            models={variant.name: f"{variant.name}.xml" for variant in variants},
            blobs=blobs,
            files=records(folder),
        )
        publish(place, folder, manifest)


def _variants(request: Request, core: ov.Core, session: Session, progress: Progress) -> dict[str, dict[str, float]]:
    """Time each variant on a sample that fills it."""
    program, metrics, found = request.program, request.parameters["metrics"], {}
    model = core.read_model(request.inputs[0] / MODEL)
    for number, variant in enumerate(program.variants, 1):
        (_, sample), *_ = make_samples(structs.replace(program, variants=(variant,)), model)
        row: dict[str, float] = {}
        if {"latency-ms", "latency-p95-ms"} & {*metrics}:
            times = alone(session, sample)
            row |= {"latency-ms": median(times), "latency-p95-ms": float(np.percentile(times, 95))}
            row["inferences"] = len(times)
        if "throughput" in metrics:
            row["throughput"] = together(session, sample)
        found[variant.name] = row
        progress(number, len(program.variants))
    return found
