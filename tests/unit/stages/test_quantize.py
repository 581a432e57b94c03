"""Quantizing: what becomes INT8, what stays, and what it was calibrated on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from msgspec import to_builtins
from openvino import opset13 as op
from runtime.toys import CORE, along, data, program

from npuspec.bundle.program import Output
from npuspec.diagnostics import NpuspecError
from npuspec.stages.quantize import number_nameless
from npuspec.stages.recipe import calling_nncf
from stages.conftest import Recipe, Stage, fed, sampled
from stages.quantized import CASES, model_of, product, source
from toy_specs import CONVOLUTIONS, convolutions, write, write_samples


@pytest.fixture
def read(tmp_path: Path) -> Path:
    return write(tmp_path / "read", convolutions())


@pytest.fixture
def told(feed: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    return {**feed, "recipe": recipe()}


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
    stage: Stage, read: Path, told: dict[str, Any], tmp_path: Path
) -> None:
    paths = write_samples(tmp_path / "data", 32, 20, 5, 33, 40)
    made = stage("quantize", read, data=tmp_path / "data", samples=of(paths), **told)
    assert sorted(p.name for p in made.iterdir()) == ["model.bin", "model.xml", "quantization.json", "timings.json"]
    model = CORE.read_model(made / "model.xml")
    assert quantized_inputs(model) == set(CONVOLUTIONS)
    types = [op.get_type_name() for op in model.get_ops()]
    assert report(made) == {
        "samples": 3,
        "samples_wanted": 4,
        "samples_cut": [],
        "samples_too_long": ["3.npy", "4.npy"],
        "samples_of_variant": {"time32": 3},
        "traps": [],
        "kept": [],
        "folded_away": [],
        "fake_quantize_operations": types.count("FakeQuantize"),
        "quantized_operations": 3,
        "operations": len(types),
    }
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
    found = report(stage("quantize", read, data=tmp_path / "data", samples=of(paths), **told))
    assert (found["samples"], found["samples_cut"], found["samples_too_long"]) == (3, ["1.npy", "2.npy"], [])


def test_what_is_kept_stays_and_what_is_gone_is_said(
    stage: Stage, read: Path, told: dict[str, Any], recipe: Recipe, tmp_path: Path
) -> None:
    paths = write_samples(tmp_path / "data", 32)
    told["recipe"] = recipe(keep_names=["gone", "second"])
    made = stage("quantize", read, data=tmp_path / "data", samples=of(paths), **told)
    assert quantized_inputs(CORE.read_model(made / "model.xml")) == {"first", "third"}
    assert (report(made)["kept"], report(made)["folded_away"]) == (["second"], ["gone"])


def test_any_operation_of_the_model_may_be_kept(
    stage: Stage, read: Path, told: dict[str, Any], recipe: Recipe, tmp_path: Path
) -> None:
    names = sorted(op.get_friendly_name() for op in CORE.read_model(read / "model.xml").get_ops())
    told["recipe"] = recipe(keep_names=names)
    made = stage("quantize", read, data=tmp_path / "data", samples=of(write_samples(tmp_path / "data", 32)), **told)
    assert report(made)["kept"] == names
    assert report(made)["fake_quantize_operations"] == 0


@pytest.mark.parametrize("change", [{"preset": "mixed"}, {"model_type": "transformer"}], ids=str)
def test_the_recipe_is_nncfs_own(
    stage: Stage, read: Path, told: dict[str, Any], recipe: Recipe, tmp_path: Path, change: dict[str, str]
) -> None:
    told["recipe"] = recipe(**change)
    made = stage("quantize", read, data=tmp_path / "data", samples=of(write_samples(tmp_path / "data", 32)), **told)
    text = (made / "model.xml").read_text()
    (value,) = change.values()
    assert f'value="{value}"' in text.lower() or f"quantizationpreset.{value}" in text.lower()


@pytest.mark.parametrize("sizes", [(33, 40), ()])
def test_what_no_sample_fits_cannot_be_calibrated(
    stage: Stage, read: Path, told: dict[str, Any], tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    paths = write_samples(tmp_path / "data", *sizes)
    with pytest.raises(NpuspecError, match="samples fits the largest size") as caught:
        stage("quantize", read, data=tmp_path / "data", samples=of(paths), **told)
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
    stage: Stage, read: Path, told: dict[str, Any], tmp_path: Path, array: Any, code: str
) -> None:
    paths = write_samples(tmp_path / "data", 8)
    np.save(tmp_path / "data" / "bad.npy", array)
    with pytest.raises(NpuspecError, match=r"`bad\.npy`") as caught:
        stage("quantize", read, data=tmp_path / "data", samples=of([*paths, "bad.npy"]), **told)
    assert caught.value.code == code


def test_what_nncf_refuses_is_told_in_its_own_words() -> None:
    said = "NNCF can't quantize the model: no such option"
    with pytest.raises(NpuspecError, match=said) as caught, calling_nncf():
        raise ValueError("no such option")
    assert caught.value.code == "quantize-failed"


def test_sizes_that_the_spec_fixes_are_set_first_and_what_is_folded_away_by_that_is_said(
    stage: Stage, recipe: Recipe, tmp_path: Path
) -> None:
    toy = program(data(axes=(3, 32)), sizes=({},), outputs=())
    told: dict[str, Any] = {"program": to_builtins(toy), "recipe": recipe(keep_names=["gone", "second"])}
    told["original"] = told["program"]["inputs"]
    read, paths = write(tmp_path / "read", convolutions()), write_samples(tmp_path / "data", 32)
    made = stage("quantize", read, data=tmp_path / "data", samples=of(paths), **told)
    model = CORE.read_model(made / "model.xml")
    assert [*model.input("x").partial_shape][1:] == [3, 32]
    assert (report(made)["kept"], report(made)["folded_away"]) == (["second"], ["gone"])


@pytest.mark.parametrize(("mode", "bits"), [("int8-asym", 8), ("int8-sym", 8), ("int4-sym", 4), ("int4-asym", 4)])
def test_weights_alone_need_no_samples_and_become_smaller(
    stage: Stage, recipe: Recipe, tmp_path: Path, mode: str, bits: int
) -> None:
    rng = np.random.default_rng(0)
    x = op.parameter([-1, 256], np.float32, name="x")
    x.output(0).set_names({"x"})
    node: Any = x
    for number in range(3):
        weights = op.constant(rng.standard_normal((256, 256)).astype(np.float32))
        node = op.matmul(node, weights, False, False, name=f"m{number}")
    node.output(0).set_names({"y"})
    read = write(tmp_path / "read", ov.Model([op.result(node)], [x], "products"))
    toy = to_builtins(program(data(axes=(256,)), sizes=({},), outputs=()))
    told: dict[str, Any] = {"program": toy, "original": toy["inputs"]}
    told["recipe"] = recipe(mode="weights", weights_mode=mode, group_size=64 if bits == 4 else None)
    made = stage("quantize", read, **told)
    types = {
        c.get_element_type().get_type_name()
        for c in CORE.read_model(made / "model.xml").get_ops()
        if c.get_type_name() == "Constant"
    }
    assert any(kind.endswith(str(bits)) for kind in types)
    assert report(made)["quantized_operations"] == 3
    assert report(made)["weights"] == ({"int4": 2, "int8": 1} if bits == 4 else {"int4": 0, "int8": 3})
    assert (made / "model.bin").stat().st_size < (read / "model.bin").stat().st_size / 3


@pytest.mark.parametrize("mode", ["int4-sym", "int4-asym"])
def test_weights_of_convolutions_never_become_int8_where_int4_was_asked_for(
    stage: Stage, read: Path, told: dict[str, Any], recipe: Recipe, mode: str
) -> None:
    told["recipe"] = recipe(mode="weights", weights_mode=mode, group_size=-1)
    with pytest.raises(NpuspecError, match="none of the 3 weights became INT4") as caught:
        stage("quantize", read, **told)
    assert caught.value.code == "quantize-failed"
    assert 'weights-mode = "int8-' in caught.value.diagnostics[0].help


def test_samples_of_one_bucket_alone_are_a_trap(stage: Stage, told: dict[str, Any], tmp_path: Path) -> None:
    toy = program(data(axes=(3, "time")), sizes=({"time": 16}, {"time": 32}), minimum=4, outputs=())
    told |= {"program": to_builtins(toy), "original": to_builtins(toy)["inputs"]}
    read = write(tmp_path / "read", convolutions())
    for name, sizes, traps in (("one", (5, 8, 16), ["one-bucket-calibration"]), ("two", (5, 8, 17), [])):
        paths = write_samples(tmp_path / name, *sizes)
        made = stage("quantize", read, data=tmp_path / name, samples=of(paths), name=f"of {name}", **told)
        assert [trap["code"] for trap in report(made)["traps"]] == traps


def test_without_samples_there_is_nothing_to_calibrate_with(stage: Stage, read: Path, told: dict[str, Any]) -> None:
    with pytest.raises(NpuspecError) as caught:
        stage("quantize", read, samples=of([]), **told)
    assert caught.value.code == "no-data"


def test_a_model_of_a_fixed_batch_is_calibrated_with_it(stage: Stage, told: dict[str, Any], tmp_path: Path) -> None:
    model = convolutions()
    model.reshape({"x": ov.PartialShape([2, 3, -1])})
    paths = write_samples(tmp_path / "data", 32, 20)
    made = stage("quantize", write(tmp_path / "two", model), data=tmp_path / "data", samples=of(paths), **told)
    quantized = CORE.read_model(made / "model.xml")
    assert quantized.input("x").partial_shape == ov.PartialShape([2, 3, -1])
    assert quantized_inputs(quantized) == set(CONVOLUTIONS)


@pytest.mark.parametrize("name", ["stateful", "recurrent", "branching", "looping"])
def test_any_kind_of_model_is_quantized_and_to_the_same_bytes_again(
    stage: Stage, recipe: Recipe, tmp_path: Path, name: str
) -> None:
    model = CASES[name]()
    rows = model.input("x").shape[1]
    outputs = tuple(Output(name=f"y{n}", dtype="float32", extents=()) for n in range(len(model.outputs)))
    toy = fed(program(data(axes=(rows, 8)), sizes=({},), outputs=outputs))
    (tmp_path / "data").mkdir()
    sample = np.random.default_rng(0).standard_normal((rows, 8)).astype(np.float32)
    for path, array in (("0.npy", sample), ("1.npy", -sample)):  # one for each branch
        np.save(tmp_path / "data" / path, array)
    told: dict[str, Any] = {"data": tmp_path / "data", "recipe": recipe(), **sampled("0.npy", "1.npy"), **toy}
    read = write(tmp_path / "read", model)
    one, other = (stage("quantize", read, name=name, **told) for name in ("one", "other"))
    assert report(one)["quantized_operations"] >= 2
    for file in ("model.xml", "model.bin"):
        assert (one / file).read_bytes() == (other / file).read_bytes()


def test_a_group_that_does_not_divide_the_weights_is_refused(stage: Stage, recipe: Recipe, tmp_path: Path) -> None:
    told = recipe(mode="weights", weights_mode="int4-sym", group_size=100)
    x = source(1, -1, 256)
    read = write(tmp_path / "read", model_of(x, product(product(x, "product", 256), "last", 256)))
    with pytest.raises(NpuspecError, match=r'"product" \(channel size: 256\)') as caught:
        stage("quantize", read, recipe=told, **fed(program(data(axes=("time", 256)), outputs=(along(name="y0"),))))
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
