"""What OpenVINO's benchmark_app writes with -json_stats, of one variant: its keys, and values as it writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from npuspec.bench.figures import Bare, Place
from npuspec.bundle import open_bundle

Api = Literal["sync", "async"]
_LOADED = {"blob": "import", "hit": "import", "miss": "compile", "compiled": "compile"}


def app_form(path: Path, place: Place, bare: Bare, api: Api, seconds: float) -> dict[str, Any]:
    """Return benchmark_app's report.

    Args:
        path: the bundle.
        place: where it was measured.
        bare: what was measured.
        api: which of it: one inference at a time, or many.
        seconds: how long that was to take.

    """
    bundle = open_bundle(path, hashed=False)
    properties = next(d.properties for d in bundle.manifest.deployments if d.device == place.device)
    rate, latency = (bare.single, bare.single.latency) if api == "sync" else (bare.many, bare.many.latency)
    return {
        "cmd_options": {
            "-m": str(bundle.root / bundle.manifest.models[bare.variant]),
            "-d": place.device,
            **_hint(properties),
            "-api": api,
            "-t": f"{seconds:g}",
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


def _hint(properties: Mapping[str, Any]) -> dict[str, str]:
    hint = properties.get("PERFORMANCE_HINT")
    return {} if hint is None else {"-hint": str(hint).lower()}
