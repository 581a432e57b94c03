"""Quantizing: what becomes INT8, what stays, and what it was calibrated on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op
from runtime.toys import CORE, along, data, program

from npuspec.bundle.program import Output
from npuspec.diagnostics import NpuspecError
from npuspec.plan.model import Recipe as RecipeModel
from npuspec.stages.quantize import Job, number_nameless
from stages.conftest import CONV, Recipe, Stage, fed, sampled
from stages.quantized import CASES
from toy_specs import CONVOLUTIONS, convolutions, write, write_samples

SIZES = program(
    data(axes=(3, "time"), finite=True), sizes=({"time": 16}, {"time": 32}), minimum=4, outputs=(along(axis=2),)
)


@pytest.fixture
def read(tmp_path: Path) -> Path:
    return write(tmp_path / "read", convolutions())


@pytest.fixture
def told(recipe: Recipe) -> dict[str, Any]:
    return {**fed(CONV), "recipe": recipe()}


def report(made: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((made / "quantization.json").read_bytes())
    return result


def quantized_inputs(model: ov.Model) -> set[str]:
    """Return the convolutions whose input goes through a FakeQuantize."""
    return {
        node.get_friendly_name()
        for node in model.get_ops()
        if node.get_type_name() == "Convolution" and node.input_value(0).get_node().get_type_name() == "FakeQuantize"
    }


def test_every_convolution_becomes_int8_and_the_model_still_does_its_work(
    stage: Stage, read: Path, told: dict[str, Any], tmp_path: Path
) -> None:
    paths = write_samples(tmp_path / "data", 32, 20, 5, 33, 40)
    made = stage("quantize", read, data=tmp_path / "data", **sampled(*paths), **told)
    assert sorted(p.name for p in made.iterdir()) == ["model.bin", "model.xml", "quantization.json", "timings.json"]
    model = CORE.read_model(made / "model.xml")
    assert quantized_inputs(model) == set(CONVOLUTIONS)
    types = [node.get_type_name() for node in model.get_ops()]
    assert report(made) == {
        "samples": 3,
        "samples_wanted": 4,
        "samples_cut": [],
        "samples_too_long": ["3.npy", "4.npy"],
        "kept": [],
        "folded_away": [],
        "fake_quantize_operations": types.count("FakeQuantize"),
        "operations": len(types),
        "quantized_operations": 3,
        "sizes": {"time": [5, 20, 32]},
    }
    assert json.loads((made / "timings.json").read_bytes())["peak_mib"] > 0
    assert model.input("x").partial_shape == ov.PartialShape([1, 3, -1])
    assert types.count("FakeQuantize") > 0
    sample = np.load(tmp_path / "data" / "0.npy")[None]
    wanted = CORE.compile_model(read / "model.xml", "CPU")({"x": sample})["y"]
    found = CORE.compile_model(model, "CPU")({"x": sample})["y"]
    assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > 0.99


def test_what_may_be_cut_when_it_is_run_calibrates_with_its_beginning(
    stage: Stage, read: Path, told: dict[str, Any], tmp_path: Path
) -> None:
    told["program"]["dims"]["time"] |= {"overflow": "chunk", "overlap": 16}
    paths = write_samples(tmp_path / "data", 32, 40, 100)
    found = report(stage("quantize", read, data=tmp_path / "data", **sampled(*paths), **told))
    assert (found["samples"], found["samples_cut"], found["samples_too_long"]) == (3, ["1.npy", "2.npy"], [])
    assert found["sizes"] == {"time": [32, 32, 32]}


def test_what_is_kept_stays_and_what_is_gone_is_said(
    stage: Stage, read: Path, told: dict[str, Any], recipe: Recipe, tmp_path: Path
) -> None:
    paths = write_samples(tmp_path / "data", 32)
    told["recipe"] = recipe(keep_names=["gone", "second"])
    made = stage("quantize", read, data=tmp_path / "data", **sampled(*paths), **told)
    assert quantized_inputs(CORE.read_model(made / "model.xml")) == {"first", "third"}
    assert (report(made)["kept"], report(made)["folded_away"]) == (["second"], ["gone"])


def test_any_operation_of_the_model_may_be_kept(
    stage: Stage, read: Path, told: dict[str, Any], recipe: Recipe, tmp_path: Path
) -> None:
    names = sorted(node.get_friendly_name() for node in CORE.read_model(read / "model.xml").get_ops())
    told["recipe"] = recipe(keep_names=names)
    made = stage("quantize", read, data=tmp_path / "data", **sampled(*write_samples(tmp_path / "data", 32)), **told)
    assert report(made)["kept"] == names
    assert report(made)["fake_quantize_operations"] == 0


@pytest.mark.parametrize("change", [{"preset": "mixed"}, {"model_type": "transformer"}], ids=str)
def test_the_recipe_is_nncfs_own(
    stage: Stage, read: Path, told: dict[str, Any], recipe: Recipe, tmp_path: Path, change: dict[str, str]
) -> None:
    told["recipe"] = recipe(**change)
    made = stage("quantize", read, data=tmp_path / "data", **sampled(*write_samples(tmp_path / "data", 32)), **told)
    text = (made / "model.xml").read_text()
    (value,) = change.values()
    assert f'value="{value}"' in text.lower() or f"quantizationpreset.{value}" in text.lower()


@pytest.mark.parametrize("sizes", [(33, 40), ()])
def test_samples_none_of_which_fits_cannot_calibrate(
    stage: Stage, read: Path, told: dict[str, Any], tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    paths = write_samples(tmp_path / "data", *sizes)
    with pytest.raises(NpuspecError, match="calibration samples fits the largest size") as caught:
        stage("quantize", read, data=tmp_path / "data", **sampled(*paths), **told)
    assert caught.value.code == "too-few-samples"


def test_without_samples_there_is_nothing_to_calibrate_with(stage: Stage, read: Path, told: dict[str, Any]) -> None:
    with pytest.raises(NpuspecError) as caught:
        stage("quantize", read, **sampled(), **told)
    assert caught.value.code == "no-data"


def test_one_quantization_serves_every_size(stage: Stage, read: Path, recipe: Recipe, tmp_path: Path) -> None:
    paths = write_samples(tmp_path / "data", 5, 12, 20, 32)
    made = stage("quantize", read, data=tmp_path / "data", recipe=recipe(), **sampled(*paths), **fed(SIZES))
    assert report(made)["sizes"] == {"time": [5, 12, 20, 32]}
    for variant in SIZES.variants:
        told = variant.model_dump(mode="json")
        shaped = stage("shape", made, name=variant.name, variant=told, layouts={})
        assert quantized_inputs(CORE.read_model(shaped / "model.xml")) == set(CONVOLUTIONS)


def test_a_model_of_a_fixed_batch_is_calibrated_with_it(stage: Stage, told: dict[str, Any], tmp_path: Path) -> None:
    model = convolutions()
    model.reshape({"x": ov.PartialShape([2, 3, -1])})
    paths = write_samples(tmp_path / "data", 32, 20)
    made = stage("quantize", write(tmp_path / "two", model), data=tmp_path / "data", **sampled(*paths), **told)
    quantized = CORE.read_model(made / "model.xml")
    assert quantized.input("x").partial_shape == ov.PartialShape([2, 3, -1])
    assert quantized_inputs(quantized) == set(CONVOLUTIONS)


def test_sizes_that_the_spec_fixes_are_fixed_before(recipe: Recipe) -> None:
    model = convolutions()
    model.reshape({"x": ov.PartialShape([-1, -1, -1])})
    job = Job(model, CORE, RecipeModel.model_validate(recipe()), CONV, CONV.inputs)
    assert job.model.input("x").partial_shape == ov.PartialShape([-1, 3, -1])


def steps(tmp_path: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """Write one of the cases, with samples, and return what a stage is told of it."""
    model = CASES[name]()
    rows = model.input("x").shape[1]
    outputs = tuple(Output(name=f"y{n}", dtype="float32", extents=()) for n in range(len(model.outputs)))
    rng = np.random.default_rng(0)
    paths = [f"{number}.npy" for number in range(4)]
    (tmp_path / "data").mkdir()
    for path in paths:
        np.save(tmp_path / "data" / path, rng.standard_normal((rows, 8)).astype(np.float32))
    toy = program(data(axes=(rows, 8)), sizes=({},), outputs=outputs)
    return write(tmp_path / name, model), {"data": tmp_path / "data", **sampled(*paths), **fed(toy)}


@pytest.mark.parametrize("name", ["stateful", "recurrent", "branching", "looping"])
def test_any_kind_of_model_is_quantized(stage: Stage, recipe: Recipe, tmp_path: Path, name: str) -> None:
    source, told = steps(tmp_path, name)
    made = stage("quantize", source, recipe=recipe(), **told)
    assert report(made)["quantized_operations"] >= 2


def test_a_model_with_branches_is_quantized_to_the_same_bytes_again(
    stage: Stage, recipe: Recipe, tmp_path: Path
) -> None:
    source, told = steps(tmp_path, "branching")
    one, other = (stage("quantize", source, name=name, recipe=recipe(), **told) for name in ("one", "other"))
    for name in ("model.xml", "model.bin"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


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
    stage: Stage, read: Path, told: dict[str, Any], tmp_path: Path, array: Any, code: str
) -> None:
    paths = write_samples(tmp_path / "data", 8)
    np.save(tmp_path / "data" / "bad.npy", array)
    with pytest.raises(NpuspecError, match=r"`bad\.npy`") as caught:
        stage("quantize", read, data=tmp_path / "data", **sampled(*paths, "bad.npy"), **told)
    assert caught.value.code == code


def test_what_nncf_refuses_is_told_in_its_own_words(stage: Stage, recipe: Recipe, tmp_path: Path) -> None:
    source, told = steps(tmp_path, "branching")
    with pytest.raises(NpuspecError, match="NNCF can't quantize the model: The BiasCorrection algorithm") as caught:
        stage("quantize", source, recipe=recipe(fast_bias_correction=False), **told)
    assert caught.value.code == "quantize-failed"


WEIGHTS = (("int8-asym", None), ("int8-sym", None), ("int4-asym", 8), ("int4-sym", -1))


def linear(rows: int = 256) -> ov.Model:
    """Return a product whose weights are most of it."""
    x = op.parameter([1, -1, rows], np.float32, name="x")
    x.output(0).set_names({"x"})
    weights = op.constant(np.random.default_rng(0).standard_normal((rows, 64)).astype(np.float32))
    y = op.matmul(x, weights, False, False, name="product")
    y.output(0).set_names({"y"})
    return ov.Model([op.result(y)], [x], "linear")


def of_rows(rows: int = 256) -> dict[str, Any]:
    return fed(program(data(axes=("time", rows)), outputs=(along(),)))


@pytest.mark.parametrize(("mode", "group"), WEIGHTS)
def test_weights_alone_need_no_samples_and_take_less_room(
    stage: Stage, recipe: Recipe, tmp_path: Path, mode: str, group: int | None
) -> None:
    source = write(tmp_path / "linear", linear())
    told = recipe(mode="weights", weights_mode=mode, group_size=group)
    made = stage("quantize", source, recipe=told, **of_rows())
    found = report(made)
    assert (found["quantized_operations"], found["fake_quantize_operations"]) == (1, 0)
    assert "samples" not in found
    before, after = ((folder / "model.bin").stat().st_size for folder in (source, made))
    assert after < before / (3.5 if "int8" in mode else 4.5)
    x = np.random.default_rng(1).standard_normal((1, 4, 256)).astype(np.float32)
    wanted, given = (CORE.compile_model(folder / "model.xml", "CPU")({"x": x})["y"] for folder in (source, made))
    assert np.corrcoef(wanted.ravel(), given.ravel())[0, 1] > (0.999 if "int8" in mode else 0.98)


@pytest.mark.parametrize(("rows", "group"), [(256, 100), (200, None)])
def test_a_group_that_does_not_divide_the_weights_is_refused(
    stage: Stage, recipe: Recipe, tmp_path: Path, rows: int, group: int | None
) -> None:
    told = recipe(mode="weights", weights_mode="int4-sym", group_size=group)
    with pytest.raises(NpuspecError, match=rf'"product" \(channel size: {rows}\)') as caught:
        stage("quantize", write(tmp_path / "linear", linear(rows)), recipe=told, **of_rows(rows))
    assert caught.value.code == "quantize-failed"
    assert "a group-size that divides its channels" in caught.value.diagnostics[0].help


def test_operations_without_a_name_are_named_by_their_place() -> None:
    model = convolutions()
    named = {node.get_friendly_name() for node in model.get_ops() if node.get_type_name() != "Relu"}
    for number, operation in enumerate(node for node in model.get_ordered_ops() if node.get_type_name() == "Relu"):
        operation.set_friendly_name(f"Relu_{1000 * number}")
    number_nameless(model, named)
    names = [node.get_friendly_name() for node in model.get_ordered_ops() if node.get_type_name() == "Relu"]
    assert all(name.startswith("Relu/quantized_") for name in names)
    assert len(set(names)) == 3
