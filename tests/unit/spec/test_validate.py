"""From values to a Spec: each mistake is one fault, at its place, in the words of TOML."""

import pytest

from builders import DATA, GATE, SMALL, faults_of, places, rendered, spec_of
from npuspec.diagnostics import Path
from npuspec.spec import parse, validate

QUANTIZED = SMALL + DATA + "\n[quantization]\n"


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        (SMALL.replace("npuspec = 1", "npuspec = 2"), "wrong-value", ("npuspec",)),
        (SMALL.replace("npuspec = 1", 'npuspec = "1"'), "wrong-type", ("npuspec",)),
        (SMALL.replace("npuspec = 1", "npuspec = 1.0"), "wrong-type", ("npuspec",)),
        (SMALL.replace("npuspec = 1", "npuspec = true"), "wrong-type", ("npuspec",)),
        (SMALL.replace("npuspec = 1", ""), "missing-key", ()),
        (SMALL.replace('"model.onnx"', "1"), "wrong-type", ("model", "source")),
        (SMALL.replace('"model.onnx"', "1979-05-27"), "wrong-type", ("model", "source")),
        (SMALL.replace('source = "model.onnx"', ""), "missing-key", ("model",)),
        (SMALL.replace('"model.onnx"', '"model.onnx"\nsha256 = "abc"'), "wrong-value", ("model", "sha256")),
        (SMALL.replace('"NPU"', '"GPU"'), "wrong-value", ("target", "device")),
        (SMALL.replace('["CPU"]', '["CPU", "GPU"]'), "wrong-value", ("target", "fallback", 1)),
        (SMALL.replace('["CPU"]', '"CPU"'), "wrong-type", ("target", "fallback")),
        (SMALL.replace("size = 64", 'size = "64"'), "wrong-type", ("dims", "time", "size")),
        (SMALL.replace("size = 64", "size = 64.0"), "wrong-type", ("dims", "time", "size")),
        (SMALL.replace("size = 64", "size = true"), "wrong-type", ("dims", "time", "size")),
        (SMALL.replace("size = 64", "size = 0"), "wrong-value", ("dims", "time", "size")),
        (SMALL.replace("size = 64", "size = 4294967296"), "wrong-value", ("dims", "time", "size")),
        (SMALL.replace("size = 64", ""), "missing-key", ("dims", "time")),
        (SMALL.replace('overflow = "error"', 'overflow = "cut"'), "wrong-value", ("dims", "time", "overflow")),
        (SMALL.replace('strategy = "pad"', ""), "missing-key", ("dims", "time")),
        (SMALL.replace('strategy = "pad"', 'strategy = "grow"'), "wrong-value", ("dims", "time", "strategy")),
        (SMALL.replace('strategy = "pad"', "strategy = 5"), "wrong-value", ("dims", "time", "strategy")),
        (SMALL.replace('["batch", "time"]', '["batch", true]'), "wrong-value", ("inputs", "x", "shape", 1)),
        (SMALL.replace('["batch", "time"]', '["batch", "time", 0]'), "wrong-value", ("inputs", "x", "shape", 2)),
        (SMALL.replace('["batch", "time"]', '["batch", "time", 1.5]'), "wrong-value", ("inputs", "x", "shape", 2)),
        (SMALL.replace('["batch", "time"]', '["batch", "time", -1]'), "dynamic-dimension", ("inputs", "x", "shape", 2)),
        (SMALL.replace('["batch", "time"]', '["batch", "?"]'), "dynamic-dimension", ("inputs", "x", "shape", 1)),
        (SMALL.replace('overflow = "error"', ""), "missing-overflow", ("dims", "time")),
        (SMALL.replace('"NPU"', '"AUTO:NPU,CPU"'), "auto-device", ("target", "device")),
        (
            SMALL.replace('["batch", "time"]', '["batch", "time", 1, 1, 1, 1, 1]'),
            "wrong-value",
            ("inputs", "x", "shape"),
        ),
        (SMALL + "pad-value = true\n", "wrong-type", ("inputs", "x", "pad-value")),
        (SMALL + "pad-value = nan\n", "wrong-value", ("inputs", "x", "pad-value")),
        (SMALL + "pad-value = inf\n", "wrong-value", ("inputs", "x", "pad-value")),
        (SMALL + 'pad-side = "top"\n', "wrong-value", ("inputs", "x", "pad-side")),
        (SMALL + "finite = 1\n", "wrong-type", ("inputs", "x", "finite")),
        (SMALL + 'role = "both"\n', "wrong-value", ("inputs", "x", "role")),
        (SMALL + "role = 5\n", "wrong-value", ("inputs", "x", "role")),
        (SMALL + '[inputs.n]\nrole = "length"\n', "missing-key", ("inputs", "n")),
        (SMALL + "[batching]\nsize = 1025\n", "wrong-value", ("batching", "size")),
        (
            SMALL + "[outputs.y]\nlength = { dim = 'time', axis = 0 }\n",
            "wrong-value",
            ("outputs", "y", "length", "axis"),
        ),
        (QUANTIZED + 'mode = "int4"\n', "wrong-value", ("quantization", "mode")),
        (QUANTIZED + 'keep = ["/Conv"]\n', "wrong-type", ("quantization", "keep")),
        (QUANTIZED + 'keep = { names = "/Conv" }\n', "wrong-type", ("quantization", "keep", "names")),
        (QUANTIZED + 'keep = { names = ["/Conv", 1] }\n', "wrong-type", ("quantization", "keep", "names", 1)),
        (SMALL + DATA + GATE.replace("0.5", "1.5"), "wrong-value", ("gates", 0, "min")),
        (SMALL + DATA + GATE.replace("0.5", "nan"), "wrong-value", ("gates", 0, "min")),
        (SMALL + DATA + GATE + GATE.replace("min", "# min"), "empty-gate", ("gates", 1)),
        (SMALL + DATA + GATE + GATE.replace("metric", "# metric"), "missing-key", ("gates", 1)),
        (SMALL + DATA + GATE.replace("frame-agreement", "frames"), "wrong-value", ("gates", 0, "metric")),
        (SMALL + DATA + GATE.replace('"frame-agreement"', "1"), "wrong-value", ("gates", 0, "metric")),
        (SMALL + DATA + GATE.replace("[[gates]]", "[gates]"), "wrong-type", ("gates",)),
        (SMALL + '[cache]\nkind = "ram"\n', "wrong-value", ("cache", "kind")),
    ],
)
def test_one_mistake_is_a_fault_of_this_code_at_this_path(text: str, code: str, path: Path) -> None:
    assert places(text) == [(code, path)]


