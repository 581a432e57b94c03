"""Put the stages' results together as one bundle."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from npuspec.bundle import Blob, Deployed, Manifest
from npuspec.bundle.manifest import PLAN, PlatformBlob
from npuspec.bundle.writer import records
from npuspec.execute.evidence import NAME as EVIDENCE
from npuspec.execute.evidence import Evidence, gather_timings
from npuspec.execute.shipped import shipped
from npuspec.npu.properties import Device
from npuspec.plan import Plan
from npuspec.stages import TIMINGS
from npuspec.store import canonical_json


def assemble(
    folder: Path, plan: Plan, results: Mapping[str, Path], evidence: Evidence, *, device: Device, identity: str
) -> Manifest:
    """Fill `folder` with models, blobs, plan and evidence, and return the manifest for it."""
    parts = [*shipped(plan, results, device)]
    for part in parts:
        target = folder / part.place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(part.source, target)
    blobs = {(part.platform, part.variant): part.place for part in parts if part.kind == "blob"}
    ahead = tuple(
        PlatformBlob(
            platform=row["platform"],
            variant=row["variant"],
            path=blobs[row["platform"], row["variant"]],
            compiler=row["compiler"],
            requirements=row["requirements"],
        )
        for row in evidence.estimates
        if row["ships"]
    )
    _write(folder / PLAN, plan.encode())
    _write(folder / EVIDENCE, canonical_json(evidence.as_json()))
    _write(folder / "evidence" / TIMINGS, canonical_json(gather_timings(results, identity)))
    return Manifest(
        plan=plan.digest,
        toolchain=plan.toolchain,
        program=plan.program,
        load=plan.load,
        cache=plan.cache,
        core={p.name: p.value for p in plan.core},
        deployments=tuple(
            Deployed(device=d.device, properties={p.name: p.value for p in d.properties}) for d in plan.deployments
        ),
        device=device,
        identity=identity,
        models={part.variant: part.place for part in parts if part.kind == "model"},
        blobs={
            variant: Blob(device=device, identity=identity, path=place)
            for (platform, variant), place in blobs.items()
            if platform is None
        },
        platforms=ahead,
        files=records(folder),
    )


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
