"""Verifying: the models on real samples, padded and cut as a session does it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from msgspec import structs, to_builtins
from openvino import opset13 as op
from runtime.toys import CORE, along, program

from npuspec.bundle.program import Output
from npuspec.diagnostics import NpuspecError
from npuspec.stages.verify import run
from stages.conftest import CONV, Stage
from toy_specs import convolutions, write, write_samples


def told(paths: list[str], **changes: Any) -> dict[str, Any]:
    """Return the parameters of the stage; `changes` are other values of its program."""
    return {
        "device": "CPU",
        "core": {},
        "properties": {},
        "program": to_builtins(structs.replace(CONV, **changes)),
        "original": [to_builtins(port) for port in CONV.inputs],
        "selects": [],
        "outputs": ["y"],
        "samples": {"input": "x", "sample_rate": None, "validation": paths, "digest": ""},
    }


def verify(
    root: Path, original: ov.Model, static: ov.Model, final: ov.Model | None = None, **changes: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the stage in this process on models of one variant; return agreement and timings."""
    paths = write_samples(root / "data", 32, 10, 4)
    first, second = write(root / "original", original), write(root / "static", static)
    third = second if final is None else write(root / "final", final)
    (root / "compiled").mkdir()
    (root / "output").mkdir()
    arguments = {
        "parameters": told(paths, **changes),
        "inputs": [str(p) for p in (first, second, third, root / "compiled")],
        "output": str(root / "output"),
        "model": "",
        "data": str(root / "data"),
    }
    run(arguments, lambda _done, _total: None)
    return tuple(json.loads((root / "output" / f"{name}.json").read_bytes()) for name in ("agreement", "timings"))


def scaled(factor: float, *, ends: float = 0.0, batch: int = 1) -> ov.Model:
    """Return a static model with y = factor * x[:2], and something more at the last place of a sample that fills it."""
    x = op.parameter([batch, 3, 32], np.float32, name="x")
    x.output(0).set_names({"x"})
    bump = np.zeros((1, 2, 32), np.float32)
    bump[..., -1] = ends
    y = op.add(op.multiply(op.slice(x, [0], [2], [1], [1]), op.constant(np.float32(factor))), op.constant(bump))
    y.output(0).set_names({"y"})
    return ov.Model([op.result(y)], [x], "scaled")


def dynamic(factor: float, *, batch: int = 1) -> ov.Model:
    x = op.parameter([batch, 3, -1], np.float32, name="x")
    x.output(0).set_names({"x"})
    y = op.multiply(op.slice(x, [0], [2], [1], [1]), op.constant(np.float32(factor)))
    y.output(0).set_names({"y"})
    return ov.Model([op.result(y)], [x], "scaled")


def test_a_static_model_that_does_the_same_agrees_fully(tmp_path: Path) -> None:
    agreement, timings = verify(tmp_path, dynamic(2), scaled(2))
    (row,) = agreement["pairs"]
    assert (row["of"], row["against"], row["output"]) == ("static", "original", "y")
    assert (row["frame-agreement"], row["max-abs-difference"], row["frames"]) == (1, 0, 6)
    assert row["cosine"] == pytest.approx(1)
    assert agreement["device"] == "CPU"
    assert agreement["samples"] == 3
    assert set(timings["latency"]) == {"time32"}
    assert timings["latency"]["time32"]["static_ms"] > 0


def test_a_model_published_with_a_batch_of_its_own_is_compared_with_it(tmp_path: Path) -> None:
    batch = program(*CONV.inputs, batch=2, sizes=({"time": 32},))
    agreement, _ = verify(tmp_path, dynamic(2, batch=2), scaled(2, batch=2), batch=2, variants=batch.variants)
    row = agreement["pairs"][0]
    assert (row["frame-agreement"], row["max-abs-difference"], row["frames"]) == (1, 0, 6)


def test_a_static_model_that_does_something_else_does_not(tmp_path: Path) -> None:
    agreement, _ = verify(tmp_path, dynamic(2), scaled(-2))
    (row,) = agreement["pairs"]
    assert row["frame-agreement"] < 0.5
    assert row["cosine"] == pytest.approx(-1)


