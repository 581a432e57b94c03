"""Preprocessing in the model: what ships takes, what it is padded with, and which stages know of it."""

import pytest

from builders import DATA, SMALL, plan_of, port, signature_of, spec_of
from npuspec.bundle.program import DataInput
from npuspec.plan import Plan
from npuspec.plan.diff import diff_plans
from npuspec.plan.effects import Consequence
from npuspec.plan.model import folds_of
from npuspec.plan.passes.bind import check_ports

FILES = tuple(f"{i}.npy" for i in range(6))
IMAGE = SMALL.replace('["batch", "time"]', '["batch", 3, 8, "time"]\nlayout = "NCHW"')
QUANTIZED = '[quantization]\nmode = "int8"\nsamples = 4\n'
STEPS = """
[inputs.x.preprocess]
dtype = "uint8"
layout = "NHWC"
swap-channels = true
mean = [127.0]
scale = [127.5]
"""
SIGNATURE = signature_of(port("x", None, 3, None, None))


def plan(place: str, more: str = "") -> Plan:
    text = f'{IMAGE}\n{STEPS}place = "{place}"\n{DATA}{QUANTIZED}{more}'
    return plan_of(text, files=FILES, signature=SIGNATURE)


def shipped(found: Plan) -> DataInput:
    (taken,) = found.program.inputs
    assert isinstance(taken, DataInput)
    return taken


def test_what_ships_takes_what_the_caller_gives() -> None:
    native, model = plan("native"), plan("model")
    taken = shipped(model)
    assert (taken.dtype, taken.axes, taken.pad_value, taken.preprocess) == ("uint8", (8, "time", 3), 127.0, None)
    assert [variant.shapes for variant in model.program.variants] == [{"x": (1, 8, 64, 3)}]
    assert (model.program.dims, model.program.outputs) == (native.program.dims, native.program.outputs)
    assert model.original == native.original == native.program.inputs
    assert folds_of(native.original, native.program) == {}
    assert folds_of(model.original, model.program) == {"x": shipped(native).preprocess}


def test_only_what_is_static_knows_where_the_steps_are() -> None:
    native, model = ({stage.name: stage for stage in plan(place).stages} for place in ("native", "model"))
    assert native.keys() == model.keys()
    same = {name for name, stage in native.items() if stage.digest == model[name].digest}
    assert same == {"read", "quantize", "rank", "compare"}
    shape, verify = model["shape[quantized, time64]"].parameters, model["verify[NPU]"].parameters
    assert shape["variant"]["shapes"] == {"x": [1, 3, 8, 64]}
    assert shape["layouts"] == {"x": "NHWC"}
    assert [*shape["folds"]] == ["x"]
    assert "folds" not in native["shape[time64]"].parameters
    assert verify["original"][0]["dtype"] == "float32"
    assert verify["program"]["inputs"][0]["dtype"] == "uint8"


@pytest.mark.parametrize(("batch", "layout"), [(1, {}), (2, {"x": "N???"})])
def test_axes_without_letters_need_none(batch: int, layout: dict[str, str]) -> None:
    text = IMAGE.replace('layout = "NCHW"', "") + f"preprocess = {{ mean = [1.0] }}\n[batching]\nsize = {batch}\n"
    (shape,) = (stage for stage in plan_of(text, signature=SIGNATURE).stages if stage.verb == "shape")
    assert shape.parameters["layouts"] == layout


def test_another_place_is_compiled_anew_and_neither_quantized_nor_another_interface() -> None:
    diff = diff_plans(plan("native"), plan("model"))
    (change,) = diff.changes
    assert change.what == "inputs.x.preprocess.place"
    assert change.consequences == (Consequence.RECOMPILE, Consequence.ACCURACY)


