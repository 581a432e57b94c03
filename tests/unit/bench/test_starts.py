"""A cold start compiles, and a warm one doesn't where the bundle allows it."""

import os
from pathlib import Path

import pytest
from runtime.test_load import TOY
from runtime.toys import bundle

from npuspec.bench.starts import measure_starts


@pytest.mark.parametrize(
    ("changes", "cold", "warm"),
    [({"blob": True}, "miss", "blob"), ({"cache": "directory"}, "miss", "hit"), ({}, "compiled", "compiled")],
)
def test_only_a_cold_start_compiles(
    tmp_path: Path, own_cache: Path, changes: dict[str, bool], cold: str, warm: str
) -> None:
    bundle(tmp_path / "toy", TOY, **changes)
    told: list[int] = []
    found = measure_starts(tmp_path / "toy", "CPU", 1, told.append)
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
