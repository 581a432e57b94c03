"""Small bundles, published as `apply` does it; what they hold is made up, for nothing here runs a model."""

import subprocess
import sys
from collections.abc import Callable, Iterator
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
        deployments=(Deployed(device="CPU", properties={"PERFORMANCE_HINT": "LATENCY", "TURBO": True, "THREADS": 2}),),
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


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python code in a process that finds this module and is ended with the test."""
    running: list[subprocess.Popen[str]] = []
    prelude = f"import sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r})\n"

    def run(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", prelude + code, *map(str, arguments)]
        running.append(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()