def test_what_stands_behind_the_samples_end_is_not_compared(tmp_path: Path) -> None:
    agreement, _ = verify(tmp_path, dynamic(1), scaled(1, ends=100))
    (row,) = agreement["pairs"]
    samples = row["samples"]
    assert samples["1.npy"] == samples["2.npy"] == {"agreeing": 2, "frames": 2}
    assert samples["0.npy"]["agreeing"] < 2
    assert row["max-abs-difference"] == pytest.approx(100, rel=1e-3)


def test_three_models_are_compared_in_pairs(tmp_path: Path) -> None:
    agreement, timings = verify(tmp_path, dynamic(1), scaled(1), scaled(3))
    rows = {(row["of"], row["against"]): row for row in agreement["pairs"]}
    assert set(rows) == {("static", "original"), ("quantized", "original"), ("quantized", "static")}
    assert rows["static", "original"]["max-abs-difference"] == 0
    assert rows["quantized", "static"]["max-abs-difference"] > 0
    latency = timings["latency"]["time32"]
    assert {"static_ms", "quantized_ms", "quantized_over_static"} <= set(latency)


def test_the_blob_is_what_is_measured_where_there_is_one(tmp_path: Path) -> None:
    blob = CORE.compile_model(scaled(5), "CPU").export_model().read()
    paths = write_samples(tmp_path / "data", 32)
    original, static = write(tmp_path / "original", dynamic(1)), write(tmp_path / "static", scaled(1))
    (tmp_path / "compiled").mkdir()
    (tmp_path / "compiled" / "model.blob").write_bytes(blob)
    made = Stage(tmp_path)(
        "verify", original, static, static, tmp_path / "compiled", data=tmp_path / "data", **told(paths)
    )
    (row,) = json.loads((made / "agreement.json").read_bytes())["pairs"]
    sample = np.load(tmp_path / "data" / "0.npy")[:2]
    assert row["max-abs-difference"] == pytest.approx(4 * np.abs(sample).max(), rel=1e-5)


def test_an_extent_that_is_wrong_is_a_fault_with_both_shapes(tmp_path: Path) -> None:
    with pytest.raises(NpuspecError, match=r"shape \[2, 31\] against \[2, 32\]") as caught:
        verify(tmp_path, dynamic(1), scaled(1), outputs=(along(axis=2, offset=-1),))
    assert caught.value.code == "output-shape"


def test_a_model_that_gives_nan_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(NpuspecError, match="the output holds NaN") as caught:
        verify(tmp_path, dynamic(1), scaled(float("nan")))
    assert caught.value.code == "not-finite"


def test_a_sample_that_is_too_long_is_a_fault_with_its_name(tmp_path: Path) -> None:
    write_samples(tmp_path / "data", 32, 33)
    original, static = write(tmp_path / "original", dynamic(1)), write(tmp_path / "static", scaled(1))
    with pytest.raises(NpuspecError, match=r"`1\.npy`: the sample is 33 long") as caught:
        Stage(tmp_path)("verify", original, static, static, static, data=tmp_path / "data", **told(["1.npy"]))
    assert caught.value.code == "sample-too-long"


def test_convolutions_at_the_edge_see_padding_and_the_figures_show_it(tmp_path: Path) -> None:
    agreement, _ = verify(tmp_path, convolutions(), convolutions(32))
    (row,) = agreement["pairs"]
    assert row["samples"]["0.npy"]["agreeing"] == 2
    assert row["max-abs-difference"] > 0


def test_an_output_without_a_length_is_compared_whole(tmp_path: Path) -> None:
    with pytest.raises(NpuspecError, match=r"shape \[2, 32\] against \[2, 10\]"):
        verify(tmp_path, dynamic(1), scaled(1), outputs=(Output(name="y", dtype="float32", extents=()),))


def test_a_static_model_with_another_number_of_rows_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(NpuspecError, match=r"shape \[2, 2, 32\] in variant time32: not 1 rows") as caught:
        verify(tmp_path, dynamic(1), scaled(1, batch=2))
    assert caught.value.code == "output-shape"
