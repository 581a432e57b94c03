"""Preprocessing in a static model's graph, against the native code's, and what it leaves as it was."""

import numpy as np
import openvino as ov
from hypothesis import given, settings
from hypothesis import strategies as st
from openvino import opset13 as op
from runtime.toys import CORE, data, echo, program

from npuspec.bundle.program import Preprocess
from npuspec.runtime.feed import check_sample
from npuspec.runtime.fill import Filler
from npuspec.stages.fold import fold

FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}
CASES = [
    ("NCHW", "NCHW", (0, 1, 2)),
    ("NCHW", "NHWC", (2, 0, 1)),
    ("NCHW", "NWHC", (2, 1, 0)),
    ("NHWC", "NHWC", (0, 1, 2)),
    ("NHWC", "NCHW", (1, 2, 0)),
]
"""The model's layout, the caller's, and the order that makes the one of the other."""


@settings(deadline=None, max_examples=40)
@given(
    case=st.sampled_from(CASES),
    swap=st.booleans(),
    mean=st.sampled_from([(), (7.5,), (123.675, 116.28, 103.53)]),
    scale=st.sampled_from([(), (0.017,), (58.395, -57.12, 57.375)]),
    given_as=st.sampled_from(["uint8", "int8", "float16", "float32"]),
    taken_as=st.sampled_from(["float16", "float32", "float64"]),
)
def test_the_model_computes_what_the_native_code_does(
    case: tuple[str, str, tuple[int, ...]],
    swap: bool,
    mean: tuple[float, ...],
    scale: tuple[float, ...],
    given_as: str,
    taken_as: str,
) -> None:
    model, layout, order = case
    axes = (3, 4, 5) if model == "NCHW" else (4, 5, 3)
    steps = Preprocess(
        dtype=given_as, order=order, channels=model.index("C") - 1, swap_channels=swap, mean=mean, scale=scale
    )
    toy = program(data(axes=axes, dtype=taken_as, preprocess=steps), batch=2, sizes=({},))
    sample = np.random.default_rng(len(mean)).integers(0, 100, steps.given(axes)).astype(given_as)
    arrays, _ = check_sample(toy, {"x": sample})
    wanted = np.empty((2, *axes), taken_as)
    Filler(toy)({"x": wanted}, [arrays, arrays])
    folded = echo(toy, toy.variants[0])
    fold(folded, {"x": steps}, {"x": layout})
    (found, *_) = CORE.compile_model(folded, "CPU", FLOAT32)({"x": np.stack([sample, sample])}).values()
    rounding = 2 * float(np.finfo("float16" if taken_as == "float16" else "float32").eps)
    np.testing.assert_allclose(found[0], wanted, rtol=rounding, atol=rounding * max(1, float(np.abs(wanted).max())))


def test_inputs_keep_their_places_and_names_and_only_one_is_changed() -> None:
    toy = program(data("a", (2, 3)), data("x", (2, 3)), data("z", (2, 3)), sizes=({},))
    model = echo(toy, toy.variants[0])
    fold(model, {"x": Preprocess(dtype="uint8", order=(1, 0), mean=(1.0,))}, {})
    assert [(port.any_name, list(port.shape), port.element_type) for port in model.inputs] == [
        ("a", [1, 2, 3], ov.Type.f32),
        ("x", [1, 3, 2], ov.Type.u8),
        ("z", [1, 2, 3], ov.Type.f32),
    ]
    assert [port.node.get_friendly_name() for port in model.inputs] == ["a", "x", "z"]


def halves() -> ov.Model:
    """Return a model of half-precision weights, behind a quantized input."""
    x = op.parameter([1, 3, 8], np.float32, name="x")
    x.output(0).set_names({"x"})
    limits = [op.constant(np.float32(value)) for value in (-1, 1, -1, 1)]
    levels = op.fake_quantize(x, *limits, 256, name="levels")
    weights = op.convert(op.constant(np.ones((2, 3, 1), np.float16), name="half"), "f32", name="weights")
    y = op.convolution(levels, weights, [1], [0], [0], [1], name="y")
    y.output(0).set_names({"y"})
    return ov.Model([op.result(op.divide(y, np.float32(3), name="third"))], [x], "halves")


def test_all_other_operations_stay_as_they_are() -> None:
    model = halves()
    before = {(node.get_name(), node.get_friendly_name()) for node in model.get_ops()}
    fold(model, {"x": Preprocess(dtype="uint8", order=(0, 1), channels=0, mean=(1.0,), scale=(2.0,))}, {"x": "NCW"})
    after = {(node.get_name(), node.get_friendly_name()) for node in model.get_ops()}
    assert [name for _, name in before - after] == ["x"]
    assert {"x", "Convert/preprocessing_0"} < {name for _, name in after - before}


def test_names_are_the_same_however_much_the_process_has_made_before() -> None:
    def names() -> list[str]:
        model = halves()
        known = {node.get_name() for node in model.get_ops()}
        fold(model, {"x": Preprocess(dtype="uint8", order=(0, 1), channels=0, mean=(1.0, 2.0, 3.0))}, {"x": "NCW"})
        return [node.get_friendly_name() for node in model.get_ordered_ops() if node.get_name() not in known]

    assert names() == names()