@pytest.mark.parametrize(
    ("old", "new", "consequence"),
    [
        ("mean = [127.0]", "mean = [100.0]", Consequence.REQUANTIZE),
        ('"uint8"', '"int8"', Consequence.INTERFACE),
        ('layout = "NHWC"', 'layout = "NWHC"', Consequence.INTERFACE),
    ],
)
def test_another_step_in_the_model_has_its_own_consequence(old: str, new: str, consequence: Consequence) -> None:
    base = f"{IMAGE}\n{STEPS}{DATA}{QUANTIZED}"
    before, after = (plan_of(text, files=FILES, signature=SIGNATURE) for text in (base, base.replace(old, new)))
    diff = diff_plans(before, after)
    (change,) = diff.changes
    assert {consequence, Consequence.RECOMPILE} <= {*change.consequences}


def padded(value: str, *lines: str) -> str:
    return IMAGE + f"pad-value = {value}\n[inputs.x.preprocess]\n" + "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (padded("0", 'dtype = "uint8"'), 0),
        (padded("255", 'dtype = "uint8"'), 255),
        (padded("-1", 'dtype = "uint8"', "mean = [127.5]", "scale = [127.5]"), 0),
        (padded("0.00392156863", 'dtype = "uint8"', "mean = [127.5]", "scale = [127.5]"), 128),
        (padded("0", 'dtype = "float16"', "mean = [127.5]", "scale = [127.5]"), 127.5),
        (padded("0", "mean = [123.675]"), 123.67500305175781),
        (padded("2.0", 'dtype = "uint8"', "mean = [4.0, 2.0, 0.0]", "scale = [1.0, 2.0, 3.0]"), 6),
        (padded("-0.5", 'dtype = "int8"', "mean = [0.0, 1.0, 2.0]", "scale = [2.0, 4.0, 6.0]"), -1),
    ],
)
def test_padding_becomes_the_pad_value_in_the_model(text: str, value: float) -> None:
    assert check_ports(spec_of(text), SIGNATURE) == []
    assert shipped(plan_of(text, signature=SIGNATURE)).pad_value == value


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        (
            padded("0", 'dtype = "uint8"', "mean = [127.5]", "scale = [127.5]"),
            'pad-value = 0.00392156863, which 128 becomes, or place = "native" in [inputs.x.preprocess]',
        ),
        (padded("-1", 'dtype = "uint8"'), "pad-value = 0.0, which 0 becomes, or "),
        (padded("0.00392", 'dtype = "uint8"', "mean = [127.5]", "scale = [127.5]"), "pad-value = 0.00392156863, "),
        (padded("9.0", 'dtype = "float16"', "scale = [1e-8]"), "pad-value = 11.920929, "),
        (padded("0", 'dtype = "uint8"', "mean = [1.0, 2.0, 3.0]"), 'place = "native" in [inputs.x.preprocess]'),
        (padded("0", "mean = [1.0, 2.0, 3.0]"), 'place = "native" in [inputs.x.preprocess]'),
    ],
)
def test_padding_that_nothing_becomes_is_refused_with_what_comes_near(text: str, help_: str) -> None:
    (fault,) = check_ports(spec_of(text), SIGNATURE)
    assert (fault.code, fault.labels[0].path) == ("inexpressible-padding", ("inputs", "x", "pad-value"))
    assert fault.help.startswith(help_)
    assert check_ports(spec_of(f'{text}\nplace = "native"'), SIGNATURE) == []


def test_what_the_help_names_is_taken() -> None:
    text = padded("0.3", 'dtype = "uint8"', "mean = [123.675]", "scale = [58.395]")
    (fault,) = check_ports(spec_of(text), SIGNATURE)
    named = fault.help.removeprefix("pad-value = ").partition(",")[0]
    assert check_ports(spec_of(text.replace("pad-value = 0.3", f"pad-value = {named}")), SIGNATURE) == []


def test_what_is_not_padded_may_have_any_pad_value() -> None:
    text = padded("0", 'dtype = "uint8"', "mean = [1.0, 2.0, 3.0]")
    fixed = text.replace('"pad"', '"fixed"').replace('overflow = "error"\n', "")
    assert check_ports(spec_of(fixed), SIGNATURE) == []
    assert shipped(plan_of(fixed, signature=SIGNATURE)).pad_value == 0