def test_a_whole_number_may_stand_for_a_fraction() -> None:
    assert spec_of(SMALL + "pad-value = 1\n").inputs["x"].model_dump()["pad_value"] == 1.0


def test_bucket_sizes_must_rise_each_once() -> None:
    for sizes in ("[2, 1]", "[1, 1]"):
        text = SMALL.replace('"pad"', '"buckets"').replace("size = 64", f"sizes = {sizes}")
        assert places(text) == [("wrong-value", ("dims", "time", "sizes"))]


def test_empty_lists_and_tables_are_refused_in_the_words_of_toml() -> None:
    text = SMALL.replace('"pad"', '"buckets"').replace("size = 64", "sizes = []")
    assert [fault.message for fault in faults_of(text)] == ["`dims.time.sizes` must not be empty"]
    [fault] = faults_of(SMALL[: SMALL.index("[inputs.x]")] + "[inputs]\n")
    assert fault.message == "`inputs` must not be empty"


@pytest.mark.parametrize("words", ["tuple", "dictionary", "instance of", "Input should"])
def test_no_message_speaks_of_python(words: str) -> None:
    wrong = "npuspec = 1\nmodel = 3\ntarget = []\ngates = 1\ninputs = {}\ndims = { t = 5 }\noutputs = { y = 1 }\n"
    assert len(faults_of(wrong)) >= 6
    assert all(words not in fault.message for fault in faults_of(wrong))


