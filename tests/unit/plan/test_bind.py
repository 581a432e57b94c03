"""The spec held against the model's ports, and the program that comes of it."""

import pytest

from builders import BUCKETS, DATA, GATE, SMALL, port, program_of, signature_of, spec_of
from npuspec.bundle.program import DataInput, Dim, Extent, LengthInput, MaskInput
from npuspec.diagnostics import Diagnostic
from npuspec.diagnostics import Path as Place
from npuspec.facts import Signature
from npuspec.plan.passes.bind import check_ports, combinations, stated_extents

LENGTH = '\n[inputs.n]\nrole = "length"\nof = "x"\n'
MASK = '\n[inputs.n]\nrole = "mask"\nof = "x"\n'
X = port("x", None, None)


def check(text: str, signature: Signature) -> list[Diagnostic]:
    return check_ports(spec_of(text), signature)


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        (SMALL, signature_of()),
        (SMALL, signature_of(port("x", 1, 64))),
        (SMALL + LENGTH, signature_of(X, port("n", None, dtype="int64"))),
        (SMALL + LENGTH, signature_of(X, port("n", None, 1, dtype="int32"))),
        (SMALL + MASK, signature_of(X, port("n", None, None, dtype="bool"))),
        (SMALL + DATA + GATE, signature_of()),
        (SMALL + "pad-value = 255\n", signature_of(port("x", None, None, dtype="uint8"))),
        (SMALL + "pad-value = -128\n", signature_of(port("x", None, None, dtype="int8"))),
        (SMALL + "pad-value = 1\n", signature_of(port("x", None, None, dtype="bool"))),
        (SMALL + "pad-value = 0.5\n", signature_of(port("x", None, None, dtype="float16"))),
    ],
)
def test_a_spec_that_fits_its_model_has_no_faults(text: str, signature: Signature) -> None:
    assert check(text, signature) == []


@pytest.mark.parametrize(
    ("text", "signature", "code", "path"),
    [
        (SMALL, signature_of(X, port("n", None)), "unstated-input", ("inputs",)),
        (SMALL, signature_of(outputs=(port("y", None, dtype="bf16"),)), "wrong-port-dtype", ("model",)),
        (
            SMALL + '[outputs.y]\nselect = { kind = "last-valid", dim = "time", axis = 3 }\n',
            signature_of(),
            "wrong-port-rank",
            ("outputs", "y", "select", "axis"),
        ),
        (
            SMALL + '[outputs.y]\nselect = { kind = "masked-mean", dim = "time" }\n',
            signature_of(outputs=(port("y", None, None, dtype="int64"),)),
            "wrong-port-dtype",
            ("outputs", "y", "select", "kind"),
        ),
        (SMALL + LENGTH, signature_of(X), "unknown-input", ("inputs", "n")),
        (SMALL, signature_of(port("x", None, None, None)), "wrong-port-rank", ("inputs", "x", "shape")),
        (SMALL, signature_of(port("x", None, 32)), "wrong-size", ("inputs", "x", "shape", 1)),
        (SMALL, signature_of(port("x", 4, None)), "wrong-size", ("inputs", "x", "shape", 0)),
        (SMALL, signature_of(port("x", None, None, dtype="string")), "wrong-port-dtype", ("inputs", "x")),
        (SMALL, signature_of(port("x", None, None, dtype="bfloat16")), "wrong-port-dtype", ("inputs", "x")),
        (BUCKETS, signature_of(port("x", None, 32)), "wrong-size", ("inputs", "x", "shape", 1)),
        (SMALL.replace("64", "2147483647"), signature_of(), "input-too-large", ("inputs", "x", "shape")),
        (SMALL + LENGTH, signature_of(X, port("n", None)), "wrong-port-dtype", ("inputs", "n", "role")),
        (SMALL + LENGTH, signature_of(X, port("n", dtype="int64")), "wrong-port-rank", ("inputs", "n", "role")),
        (
            SMALL + LENGTH,
            signature_of(X, port("n", 1, 1, 1, dtype="int64")),
            "wrong-port-rank",
            ("inputs", "n", "role"),
        ),
        (SMALL + MASK, signature_of(X, port("n", None, dtype="bool")), "wrong-port-rank", ("inputs", "n", "role")),
        (
            SMALL + MASK,
            signature_of(X, port("n", None, None, dtype="uint16")),
            "wrong-port-dtype",
            ("inputs", "n", "role"),
        ),
        (SMALL + "[outputs.z]\n", signature_of(), "unknown-output", ("outputs", "z")),
        (
            SMALL + "[outputs.y]\nlength = { dim = 'time', axis = 3 }\n",
            signature_of(),
            "wrong-port-rank",
            ("outputs", "y", "length", "axis"),
        ),
        (SMALL + DATA + GATE.replace('"y"', '"z"'), signature_of(), "unknown-output", ("gates", 0, "output")),
        (
            SMALL + "pad-value = 0.5\n",
            signature_of(port("x", None, None, dtype="int32")),
            "wrong-type",
            ("inputs", "x", "pad-value"),
        ),
    ],
)
def test_what_does_not_fit_is_one_fault_at_its_place(text: str, signature: Signature, code: str, path: Place) -> None:
    assert [(fault.code, fault.labels[0].path) for fault in check(text, signature)] == [(code, path)]


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("bool", "2"),
        ("uint8", "256"),
        ("uint8", "-1"),
        ("int8", "-129"),
        ("int16", "32768"),
        ("int32", "2147483648"),
        ("uint64", "1.9e19"),
        ("float16", "65505.0"),
        ("float32", "3.5e38"),
    ],
)
def test_a_padding_value_that_the_input_can_not_hold_is_refused(dtype: str, value: str) -> None:
    [fault] = check(SMALL + f"pad-value = {value}\n", signature_of(port("x", None, None, dtype=dtype)))
    assert (fault.code, fault.labels[0].path) == ("wrong-value", ("inputs", "x", "pad-value"))
    assert dtype in fault.message


