"""A stage run twice, in processes of its own, writes the same bytes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from npuspec.stages import TIMINGS
from stages.conftest import Recipe, Stage, gates, sampled
from toy_specs import convolutions, write, write_samples


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != TIMINGS}


def test_every_stage_writes_the_same_bytes_again(
    tmp_path: Path, told: dict[str, Any], shape: dict[str, Any], recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "published", convolutions())
    paths = write_samples(tmp_path / "data", 32, 20, 5)
    samples = {"input": "x", "sample_rate": None, "calibration": paths, "validation": paths, "digest": ""}
    data, held = tmp_path / "data", gates("sqnr", min=30)
    made: dict[str, Any] = {"recipe": recipe(preset="mixed"), "samples": samples, **told}
    results = []
    for turn, seed in (("one", "1"), ("an other", "2")):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        stage = Stage(tmp_path / turn, children=True)
        read = stage("read", entry=str(tmp_path / "published" / "model.xml"))
        quantized = stage("quantize", read, data=data, **made)
        ranked = stage("rank", read, quantized, data=data, outputs=["y"], **made)
        mixed = stage("mix", read, quantized, ranked, data=data, gates=held, **made)
        controlled = stage("control", read, data=data, gates=held, **made)
        precisions: dict[str, Any] = {"precisions": ["int8", "mixed"], "outputs": ["y"], "gates": held, **made}
        compared = stage("compare", read, quantized, mixed, data=data, **precisions)
        static = stage("shape", read, variant=shape, layouts={})
        shaped = stage("shape", mixed, variant=shape, layouts={}, name="shaped")
        on: dict[str, Any] = {"device": "CPU", "properties": {"PERFORMANCE_HINT": "LATENCY"}}
        compiled = stage("compile", shaped, blob=True, **on)
        on |= {"outputs": ["y"], "samples": samples, **told}
        verified = stage("verify", read, static, shaped, compiled, data=data, **on)
        folders = (read, quantized, ranked, mixed, controlled, compared, static, shaped, compiled, verified)
        results.append([content(folder) for folder in folders])
    for one, other in zip(*results, strict=True):
        assert one
        assert one == other


@contextmanager
def on_cpus(count: int) -> Iterator[None]:
    """Let this thread and the processes that it starts have so many CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def products() -> ov.Model:
    """Return a model of three products whose weights have no names, as an exporter leaves them."""
    rng = np.random.default_rng(0)
    x = op.parameter([1, 3, 32], np.float32, name="x")
    x.output(0).set_names({"x"})
    node: Any = op.transpose(x, np.array([0, 2, 1]))
    for in_, out in ((3, 8), (8, 8), (8, 2)):
        weights, bias = (op.constant(rng.standard_normal(shape).astype(np.float32)) for shape in ((in_, out), (out,)))
        node = op.relu(op.add(op.matmul(node, weights, False, False), bias))
    node = op.transpose(node, np.array([0, 2, 1]))
    node.output(0).set_names({"y"})
    return ov.Model([op.result(node)], [x], "products")


@pytest.mark.skipif(sys.platform != "linux", reason="a process elsewhere can't be kept to some of the CPUs")
@pytest.mark.parametrize("model_type", [None, "transformer"])
def test_quantizing_writes_the_same_bytes_on_one_cpu_and_on_two(
    tmp_path: Path, told: dict[str, Any], recipe: Recipe, model_type: str | None
) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one CPU only")
    read = write(tmp_path / "read", products())
    paths = write_samples(tmp_path / "data", 32, 20, 5)
    told |= {"recipe": recipe(preset="mixed", model_type=model_type), **sampled(*paths)}
    made = []
    for count in (1, 2):
        with on_cpus(count):
            stage = Stage(tmp_path / f"{count}", children=True)
            made.append(content(stage("quantize", read, data=tmp_path / "data", **told)))
    assert set(made[0]) == {"model.xml", "model.bin", "quantization.json"}
    assert made[0] == made[1]
