"""What a program says of its models is held against them before anything is fed to them."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino as ov
import pytest
from msgspec import convert, structs, to_builtins
from openvino import opset13 as op

from npuspec.bundle.program import Preprocess, Program, Variant
from npuspec.runtime import Engine, Session
from runtime.toys import along, compiled, data, length, mask, model, parameters, program

PICTURE = Preprocess(dtype="uint8", order=(1, 0), channels=1, mean=(1.0, 2.0, 3.0), scale=(1.0, 1.0, 2.0))
TOY = program(
    data(axes=("time", 3), preprocess=PICTURE),
    length(),
    mask(),
    batch=2,
    sizes=({"time": 4}, {"time": 8}),
    outputs=(along(),),
)


def masked(_toy: Program, variant: Variant) -> Any:
    """Return a model that uses all its inputs: y = x m + n, whatever is forged of its program."""
    given = parameters(TOY, next(v for v in TOY.variants if v.name == variant.name))
    valid = op.unsqueeze(op.convert(given["m"], "f32"), 2)
    count = op.reshape(op.convert(given["n"], "f32"), np.array([-1, 1, 1]), special_zero=False)
    return model({"y": op.add(op.multiply(given["x"], valid), count)}, given)


@pytest.fixture(scope="module")
def models() -> Mapping[str, ov.CompiledModel]:
    return compiled(TOY, masked)


def forged(path: str, value: Any) -> Program:
    """Return the program with another value at a place such as `inputs.0.axes`."""
    whole: dict[str, Any] = to_builtins(TOY)
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    below: Any = whole
    for step in steps:
        below = below[step]
    below[last] = value
    return convert(whole, Program)


def test_what_is_so_is_taken(models: Mapping[str, ov.CompiledModel]) -> None:
    with Session(Engine(TOY, models, device="CPU")) as session:
        found = session.infer({"x": np.zeros((3, 5), np.uint8)})["y"]
    np.testing.assert_allclose(found, np.full((5, 3), 5) - np.array([1, 2, 1.5]))


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("batch", 1, "input `x` is [2, 4, 3]"),
        ("batch", 7, "input `x` is [2, 4, 3]"),
        ("inputs.0.axes", ["time", "width"], "input `x`"),
        ("inputs.0.axes", ["time", "time"], "a dimension stands twice in input `x`"),
        ("inputs.0.axes", ["time"], "can't be preprocessed so"),
        ("inputs.0.axes", [4, 3], "has no `time`"),
        ("inputs.0.pad_value", 1e300, "is of float32, which can't hold 1e+300"),
        ("inputs.0.pad_value", float("nan"), "can't hold nan"),
        ("inputs.0.preprocess.order", [0, 0], "can't be preprocessed so"),
        ("inputs.0.preprocess.order", [-1, 0], "can't be preprocessed so"),
        ("inputs.0.preprocess.order", [0, 1, 2], "can't be preprocessed so"),
        ("inputs.0.preprocess.channels", 10**30, "Expected `int` <= 2147483647"),
        ("inputs.0.preprocess.channels", 0, "can't be preprocessed so"),
        ("inputs.0.preprocess.channels", None, "can't be preprocessed so"),
        ("inputs.0.preprocess.mean", [1.0, 2.0], "can't be preprocessed so"),
        ("inputs.0.preprocess.mean", [float("inf")], "can't be preprocessed so"),
        ("inputs.0.preprocess.mean", [1e16], "can't be preprocessed so"),
        ("inputs.0.preprocess.scale", [1.0, 0.0, 1.0], "can't be preprocessed so"),
        ("inputs.0.preprocess.scale", [float("nan")], "can't be preprocessed so"),
        ("inputs.0.preprocess.dtype", "object", "can't be preprocessed so"),
        ("inputs.0.preprocess.resize", "stretch", "can't be preprocessed so"),
        ("inputs.1.of", "m", "input `n` follows `m`"),
        ("inputs.1.of", "y", "input `n` follows `y`"),
        ("inputs.1.dim", "width", "input `n` follows `x`, which has no `width`"),
        ("inputs.2.dim", "width", "input `m` follows `x`, which has no `width`"),
        ("inputs.2.role", "length", "input `m` is [2, 4]"),
        ("inputs", [to_builtins(TOY.inputs[0]), to_builtins(TOY.inputs[1])], "has 3 inputs, not 2"),
        ("inputs.2.name", "n", "has 3 inputs, not 2"),
        ("outputs.0.dtype", "int64", "output `y` is [2, 4, 3] float32"),
        ("outputs.0.extents.0.scale", 2, "output `y` is 4 long in variant time4, and 8 of it valid"),
        ("outputs.0.extents.0.offset", 1, "output `y` is 4 long in variant time4, and 5 of it valid"),
        ("outputs.0.extents.0.scale", 2**70, "Expected `int` <= 2147483647"),
        ("outputs.0.extents.0.offset", -(2**70), "Expected `int` >= -2147483648"),
        ("outputs.0.extents.0.divisor", 2**31, "Expected `int` <= 2147483647"),
        ("variants.0.sizes.time", 7, "input `x` is [2, 4, 3]"),
    ],
)
def test_what_is_not_so_is_said(models: Mapping[str, ov.CompiledModel], path: str, value: Any, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        Session(Engine(forged(path, value), models, device="CPU"))


def test_a_dim_that_no_input_has_is_said(models: Mapping[str, ov.CompiledModel]) -> None:
    toy = structs.replace(
        TOY,
        dims={**TOY.dims, "width": TOY.dims["time"]},
        variants=tuple(structs.replace(v, sizes={**v.sizes, "width": 8}) for v in TOY.variants),
    )
    with pytest.raises(ValueError, match="no input has the dim `width`"):
        Engine(toy, models, device="CPU")


@pytest.mark.parametrize(
    ("steps", "axes"),
    [
        ({"dtype": "int8"}, (3, 4, "time")),
        ({"channels": None}, (3, 4, "time")),
        ({"resize": "stretch"}, (3, 4, "time")),
        ({}, (5, 4, "time")),
        ({}, (3, "width", "time")),
        ({"order": (1, 0)}, (3, "time")),
    ],
)
def test_what_can_not_be_resized_is_said(steps: dict[str, Any], axes: tuple[int | str, ...]) -> None:
    resized = {"dtype": "uint8", "order": (0, 1, 2), "channels": 0, "resize": "letterbox", **steps}
    toy = program(data(axes=axes, preprocess=Preprocess(**resized)), sizes=({"time": 8, "width": 8},))
    with pytest.raises(ValueError, match="can't be preprocessed so"):
        Session(Engine(toy, compiled(toy), device="CPU"))
