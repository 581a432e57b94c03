"""Samples beyond the largest size: the original runs on all of each, and what is lost is measured.

Goes to tests/unit/stages once the session truncates and chunks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from openvino import opset13 as op

from npuspec.bundle.program import Dim
from stages.bucketed import buckets, rows, verify

LENGTHS = (3, 4, 8, 9, 20, 16, 7)


def doubled(given: Mapping[str, Any]) -> Any:
    return op.relu(op.add(given["x"], given["x"]))


@pytest.mark.parametrize("batch", [1, 2])
def test_a_width_that_is_too_small_is_found_and_said_by_how_much(batch: int, tmp_path: Path) -> None:
    toy = buckets(4, 8, batch=batch)
    toy = structs.replace(toy, dims={"time": Dim(minimum=1, maximum=8, overflow="truncate")})
    agreement = verify(tmp_path, toy, doubled, LENGTHS)
    row = rows(agreement)["static", "original"]
    assert (row["overflowing"]["frames"], row["overflowing"]["frame-agreement"]) == (45, 24 / 45)
    assert {name: one["frame-agreement"] for name, one in row["variants"].items()} == {"time4": 1, "time8": 1}
    assert agreement["samples_of_variant"] == {"time4": 2, "time8": 2}
    [finding] = agreement["findings"]
    assert finding["code"] == "sample-overflow"
    assert "too small for 3 of 7 samples" in finding["message"]


@pytest.mark.parametrize("batch", [1, 2])
def test_chunks_that_lose_nothing_are_no_finding(batch: int, tmp_path: Path) -> None:
    toy = buckets(4, 8, batch=batch)
    toy = structs.replace(toy, dims={"time": Dim(minimum=1, maximum=8, overflow="chunk", overlap=4)})
    agreement = verify(tmp_path, toy, doubled, LENGTHS)
    row = rows(agreement)["static", "original"]
    assert (row["overflowing"]["frames"], row["overflowing"]["frame-agreement"]) == (45, 1)
    assert agreement["findings"] == []
