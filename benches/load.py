"""What a start costs where nothing is compiled: `npuspec.load` against a bare `core.import_model` and one SHA-256 pass.

Once with the bundle's own blobs, and once with those that npuspec's cache keeps of the same models. The bare way makes
a core, reads each blob as bytes, hashes it and imports it; `npuspec.load` finds the device, checks the manifest, and
makes a session with an infer request for each variant. A model of large weights stands beside the bundle's. In turn in
one process, medians of the ratios within a round.

Needs a bundle with blobs for this machine's CPU.

    python benches/load.py build/asr
"""

import argparse
import os
import sys
import tempfile
import time
import warnings
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import openvino as ov
import openvino.opset15 as ops
from msgspec import structs

import npuspec
from npuspec.bundle import Bundle, Deployed, Manifest, Program, open_bundle
from npuspec.bundle.manifest import Blob
from npuspec.bundle.program import DataInput, Output, Variant
from npuspec.bundle.writer import publish, records, staging
from npuspec.runtime.device import export_model, identity

MOST = 1.15
ROUNDS = 21
DEVICE: Final = "CPU"
WIDTH, LAYERS = 1024, 12  # 48 MiB of weights


def bare(blobs: list[Path], properties: dict[str, bool | int | float | str]) -> list[ov.CompiledModel]:
    """Import blobs as an application does that hashes them."""
    core, models = ov.Core(), []
    for path in blobs:
        blob = path.read_bytes()
        sha256(blob).digest()
        models.append(core.import_model(blob, DEVICE, properties))
    return models


def load(path: Path, origin: str) -> npuspec.Session:
    """Load a bundle, of which every model must come from where it is said to."""
    session = npuspec.load(path, device=DEVICE)
    assert set(session.origins.values()) == {origin}, session.origins
    return session


def compare(title: str, bundle: Bundle, path: Path, origin: str, blobs: list[Path]) -> bool:
    """Time both in turn, the order changing from round to round; tell whether the ratio holds."""
    properties = next(d.properties for d in bundle.manifest.deployments if d.device == DEVICE)
    ways = (lambda: load(path, origin), lambda: bare(blobs, properties))
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(-1, ROUNDS):
        for index in (0, 1) if number % 2 else (1, 0):
            start = time.perf_counter()
            made = ways[index]()
            if number >= 0:
                taken[index].append(time.perf_counter() - start)
            del made
    ratio = median(a / b for a, b in zip(*taken, strict=True))
    size = sum(blob.stat().st_size for blob in blobs) / 2**20
    print(
        f"  {title:34} {len(blobs)} blob(s), {size:5.1f} MiB: load {median(taken[0]) * 1e3:7.1f} ms, "
        f"bare {median(taken[1]) * 1e3:7.1f} ms, ratio {ratio:.2f}: {'holds' if ratio <= MOST else 'MISSED'}"
    )
    return ratio <= MOST


def both(title: str, path: Path) -> bool:
    """Compare with the bundle's blobs, and with those of the cache, which a copy without blobs fills."""
    bundle = open_bundle(path)
    own = [bundle.path(blob.path) for blob in bundle.manifest.blobs.values()]
    held = compare(f"{title}, the bundle's", bundle, path, "blob", own)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NPUSPEC_CACHE"] = str(Path(folder, "cache"))
        other = Path(folder, "bundle")
        with staging(other) as scratch:
            for name in bundle.manifest.files:
                if not name.startswith("blobs/"):
                    (scratch / name).parent.mkdir(exist_ok=True)
                    (scratch / name).write_bytes(bundle.path(name).read_bytes())
            changes = {"cache": "directory", "blobs": {}, "files": records(scratch)}
            publish(other, scratch, structs.replace(bundle.manifest, **changes))
        load(other, "miss").close()
        kept = sorted(Path(folder, "cache", "blobs").glob("*.blob"))
        bare_ones = [Path(folder, f"{number}.blob") for number in range(len(kept))]
        for entry, place in zip(kept, bare_ones, strict=True):
            place.write_bytes(entry.read_bytes()[130:])
        return compare(f"{title}, the cache's", bundle, other, "hit", bare_ones) and held


def make_large(path: Path) -> None:
    """Publish a bundle of a model with large weights, and of its blob."""
    rng = np.random.default_rng(0)
    x = ops.parameter([1, WIDTH], np.float32, name="x")
    x.output(0).set_names({"x"})
    node = x
    for _ in range(LAYERS):
        weights = rng.standard_normal((WIDTH, WIDTH)).astype(np.float32)
        node = ops.relu(ops.matmul(node, ops.constant(weights), transpose_a=False, transpose_b=False))
    node.output(0).set_names({"y"})
    model = ov.Model([ops.result(node)], [x], "large")
    core = ov.Core()
    with staging(path) as scratch:
        for name in ("models", "blobs"):
            (scratch / name).mkdir()
        ov.save_model(model, scratch / "models/static.xml", compress_to_fp16=False)
        (scratch / "blobs/static.blob").write_bytes(export_model(core.compile_model(model, DEVICE)))
        here = identity(core, DEVICE)
        port = DataInput(name="x", dtype="float32", axes=(WIDTH,), pad_value=0.0, pad_side="right", finite=False)
        program = Program(
            batch=1,
            dims={},
            inputs=(port,),
            outputs=(Output(name="y", dtype="float32", extents=()),),
            variants=(Variant(name="static", sizes={}, shapes={"x": (1, WIDTH)}),),
        )
        manifest = Manifest(
            plan="0" * 64,
            toolchain={},
            program=program,
            cache="blob",
            deployments=(Deployed(device=DEVICE, properties={}),),
            device=DEVICE,
            identity=here,
            models={"static": "models/static.xml"},
            blobs={"static": Blob(device=DEVICE, identity=here, path="blobs/static.blob")},
            files=records(scratch),
        )
        publish(path, scratch, manifest)


def main() -> int:
    """Compare for both bundles; fail if a start takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    bundle = parser.parse_args().bundle
    warnings.simplefilter("ignore", npuspec.FallbackWarning)
    print(f"medians of {ROUNDS} starts each, at most {MOST} times a bare import with a SHA-256 pass")
    with tempfile.TemporaryDirectory() as folder:
        make_large(Path(folder))
        held = [both(bundle.name, bundle), both("large weights", Path(folder))]
    return not all(held)


if __name__ == "__main__":
    sys.exit(main())
