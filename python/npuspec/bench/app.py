"""What OpenVINO's benchmark_app writes with -json_stats, of one variant: its keys, and values as it writes them."""

import json
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any, Literal

from npuspec.bench.figures import Bare, Place
from npuspec.bundle import open_bundle

Api = Literal["sync", "async"]
_HINTS = ("latency", "throughput", "cumulative_throughput")
_FINE = {"NUM_STREAMS": "-nstreams", "INFERENCE_NUM_THREADS": "-nthreads", "ENABLE_CPU_PINNING": "-pin"}
"""What benchmark_app takes with `-hint none` only."""
_LOADED = {"blob": "import", "hit": "import", "miss": "compile", "compiled": "compile"}


def app_form(path: Path, place: Place, bare: Bare, api: Api, seconds: float) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return benchmark_app's report, and what is to be said of properties that it has no option for.

    Args:
        path: the bundle.
        place: where it was measured.
        bare: what was measured.
        api: which of it: one inference at a time, or many.
        seconds: how long that was to take.

    """
    bundle = open_bundle(path, hashed=False)
    manifest = bundle.manifest
    properties = next(d.properties for d in manifest.deployments if d.device == place.device)
    options, unsaid = _options(properties)
    notes = []
    if unsaid:
        names, config = _named(unsaid), json.dumps({place.device: unsaid})
        notes.append(f"benchmark_app sets {names} where it is given a file of this with -load_config: {config}")
    if manifest.core:
        notes.append(f"benchmark_app can't set {_named(manifest.core)}, which is OpenVINO's own and no device's")
    rate, latency = (bare.single, bare.single.latency) if api == "sync" else (bare.many, bare.many.latency)
    form = {
        "cmd_options": {
            "-m": str(bundle.root / manifest.models[bare.variant]),
            "-d": place.device,
            **options,
            "-api": api,
            "-t": str(ceil(seconds)),
        },
        "configuration_setup": {
            "topology": bare.variant,
            "target device": place.device,
            "API": api,
            "inference_only": True,
            "precision": "UNSPECIFIED",
            "batch size": str(bare.batch),
            "number of iterations": "None",
            "number of parallel infer requests": str(rate.requests),
            "duration (ms)": f"{seconds * 1e3:.0f}",
        },
        "execution_results": {
            f"{_LOADED[bare.origin]} model time (ms)": f"{bare.load:.2f}",
            "first inference time (ms)": f"{bare.first:.2f}",
            "total execution time (ms)": f"{rate.seconds * 1e3:.2f}",
            "total number of iterations": str(rate.batches),
            "latency (ms)": f"{latency.median:.2f}",
            "avg latency": f"{latency.mean:.2f}",
            "min latency": f"{latency.minimum:.2f}",
            "max latency": f"{latency.maximum:.2f}",
            "throughput": f"{rate.samples_per_second:.2f}",
        },
    }
    return form, tuple(notes)


def _options(properties: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the options that set properties, and those that have none. Without a hint benchmark_app would set one."""
    unsaid = dict(properties)
    options = {"-hint": "none"}
    if (hint := str(properties.get("PERFORMANCE_HINT")).lower()) in _HINTS:
        options["-hint"] = hint
        del unsaid["PERFORMANCE_HINT"]
    else:
        for name in [name for name in _FINE if name in unsaid]:
            value = unsaid.pop(name)
            options[_FINE[name]] = ("NO", "YES")[value] if isinstance(value, bool) else str(value)
    if "INFERENCE_PRECISION_HINT" in unsaid:
        options["-infer_precision"] = str(unsaid.pop("INFERENCE_PRECISION_HINT"))
    return options, unsaid


def _named(properties: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in properties)