@pytest.mark.parametrize(
    ("text", "key", "meant"),
    [
        (SMALL.replace("[target]", "[traget]"), "traget", "target"),
        (SMALL.replace("source =", "suorce ="), "suorce", "source"),
        (SMALL.replace("size =", "siez ="), "siez", "size"),
        (SMALL.replace("shape =", "shpae ="), "shpae", "shape"),
        (SMALL + "pad-vlaue = 1.0\n", "pad-vlaue", "pad-value"),
        (SMALL + DATA + "sampel-rate = 1\n", "sampel-rate", "sample-rate"),
        (SMALL + '[inputs.n]\nrole = "length"\noff = "x"\n', "off", "of"),
        (QUANTIZED + "[quantization.keep]\nnmaes = []\n", "nmaes", "names"),
        (SMALL + DATA + GATE.replace("metric", "metirc"), "metirc", "metric"),
        (SMALL + "[outputs.y]\nlength = { dim = 'time', axis = 1, divsor = 2 }\n", "divsor", "divisor"),
    ],
)
def test_a_misspelt_key_is_one_fault_that_names_the_right_one(text: str, key: str, meant: str) -> None:
    faults = faults_of(text)
    assert [(f.code, f.message, f.help) for f in faults] == [
        ("unknown-key", f"unknown key `{key}`", f"did you mean `{meant}`?")
    ]
    assert faults[0].labels[0].part == "key"


def test_a_key_of_another_branch_is_unknown_in_this_one() -> None:
    text = SMALL + '[inputs.n]\nrole = "length"\nof = "x"\nshape = ["batch"]\n'
    [fault] = faults_of(text)
    assert (fault.code, fault.labels[0].path) == ("unknown-key", ("inputs", "n", "shape"))
    assert fault.help == "known here: `dim`, `of`, `role`"


def test_a_missing_key_is_reported_beside_an_unrelated_unknown_one() -> None:
    assert places(SMALL.replace("size = 64", "colour = 1")) == [
        ("missing-key", ("dims", "time")),
        ("unknown-key", ("dims", "time", "colour")),
    ]


@pytest.mark.parametrize("name", ["pad", "fixed", "buckets", "size", "strategy"])
def test_a_dimension_may_be_called_like_a_word_of_the_language(name: str) -> None:
    text = SMALL.replace("time", name).replace("size = 64", 'size = "64"')
    [fault] = faults_of(text)
    assert fault.message == f"`dims.{name}.size` must be an integer"
    assert fault.labels[0].path == ("dims", name, "size")


def test_an_unknown_key_called_like_a_strategy_leads_no_other_fault_astray() -> None:
    text = SMALL.replace("size = 64", 'size = "64"\npad = 1')
    assert places(text) == [("wrong-type", ("dims", "time", "size")), ("unknown-key", ("dims", "time", "pad"))]


def test_all_faults_of_all_tables_are_reported_at_once() -> None:
    text = SMALL.replace("size = 64", "size = 0").replace('"NPU"', '"GPU"') + "finite = 1\n[cache]\nknid = 1\n"
    assert sorted(path for _, path in places(text)) == [
        ("cache", "knid"),
        ("dims", "time", "size"),
        ("inputs", "x", "finite"),
        ("target", "device"),
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_spec_is_one_fault(text: str) -> None:
    assert places(text) == [("missing-key", ())]


def test_a_type_fault_says_what_stands_there() -> None:
    assert "^^^^ this is a string" in rendered(SMALL.replace("size = 64", 'size = "64"'))
    assert "^^^^^^^^^^ this is a date or time" in rendered(SMALL.replace('"model.onnx"', "1979-05-27"))


def test_the_values_of_a_list_are_named_with_a_literal_that_is_none_of_them() -> None:
    [fault] = faults_of(SMALL.replace('"NPU"', '"npu"'))
    assert fault.help == "one of `NPU`, `CPU`"


def test_a_warning_does_not_cost_the_spec() -> None:
    document, _ = parse(SMALL + "[properties]\nbypass-umd-caching = true\n")
    spec, diagnostics = validate(document)
    assert spec is not None
    assert [d.code for d in diagnostics] == ["redundant-bypass", "hidden-fallback"]


def test_an_error_costs_it() -> None:
    document, _ = parse(SMALL + "[properties]\nunknown = true\n")
    assert validate(document)[0] is None


@pytest.mark.parametrize("axis", ['"1..64"', '"-1.."', '".."', '"none"', '"Dynamic"', '"*"', "-1"])
def test_an_axis_as_other_tools_leave_it_open_is_dynamic(axis: str) -> None:
    [fault] = faults_of(SMALL.replace('["batch", "time"]', f'["batch", "time", {axis}]'))
    assert fault.code == "dynamic-dimension"


def test_a_shape_whose_axes_are_all_wrong_is_not_called_empty() -> None:
    assert places(SMALL.replace('["batch", "time"]', '["?", -1]')) == [
        ("dynamic-dimension", ("inputs", "x", "shape", 0)),
        ("dynamic-dimension", ("inputs", "x", "shape", 1)),
    ]


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        (SMALL.replace("[target]", 'mo-args = "--layout NHWC"\n[target]'), "mo-args", ("model", "mo-args")),
        (SMALL.replace("[target]", '"--layout" = "NHWC"\n[target]'), "--layout", ("model", "--layout")),
        (SMALL.replace("[target]", "reverse_input_channels = true\n[target]"), "reverse_input_channels", None),
        (SMALL + "[pot]\n", "pot", ("pot",)),
        (SMALL + DATA + '[quantization]\nmode = "pot"\n', "pot", ("quantization", "mode")),
        (SMALL.replace('"NPU"', '"MYRIAD"'), "MYRIAD", ("target", "device")),
        (SMALL.replace('["CPU"]', '["GNA"]'), "GNA", ("target", "fallback", 0)),
    ],
)
def test_a_name_that_is_out_of_use_is_known_wherever_it_stands(text: str, name: str, path: Path | None) -> None:
    [fault] = faults_of(text)
    assert (fault.code, fault.labels[0].path) == ("retired-name", path or ("model", name))
    assert fault.message.startswith(f"`{name}` is out of use: ")
    assert fault.help.startswith("in its place: ")


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        (SMALL.replace("npuspec = 1", 'npuspec = 1\ncache = "none"'), "a table is written `[cache]`"),
        (SMALL.replace("npuspec = 1", "npuspec = 1\noutputs = 3"), "a table is written `[outputs.NAME]`"),
        (SMALL + DATA + "[quantization.keep]\nsubgraphs = [1]\n", "a table is written `{ … }`"),
        (SMALL.replace('["CPU"]', '"CPU"'), "an array stands in brackets: `[…]`"),
    ],
)
def test_a_value_in_the_place_of_a_table_or_an_array_is_told_how_that_is_written(text: str, help_: str) -> None:
    [fault] = faults_of(text)
    assert (fault.code, fault.help) == ("wrong-type", help_)