def test_the_model_s_names_are_suggested() -> None:
    assert check(SMALL, signature_of(port("wave", None, None)))[0].help == "known here: `wave`"


def test_a_fixed_axis_names_the_size_that_does_not_fit_and_the_one_that_would() -> None:
    [fault] = check(BUCKETS, signature_of(port("x", None, 32)))
    assert fault.message == "axis 1 of `x` is 32 in the model, and can't be 16"
    assert fault.help == "state 32 here"


def test_a_fixed_batch_is_mended_where_the_batch_is_stated() -> None:
    [fault] = check(SMALL + "[batching]\nsize = 2\n", signature_of(port("x", 4, None)))
    assert fault.message == "axis 0 of `x` is 4 in the model, and can't be 2"
    assert fault.help == "[batching] size = 4"


def test_several_faults_of_one_model_are_reported_at_once() -> None:
    faults = check(SMALL + LENGTH + "[outputs.z]\n", signature_of(port("x", 4, 32), port("m", None)))
    assert [f.code for f in faults] == ["unknown-input", "unstated-input", "wrong-size", "wrong-size", "unknown-output"]


def test_the_program_has_the_model_s_ports_in_its_order_and_every_default_filled_in() -> None:
    signature = signature_of(port("n", None, dtype="int64"), X, port("m", None, None, dtype="bool"))
    text = SMALL + "finite = true\n" + LENGTH + MASK.replace("inputs.n", "inputs.m") + "[batching]\nsize = 3\n"
    program = program_of(spec_of(text), signature)
    assert program.inputs == (
        LengthInput(name="n", dtype="int64", of="x", dim="time"),
        DataInput(name="x", dtype="float32", axes=("time",), pad_value=0.0, pad_side="right", finite=True),
        MaskInput(name="m", dtype="bool", of="x", dim="time"),
    )
    assert program.batch == 3
    assert program.dims == {"time": Dim(minimum=1, maximum=64)}
    [variant] = program.variants
    assert (variant.name, variant.sizes) == ("time64", {"time": 64})
    assert variant.shapes == {"x": (3, 64), "n": (3,), "m": (3, 64)}


def test_a_length_of_rank_two_has_a_second_axis_of_one() -> None:
    program = program_of(spec_of(SMALL + LENGTH), signature_of(X, port("n", None, 1, dtype="int64")))
    assert program.variants[0].shapes["n"] == (1, 1)


def test_a_model_without_padded_dimensions_has_one_variant() -> None:
    fixed = SMALL.replace('"pad"', '"fixed"').replace('overflow = "error"\n', "")
    program = program_of(spec_of(fixed), signature_of())
    [variant] = program.variants
    assert (variant.name, variant.sizes, variant.shapes) == ("static", {}, {"x": (1, 64)})
    assert program.dims == {}


def test_there_is_a_variant_for_each_choice_of_sizes_smaller_ones_first() -> None:
    assert combinations({"a": (1, 10), "b": (2, 4)}) == [
        {"a": 1, "b": 2},
        {"a": 1, "b": 4},
        {"a": 10, "b": 2},
        {"a": 10, "b": 4},
    ]
    assert combinations({"a": (1, 3), "b": (2, 100)})[1] == {"a": 3, "b": 2}
    assert combinations({}) == [{}]


def test_the_order_of_dimensions_in_the_text_changes_nothing() -> None:
    first = '[dims.width]\nstrategy = "buckets"\nsizes = [2, 8]\noverflow = "error"\n\n'
    head, table, rest = SMALL.partition("[dims.time]")
    tail = rest.replace('["batch", "time"]', '["batch", "time", "width"]')
    before = spec_of(head + first + table + tail)
    after = spec_of(head + table + tail.replace("[inputs.x]", first + "[inputs.x]"))
    signature = signature_of(port("x", None, None, None))
    assert [*before.dims] != [*after.dims]
    assert program_of(before, signature) == program_of(after, signature)
    assert [v.name for v in program_of(before, signature).variants] == ["time64-width2", "time64-width8"]


def test_stated_lengths_are_handed_on_as_extents() -> None:
    spec = spec_of(SMALL + '[outputs.y]\nlength = { dim = "time", axis = 1, offset = 3, divisor = 4 }\n[outputs.z]\n')
    assert stated_extents(spec) == {"y": [Extent(dim="time", axis=1, offset=3, divisor=4)]}
