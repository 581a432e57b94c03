"""Put the stages' results together as one bundle."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from npuspec.bundle import Blob, Deployed, Manifest
from npuspec.bundle.manifest import PLAN
from npuspec.bundle.writer import records
from npuspec.execute.gates import GateResult
from npuspec.plan import Plan
from npuspec.stages import TIMINGS
from npuspec.store import canonical_json

_EVIDENCE = "evidence"


def assemble(
    folder: Path,
    plan: Plan,
    results: Mapping[str, Path],
    gates: tuple[GateResult, ...],
    *,
    device: str,
    identity: str,
) -> Manifest:
    """Fill `folder` with models, blobs, plan and evidence, and return the manifest for it."""
    (folder / _EVIDENCE).mkdir()
    models, blobs = {}, {}
    timings: dict[str, Any] = {"identity": identity, "stages": {}}
    quantization = {}
    for variant in plan.program.variants:
        name = variant.name
        made = results.get(f"quantize[{name}]", results[f"shape[{name}]"])
        models[name] = _copy(made / "model.xml", folder, f"models/{name}.xml")
        if (weights := made / "model.bin").exists():
            _copy(weights, folder, f"models/{name}.bin")
        compiled = results[f"compile[{device}, {name}]"]
        if (blob := compiled / "model.blob").exists():
            blobs[name] = Blob(device=device, identity=identity, path=_copy(blob, folder, f"blobs/{name}.blob"))
        if (report := made / "quantization.json").exists():
            quantization[name] = _read(report)
    for name, result in results.items():
        if (measured := result / TIMINGS).exists():
            timings["stages"][name] = _read(measured)
    evidence: dict[str, Any] = {"gates": [g.as_json() for g in gates], "quantization": quantization}
    if (verified := results.get(f"verify[{device}]")) is not None:
        evidence["agreement"] = _read(verified / "agreement.json")
    (folder / _EVIDENCE / "evidence.json").write_bytes(canonical_json(evidence))
    (folder / _EVIDENCE / TIMINGS).write_bytes(canonical_json(timings))
    (folder / PLAN).write_bytes(plan.encode())
    return Manifest(
        plan=plan.digest,
        toolchain=plan.toolchain,
        program=plan.program,
        cache=plan.cache,
        deployments=tuple(
            Deployed(device=d.device, properties={p.name: p.value for p in d.properties}) for d in plan.deployments
        ),
        device=device,
        identity=identity,
        models=models,
        blobs=blobs,
        files=records(folder),
    )


def _copy(source: Path, folder: Path, name: str) -> str:
    target = folder / name
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, target)
    return name


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())
