"""A cold start compiles, and a warm one doesn't where the bundle allows it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runtime.test_load import TOY
from runtime.toys import bundle

from npuspec.bench.place import Placed
from npuspec.bench.starts import measure_starts
from npuspec.child import run_task


@pytest.mark.parametrize(
    ("changes", "cold", "warm"),
    [({"blob": True}, "miss", "blob"), ({"cache": "directory"}, "miss", "hit"), ({}, "compiled", "compiled")],
)
def test_only_a_cold_start_compiles(
    tmp_path: Path, own_cache: Path, changes: dict[str, Any], cold: str, warm: str
) -> None:
    bundle(tmp_path / "toy", TOY, **changes)
    told: list[int] = []
    found = measure_starts(Placed(tmp_path / "toy", "CPU"), 1, told.append)
    assert {*found.cold.origins.values()} == {cold}
    assert {*found.warm.origins.values()} == {warm}
    assert found.warm.origins.keys() == {"time4", "time8"}
    for start in (found.cold, found.warm):
        assert start.count == 1
        assert min(start.imports, start.load, start.first) > 0
        assert start.process > start.load
        assert start.imports > 1  # openvino alone takes far longer, unless it was there before the clock ran
    assert told == [1]
    assert not own_cache.exists()
    assert os.environ["NPUSPEC_CACHE"] == str(own_cache)


def test_what_is_imported_is_not_there_before_the_clock_runs() -> None:
    code = "import sys, npuspec.child.__main__, npuspec.bench.start; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    there = {*ran.stdout.split()}
    assert "npuspec.bench.start" in there
    assert not {"msgspec", "numpy", "openvino", "npuspec.bundle", "npuspec.store", "npuspec.runtime"} & there


def test_a_start_reads_no_more_than_an_application_does(tmp_path: Path, own_cache: Path) -> None:
    """It has blobs, and no model that a sample could be made for."""
    bundle(tmp_path / "toy", TOY, blob=True)
    for ir in tmp_path.rglob("*.xml"):
        ir.write_bytes(bytes(ir.stat().st_size))
    np.savez(tmp_path / "sample.npz", np.ones(8, np.float32))
    arguments = {"bundle": str(tmp_path / "toy"), "device": "CPU", "cache": str(own_cache), "cold": False}
    sample = {"sample": str(tmp_path / "sample.npz"), "names": ["x"]}
    answer = run_task("npuspec.bench.start:start", arguments | sample)
    assert {*answer["origins"].values()} == {"blob"}
