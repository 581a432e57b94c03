"""A stage run twice, in processes of its own, writes the same bytes."""

from pathlib import Path
from typing import Any

import pytest

from npuspec.stages import TIMINGS
from stages.conftest import CONV, Recipe, Stage, convolutions, write, write_samples


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != TIMINGS}


def test_every_stage_writes_the_same_bytes_again(
    tmp_path: Path, feed: dict[str, Any], shape: dict[str, Any], recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "published", convolutions())
    paths = write_samples(tmp_path / "data", 32, 20, 5)
    samples = {"input": "x", "sample_rate": None, "calibration": paths, "validation": paths, "digest": ""}
    data = tmp_path / "data"
    results = []
    for turn, seed in (("one", "1"), ("an other", "2")):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        stage = Stage(tmp_path / turn, children=True)
        read = stage("read", entry=str(tmp_path / "published" / "model.xml"))
        shaped = stage("shape", read, variant=shape)
        told: dict[str, Any] = {"program": feed, "variant": shape, "recipe": recipe(preset="mixed"), "samples": samples}
        quantized = stage("quantize", shaped, data=data, **told)
        on: dict[str, Any] = {"device": "CPU", "properties": {"PERFORMANCE_HINT": "LATENCY"}}
        compiled = stage("compile", quantized, blob=True, **on)
        toy = CONV.model_dump(mode="json")
        verified = stage(
            "verify", read, shaped, quantized, compiled, data=data, program=toy, outputs=["y"], samples=samples, **on
        )
        results.append([content(folder) for folder in (read, shaped, quantized, compiled, verified)])
    for one, other in zip(*results, strict=True):
        assert one
        assert one == other
