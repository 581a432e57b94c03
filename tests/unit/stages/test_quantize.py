"""Quantizing: what becomes INT8, what stays, and what it was calibrated on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from runtime.toys import CORE, data, length, mask, program

from npuspec.diagnostics import NpuspecError
from npuspec.plan.model import Recipe as RecipeModel
from npuspec.stages.quantize import Calibration, _quantize
from stages.conftest import CONV, Recipe, Stage
from toy_specs import CONVOLUTIONS, convolutions, write, write_samples


@pytest.fixture
def static(tmp_path: Path) -> Path:
    return write(tmp_path / "static", convolutions(32))


@pytest.fixture
def told(feed: dict[str, Any], shape: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    return {"program": feed, "variant": shape, "recipe": recipe()}


def of(paths: list[str]) -> dict[str, Any]:
    return {"input": "x", "sample_rate": None, "calibration": paths, "digest": ""}


def report(made: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((made / "quantization.json").read_bytes())
    return result


def quantized_inputs(model: ov.Model) -> set[str]:
    """Return the convolutions whose input goes through a FakeQuantize."""
    return {
        op.get_friendly_name()
        for op in model.get_ops()
        if op.get_type_name() == "Convolution" and op.input_value(0).get_node().get_type_name() == "FakeQuantize"
    }


def test_every_convolution_becomes_int8_and_the_model_still_does_its_work(
    stage: Stage, static: Path, told: dict[str, Any], tmp_path: Path
) -> None:
    told["program"]["dims"]["time"]["maximum"] = 64  # of a larger variant
    paths = write_samples(tmp_path / "data", 32, 20, 5, 33, 40)
    made = stage("quantize", static, data=tmp_path / "data", samples=of(paths), **told)
    assert sorted(p.name for p in made.iterdir()) == ["model.bin", "model.xml", "quantization.json"]
    model = CORE.read_model(made / "model.xml")
    assert quantized_inputs(model) == set(CONVOLUTIONS)
    types = [op.get_type_name() for op in model.get_ops()]
    assert report(made) == {
        "samples": 3,
        "samples_wanted": 4,
        "samples_cut": [],
        "samples_too_long": ["3.npy", "4.npy"],
        "kept": [],
        "folded_away": [],
        "fake_quantize_operations": types.count("FakeQuantize"),
        "operations": len(types),
    }
    assert types.count("FakeQuantize") > 0
    sample = np.load(tmp_path / "data" / "0.npy")[None]
    wanted = CORE.compile_model(static / "model.xml", "CPU")({"x": sample})["y"]
    found = CORE.compile_model(model, "CPU")({"x": sample})["y"]
    assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > 0.99


def test_what_may_be_cut_when_it_is_run_calibrates_with_its_beginning(
    stage: Stage, static: Path, told: dict[str, Any], tmp_path: Path
) -> None:
    told["program"]["dims"]["time"] |= {"maximum": 64, "overflow": "chunk", "overlap": 48}
    paths = write_samples(tmp_path / "data", 32, 40, 100)
    found = report(stage("quantize", static, data=tmp_path / "data", samples=of(paths), **told))
    assert (found["samples"], found["samples_cut"], found["samples_too_long"]) == (3, ["1.npy", "2.npy"], [])


def test_what_is_kept_stays_and_what_is_gone_is_said(
    stage: Stage, static: Path, told: dict[str, Any], recipe: Recipe, tmp_path: Path
) -> None:
    paths = write_samples(tmp_path / "data", 32)
    told["recipe"] = recipe(keep_names=["gone", "second"])
    made = stage("quantize", static, data=tmp_path / "data", samples=of(paths), **told)
    assert quantized_inputs(CORE.read_model(made / "model.xml")) == {"first", "third"}
    assert (report(made)["kept"], report(made)["folded_away"]) == (["second"], ["gone"])


def test_any_operation_of_the_model_may_be_kept(
    stage: Stage, static: Path, told: dict[str, Any], recipe: Recipe, tmp_path: Path
) -> None:
    names = sorted(op.get_friendly_name() for op in CORE.read_model(static / "model.xml").get_ops())
    told["recipe"] = recipe(keep_names=names)
    made = stage("quantize", static, data=tmp_path / "data", samples=of(write_samples(tmp_path / "data", 32)), **told)
    assert report(made)["kept"] == names
    assert report(made)["fake_quantize_operations"] == 0


@pytest.mark.parametrize("change", [{"preset": "mixed"}, {"model_type": "transformer"}], ids=str)
def test_the_recipe_is_nncfs_own(
    stage: Stage, static: Path, told: dict[str, Any], recipe: Recipe, tmp_path: Path, change: dict[str, str]
) -> None:
    told["recipe"] = recipe(**change)
    made = stage("quantize", static, data=tmp_path / "data", samples=of(write_samples(tmp_path / "data", 32)), **told)
    text = (made / "model.xml").read_text()
    (value,) = change.values()
    assert f'value="{value}"' in text.lower() or f"quantizationpreset.{value}" in text.lower()


@pytest.mark.parametrize("sizes", [(33, 40), ()])
def test_a_variant_that_no_sample_fits_cannot_be_calibrated(
    stage: Stage, static: Path, told: dict[str, Any], tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    told["program"]["dims"]["time"]["maximum"] = 64  # of a larger variant
    paths = write_samples(tmp_path / "data", *sizes)
    with pytest.raises(NpuspecError, match="samples fits variant time32") as caught:
        stage("quantize", static, data=tmp_path / "data", samples=of(paths), **told)
    assert caught.value.code == "too-few-samples"


@pytest.mark.parametrize(
    ("array", "code"),
    [
        (np.ones((3, 8)), "wrong-dtype"),
        (np.ones((1, 3, 8), np.float32), "wrong-rank"),
        (np.ones((2, 8), np.float32), "wrong-shape"),
        (np.ones((3, 3), np.float32), "sample-too-short"),
        (np.full((3, 8), np.nan, np.float32), "unreadable-sample"),
    ],
)
def test_a_sample_that_no_session_would_take_is_refused_by_name(
    stage: Stage, static: Path, told: dict[str, Any], tmp_path: Path, array: Any, code: str
) -> None:
    paths = write_samples(tmp_path / "data", 8)
    np.save(tmp_path / "data" / "bad.npy", array)
    with pytest.raises(NpuspecError, match=r"`bad\.npy`") as caught:
        stage("quantize", static, data=tmp_path / "data", samples=of([*paths, "bad.npy"]), **told)
    assert caught.value.code == code


def test_what_nncf_refuses_is_told_in_its_own_words(recipe: Recipe) -> None:
    calibration = Calibration(CONV, [{"x": np.ones((3, 8), np.float32)}], lambda _done, _total: None)
    with pytest.raises(NpuspecError, match="NNCF can't quantize the model: Ignored nodes that matches names") as caught:
        _quantize(convolutions(32), calibration, RecipeModel.model_validate(recipe()), ["nothing"], [])
    assert caught.value.code == "quantize-failed"


@pytest.mark.parametrize(("batch", "count", "rows"), [(1, 3, 3), (2, 3, 2), (4, 3, 1), (3, 3, 1)])
def test_calibration_fills_batches_and_can_be_read_again(batch: int, count: int, rows: int) -> None:
    toy = program(data(), length(), mask(), batch=batch)
    samples = [{"x": np.full(n + 1, n + 1, np.float32)} for n in range(count)]
    seen: list[tuple[int, int]] = []
    calibration = Calibration(toy, samples, lambda done, total: seen.append((done, total)))
    assert len(calibration) == rows
    for _ in range(2):
        batches = list(calibration)
        assert len(batches) == rows
        lengths = np.concatenate([b["n"] for b in batches])
        np.testing.assert_array_equal(lengths[:count], range(1, count + 1))
        np.testing.assert_array_equal(lengths[count:], count)
        for filled in batches:
            assert {name: array.shape for name, array in filled.items()} == dict(toy.variants[0].shapes)
    assert seen == [(n + 1, rows) for n in range(rows)] * 2
