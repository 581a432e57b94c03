"""What a bundle, its plan and its manifest say of themselves, as rows."""

from collections.abc import Iterator, Mapping
from typing import Any

from npuspec.bundle import Manifest
from npuspec.bundle.manifest import CACHES
from npuspec.execute.evidence import Evidence
from npuspec.plan import Plan
from npuspec.report.model import Row, Stage

_COUNTS = {
    "samples": "samples that calibrated",
    "quantized_operations": "operations that are quantized",
    "fake_quantize_operations": "FakeQuantize operations",
}


def head_facts(manifest: Manifest, plan: Plan) -> Iterator[Row]:
    """Yield what comes first."""
    yield Row("made for", f"{manifest.device}: {manifest.identity}")
    yield Row("model", plan.model.source)
    yield Row("model's SHA-256", plan.model.digest)
    if plan.samples is not None:
        yield Row("data", plan.samples.source.source)
        counts = f"{len(plan.samples.calibration)} calibrate, {len(plan.samples.validation)} are measured on"
        yield Row("samples", counts)
    sizes = ", ".join(variant.name for variant in manifest.program.variants)
    yield Row("static shapes", f"{sizes}; {manifest.program.batch} to a batch")
    yield Row("plan", manifest.plan)
    yield Row("toolchain", ", ".join(f"{tool} {version}" for tool, version in manifest.toolchain.items() if version))


def stages_of(plan: Plan, device: str, timings: Mapping[str, Any]) -> Iterator[Stage]:
    """Yield the stages that made the bundle."""
    for stage in plan.stages_for(device):
        if not stage.on_failure:
            reads = tuple(dict.fromkeys(stage.inputs))
            yield Stage(stage.name, reads, stage.digest, _took(timings.get(stage.name, {})))


def _took(noted: Mapping[str, Any]) -> str:
    told = []
    if "compile_seconds" in noted:
        told.append(f"{noted['compile_seconds']:.1f} s")
    if "peak_mib" in noted:
        told.append(f"{noted['peak_mib']} MiB of memory at most")
    return ", ".join(told)


def quantization_facts(quantization: Mapping[str, Any] | None) -> Iterator[Row]:
    """Yield what quantization did; nothing where there was none."""
    if quantization is None:
        return
    yield Row("mode", quantization["mode"])
    yield from (Row(what, str(quantization[key])) for key, what in _COUNTS.items() if key in quantization)
    yield from (Row(f"weights in {kind}", str(count)) for kind, count in quantization.get("weights", {}).items())
    if folded := quantization.get("folded_away"):
        yield Row("to be kept, and folded away", ", ".join(folded))


def device_facts(manifest: Manifest, plan: Plan, evidence: Evidence) -> Iterator[Row]:
    """Yield the devices that the spec allows, with their properties, and what ran where."""
    for number, deployment in enumerate(plan.deployments):
        role = "the target" if number == 0 else "a fallback"
        given = ", ".join(f"{p.name} = {_toml(p.value)}" for p in deployment.properties)
        left = f"; left out: {', '.join(deployment.left_out)}" if deployment.left_out else ""
        yield Row(f"{deployment.device}, {role}", (given or "no properties") + left)
    if manifest.core:
        yield Row("OpenVINO itself", ", ".join(f"{name} = {_toml(value)}" for name, value in manifest.core.items()))
    yield Row("made and measured on", manifest.identity)
    for variant in manifest.program.variants:
        if variant.name in evidence.executed:
            yield Row(f"{variant.name} ran on", ", ".join(evidence.executed[variant.name]))
    load = manifest.load
    yield Row("infer requests of each variant", str(load.requests or "as many as the device finds best, and one more"))
    yield Row("requests that may wait", str(load.queue))
    if load.warm:
        yield Row("until the target is ready", f"{load.warm} answers")


def cache_facts(manifest: Manifest) -> Iterator[Row]:
    """Yield how a later start is spared the compilation, and for which devices."""
    yield Row(manifest.cache, CACHES[manifest.cache])
    for variant in manifest.program.variants:
        if (blob := manifest.blobs.get(variant.name)) is not None:
            yield Row(f"{variant.name}, a blob", f"{_size(manifest, blob.path)}, for {blob.device}: {blob.identity}")
    for ahead in manifest.platforms:
        needs = f"; needs {ahead.requirements}" if ahead.requirements else ""
        made = f"{_size(manifest, ahead.path)}, made by {ahead.compiler}{needs}"
        yield Row(f"{ahead.variant}, a blob for NPU {ahead.platform}", made)


def _size(manifest: Manifest, path: str) -> str:
    return mebibytes(manifest.files[path].size)


def mebibytes(size: int) -> str:
    """Return a size for people."""
    return f"{size / 2**20:.1f} MiB" if size >= 2**19 else f"{size / 2**10:.1f} KiB"


def _toml(value: bool | int | float | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
