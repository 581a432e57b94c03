"""Stress what ships until it is steady, and measure it then: one inference at a time, and many."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import openvino as ov
from msgspec import to_builtins

from npuspec.bench.bare import WINDOW, Model, settle
from npuspec.bench.place import Placed, compiled
from npuspec.bench.starts import measure_starts
from npuspec.child import Progress
from npuspec.stages import TIMINGS
from npuspec.stages.budget import publish_made
from npuspec.stages.request import Request

_SECONDS = 1.0  # for each figure


def run(arguments: Mapping[str, Any], progress: Progress) -> None:
    """Write timings.json: of each variant its rates, and whether windows of it were alike before; perhaps starts."""
    request = Request.of(arguments)
    device, found = request.parameters["device"], dict[str, Any]()
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        bundle = Path(scratch, "bundle")
        publish_made(request, ov.Core(), bundle)
        placed = Placed(bundle, device)
        engine, variants = placed.engine(), placed.program.variants
        with placed.failing():
            for number, variant in enumerate(variants, 1):
                model = Model(compiled(engine, variant.name), placed.program, placed.sample(variant.sizes))
                found[variant.name] = {
                    "stable": settle(_windows(model)),
                    "single": to_builtins(model.single(_SECONDS)),
                    "many": to_builtins(model.many(_SECONDS, request.parameters["load"]["requests"] or 0)),
                }
                progress(number, len(variants))
        del engine
        starts = None
        if request.parameters["starts"]:
            starts = to_builtins(measure_starts(placed, request.parameters["starts"], lambda _: None))
    request.write_json(TIMINGS, {"device": device, "variants": found, "starts": starts})


def _windows(model: Model) -> Iterator[float]:
    while True:
        yield median(model.run(WINDOW))