def test_a_boolean_is_shown_as_toml_writes_it() -> None:
    [fault] = faults_of(SMALL + "[cache]\nkind = false\n")
    assert fault.message == "`cache.kind`: `false` isn't one of its values"


@pytest.mark.parametrize(("key", "meant"), [("min-drop", ""), ("value", ""), ("max-dorp", "max-drop")])
def test_only_a_slip_of_the_pen_is_mended(key: str, meant: str) -> None:
    table = "[quantization]\nmode = 'accuracy-control'\n" if "drop" in key or "dorp" in key else ""
    [fault] = faults_of(SMALL + (DATA if table else "") + table + f"{key} = 0.5\n")
    assert fault.code == "unknown-key"
    assert "did you mean" in fault.help
    assert [edit.text for edit in fault.edits] == ([meant] if meant else [])


@pytest.mark.parametrize(
    "text",
    [
        SMALL.replace("npuspec = 1", "npuspec = 2"),
        SMALL.replace("npuspec = 1", "npuspec = 1.0"),
        SMALL.replace("size = 64", "size = 0"),
        SMALL.replace("size = 64", "size = 4294967296"),
        SMALL.replace('["batch", "time"]', '["batch", 0]'),
        SMALL.replace('["batch", "time"]', "[]"),
        SMALL.replace('["batch", "time"]', '["batch", "time", 1, 1, 1, 1, 1]'),
        SMALL.replace('strategy = "pad"\nsize = 64', 'strategy = "buckets"\nsizes = [64, 32]'),
        SMALL.replace('reason = "the tests look at the device"', 'reason = ""'),
        SMALL + "pad-value = nan\n",
        SMALL + 'layout = "nchw"\n',
        SMALL + 'layout = "CN"\n',
        SMALL + 'layout = "CT"\n',
        SMALL + "finite = 1\n",
        SMALL + "[load]\nbatch-wait-ms = -0.5\n",
        SMALL + "[load]\nbatch-wait-ms = nan\n",
        SMALL + "[load]\nrequests = 4000\n",
        SMALL.replace('"model.onnx"', '"model.onnx"\nsha256 = "abc"'),
    ],
)
def test_a_wrong_value_is_told_in_plain_words_with_what_to_do(text: str) -> None:
    [fault] = faults_of(text)
    assert fault.help
    for words in ("Input", "input should", "pattern", "string should", "character"):
        assert words not in fault.message
