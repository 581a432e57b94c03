"""Reading and shaping: everything static, or a fault that says what isn't."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op
from runtime.toys import CORE

from npuspec.diagnostics import NpuspecError
from stages.conftest import CONV, Stage, of_variant
from toy_specs import convolutions, write


def failed(stage: Stage, *inputs: Path, **parameters: Any) -> NpuspecError:
    with pytest.raises(NpuspecError) as caught:
        stage("shape", *inputs, **parameters)
    assert not list((stage.root / "shape").iterdir())
    return caught.value


def variant(**shapes: list[int]) -> dict[str, Any]:
    return of_variant(CONV, shapes=shapes)


def test_a_published_model_is_read_and_shaped(stage: Stage) -> None:
    write(stage.root / "published", convolutions())
    read = stage("read", entry="published/model.xml")
    shaped = stage("shape", read, variant=variant(x=[1, 3, 32]), layouts={})
    assert sorted(p.name for p in shaped.iterdir()) == ["model.bin", "model.xml"]
    model = CORE.read_model(shaped / "model.xml")
    assert [list(port.shape) for port in (*model.inputs, *model.outputs)] == [[1, 3, 32], [1, 2, 32]]
    sample = np.random.default_rng(0).standard_normal((1, 3, 32)).astype(np.float32)
    wanted = CORE.compile_model(convolutions(), "CPU")({"x": sample})["y"]
    np.testing.assert_allclose(CORE.compile_model(model, "CPU")({"x": sample})["y"], wanted, rtol=1e-5, atol=1e-5)


def test_half_precision_weights_are_left_as_they_are(stage: Stage) -> None:
    x = op.parameter([1, -1], np.float32, name="x")
    x.output(0).set_names({"x"})
    half = op.constant(np.arange(64, dtype=np.float16), name="half")
    total = op.add(op.convert(half, "f32"), op.convert(op.constant(np.arange(64, dtype=np.float32)), "f32"))
    y = op.add(x, op.reshape(total, [1, 64], special_zero=False))
    y.output(0).set_names({"y"})
    source = write(stage.root / "source", ov.Model([op.result(y)], [x], "halves"))
    shaped = stage("shape", source, variant=variant(x=[1, 64]), layouts={})
    assert (shaped / "model.bin").stat().st_size >= 64 * 2 + 64 * 4


def test_what_is_no_model_is_refused(stage: Stage) -> None:
    for name, content in (("a.onnx", b"nothing"), ("a.xml", b"<net/>"), ("a.xml", b"")):
        (stage.root / name).write_bytes(content)
        with pytest.raises(NpuspecError, match=f"OpenVINO can't read `{name}`") as caught:
            stage("read", entry=name, name=f"read {len(content)}")
        assert caught.value.code == "not-a-model"


def test_an_output_whose_size_depends_on_values_is_refused(stage: Stage) -> None:
    x = op.parameter([1, -1], np.float32, name="x")
    x.output(0).set_names({"x"})
    places = op.unsqueeze(op.non_zero(x, "i64"), 0)
    places.output(0).set_names({"places"})
    source = write(stage.root / "source", ov.Model([op.result(places)], [x], "places"))
    error = failed(stage, source, variant=variant(x=[1, 8]), layouts={})
    assert error.code == "dynamic-shape"
    assert "`places` stays dynamic in variant time32" in error.diagnostics[0].message


@pytest.mark.parametrize("shape", [[1, 4, 32], [1, 3], [1, 3, 32, 1]])
def test_a_shape_that_the_model_cannot_have_is_refused(stage: Stage, shape: list[int]) -> None:
    error = failed(stage, write(stage.root / "source", convolutions()), variant=variant(x=shape), layouts={})
    assert error.code == "impossible-shape"
    assert f"`x` {ov.PartialShape(shape)}" in error.diagnostics[0].message


def test_a_layout_is_written_into_the_model(stage: Stage) -> None:
    write(stage.root / "published", convolutions())
    read = stage("read", entry="published/model.xml")
    shaped = stage("shape", read, variant=variant(x=[1, 3, 32]), layouts={"x": "NCT"})
    (port,) = ov.Core().read_model(shaped / "model.xml").inputs
    assert port.get_node().get_layout() == ov.Layout("NCT")
