"""Small bundles, published as `apply` does it; what they hold is made up, for nothing here runs a model."""

from pathlib import Path

import pytest

from npuspec.bundle import Deployed, Manifest
from npuspec.bundle.program import DataInput, Dim, Extent, Output, Program, Variant
from npuspec.bundle.writer import publish, records, staging
from npuspec.store import digest_bytes

FILES = {
    "plan.json": b"{}\n",
    "models/time8.xml": b"<net/>",
    "models/time8.bin": bytes(range(256)) * 16,
    "evidence/evidence.json": b'{\n "gates": []\n}\n',
    "evidence/empty": b"",
}


PROPERTIES: dict[str, bool | int | float | str] = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_NUM_THREADS": 2,
    "PERF_COUNT": True,
}


def make_manifest(folder: Path) -> Manifest:
    """Describe what lies in a folder."""
    return Manifest(
        plan=digest_bytes(b"plan"),
        toolchain={"openvino": "1"},
        program=Program(
            batch=1,
            dims={"time": Dim(minimum=2, maximum=8)},
            inputs=(
                DataInput(name="x", dtype="float32", axes=("time",), pad_value=0.0, pad_side="right", finite=False),
            ),
            outputs=(Output(name="y", dtype="float32", extents=(Extent(dim="time", axis=1, divisor=2),)),),
            variants=(Variant(name="time8", sizes={"time": 8}, shapes={"x": (1, 8)}),),
        ),
        cache="blob",
        deployments=(Deployed(device="CPU", properties=PROPERTIES),),
        device="CPU",
        identity="a device",
        models={"time8": "models/time8.xml"},
        blobs={},
        files=records(folder),
    )


def publish_files(path: Path, tag: str = "", files: dict[str, bytes] | None = None) -> str:
    """Publish a bundle at `path`; another tag is another content."""
    with staging(path) as scratch:
        for name, data in (FILES if files is None else files).items():
            (scratch / name).parent.mkdir(exist_ok=True)
            (scratch / name).write_bytes(data)
        (scratch / "tag").write_text(tag)
        return publish(path, scratch, make_manifest(scratch))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle that was published once."""
    publish_files(tmp_path / "bundle")
    return tmp_path / "bundle"
