"""The rules between tables, each with a spec that keeps it and one that doesn't."""

import pytest

from builders import DATA, GATE, SMALL, faults_of, places, spec_of
from npuspec.diagnostics import Path
from npuspec.spec.axes import varying_axes
from npuspec.spec.models import DataInput
from npuspec.spec.rules import RULES
from npuspec.spec.rules.batching import open_choices

LENGTH = '\n[inputs.n]\nrole = "length"\nof = "x"\n'
QUANTIZED = '\n[quantization]\nmode = "int8"\n'
IMAGE = SMALL.replace('["batch", "time"]', '["batch", "time", "width"]').replace(
    "[inputs.x]", '[dims.width]\nstrategy = "pad"\nsize = 8\noverflow = "error"\n\n[inputs.x]'
)


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        SMALL + LENGTH,
        SMALL + DATA + GATE + QUANTIZED,
        SMALL + '[outputs.y]\nlength = { dim = "time", axis = 1 }\n',
        IMAGE,
    ],
)
def test_a_spec_that_keeps_every_rule_has_no_faults(text: str) -> None:
    assert faults_of(text) == []


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        (SMALL.replace('["CPU"]', '["NPU"]'), "useless-fallback", ("target", "fallback", 0)),
        (SMALL.replace('["CPU"]', '["CPU", "CPU"]'), "useless-fallback", ("target", "fallback", 1)),
        (SMALL.replace('["batch", "time"]', '["batch", "time", "tme"]'), "unknown-dim", ("inputs", "x", "shape", 2)),
        (SMALL + '[dims.batch]\nstrategy = "fixed"\nsize = 2\n', "batch-dim", ("dims", "batch")),
        (SMALL + '[dims.other]\nstrategy = "fixed"\nsize = 2\n', "unused-dim", ("dims", "other")),
        (SMALL.replace("time", '"größe"').replace('""größe""', '"größe"'), "wrong-value", ("dims", "größe")),
        (SMALL.replace("dims.time", 'dims."../up"').replace('"time"', '"../up"'), "wrong-value", ("dims", "../up")),
        (SMALL.replace("time", "t" * 41), "wrong-value", ("dims", "t" * 41)),
        (
            SMALL + '[outputs.y]\nlength = { dim = "tiem", axis = 1 }\n',
            "unknown-dim",
            ("outputs", "y", "length", "dim"),
        ),
        (SMALL.replace('["batch", "time"]', '["time", "batch"]'), "batch-axis", ("inputs", "x", "shape")),
        (SMALL.replace('["batch", "time"]', '["time"]'), "batch-axis", ("inputs", "x", "shape")),
        (SMALL.replace('["batch", "time"]', '["batch", "time", "time"]'), "repeated-dim", ("inputs", "x", "shape")),
        (SMALL + LENGTH.replace('"x"', '"y"'), "unknown-input", ("inputs", "n", "of")),
        (SMALL + LENGTH.replace('"x"', '"n"'), "unknown-input", ("inputs", "n", "of")),
        (IMAGE + LENGTH, "ambiguous-length", ("inputs", "n", "of")),
        (IMAGE + LENGTH.replace("length", "mask"), "ambiguous-length", ("inputs", "n", "of")),
        (SMALL + QUANTIZED, "no-data", ("quantization",)),
        (SMALL + GATE, "no-data", ("gates", 0)),
        (SMALL + DATA.replace('"x"', '"z"'), "unknown-input", ("data", "input")),
        (
            SMALL + '[inputs.z]\nshape = ["batch"]\n' + DATA,
            "several-data-inputs",
            ("data", "input"),
        ),
        (SMALL + DATA + GATE.replace('"original"', '"static"'), "empty-gate", ("gates", 0, "against")),
        (SMALL + DATA + GATE.replace('of = "static"', 'of = "quantized"'), "empty-gate", ("gates", 0, "of")),
    ],
)
def test_what_breaks_one_rule_is_one_fault_at_its_place(text: str, code: str, path: Path) -> None:
    assert places(text) == [(code, path)]


def test_every_rule_is_listed_once() -> None:
    assert len(set(RULES)) == len(RULES)


def test_a_length_must_follow_a_padded_dimension_not_a_fixed_one() -> None:
    fixed = SMALL.replace('"pad"', '"fixed"').replace('overflow = "error"\n', "")
    assert places(fixed + LENGTH) == [("ambiguous-length", ("inputs", "n", "of"))]
    stated = fixed + '[outputs.y]\nlength = { dim = "time", axis = 1 }\n'
    assert places(stated) == [("unknown-dim", ("outputs", "y", "length", "dim"))]


def test_missing_samples_are_one_fault_with_a_label_for_each_that_needs_them() -> None:
    [fault] = faults_of(SMALL + QUANTIZED + GATE + GATE)
    assert [label.path for label in fault.labels] == [("quantization",), ("gates", 0), ("gates", 1)]


def test_a_misspelt_dimension_is_named() -> None:
    fault = faults_of(SMALL.replace('["batch", "time"]', '["batch", "time", "tiem"]'))[0]
    assert fault.help == "did you mean `time`?"
    assert faults_of(SMALL.replace('["batch", "time"]', '["btach", "time"]'))[0].help == "did you mean `batch`?"


def test_varying_axes_are_those_that_are_padded() -> None:
    spec = spec_of(IMAGE.replace('["batch", "time", "width"]', '["batch", 3, "time", "width"]'))
    data = spec.inputs["x"]
    assert isinstance(data, DataInput)
    assert varying_axes(spec, data) == [2, 3]


def test_a_choice_that_is_open_is_no_plan() -> None:
    [fault] = open_choices(spec_of(SMALL + "[batching]\ncandidates = [1, 4]\n"))
    assert (fault.code, fault.labels[0].path) == ("open-choice", ("batching", "candidates"))
    assert "size = 1" in fault.help
    assert [*open_choices(spec_of(SMALL + "[batching]\ncandidates = [1, 4]\nsize = 1\n"))] == []
    assert [*open_choices(spec_of(SMALL))] == []


def test_weights_alone_need_no_samples() -> None:
    assert faults_of(SMALL + '[quantization]\nmode = "weights"\n') == []


@pytest.mark.parametrize(("mode", "codes"), [("COMPILER", []), ("PLUGIN", ["split-batch"]), ("AUTO", ["split-batch"])])
def test_only_a_batch_that_the_compiler_keeps_whole_is_not_split(mode: str, codes: list[str]) -> None:
    text = SMALL + f'[batching]\nsize = 4\n[properties.unchecked]\nNPU_BATCH_MODE = "{mode}"\n'
    assert [code for code, _ in places(text) if code == "split-batch"] == codes


@pytest.mark.parametrize(
    ("table", "code"), [('[cache]\nkind = "none"\n', "no-cache"), ("[batching]\nsize = 4\n", "split-batch")]
)
def test_what_is_so_of_an_npu_is_so_of_one_that_is_a_fallback(table: str, code: str) -> None:
    text = SMALL.replace('"NPU"', '"CPU"').replace('["CPU"]', '["NPU"]')
    assert code in [found for found, _ in places(text + table)]


def test_a_pattern_that_is_no_regular_expression_is_a_fault() -> None:
    text = SMALL + DATA + QUANTIZED + '[quantization.keep]\npatterns = ["/Conv.*", "("]\n'
    assert places(text) == [("wrong-value", ("quantization", "keep", "patterns", 1))]


def test_a_private_property_is_spelt_as_openvino_has_it() -> None:
    text = SMALL + '[properties.unchecked]\nnpu_batch_mode = "COMPILER"\n'
    [fault] = faults_of(text)
    assert (fault.code, fault.help) == ("wrong-value", "write `NPU_BATCH_MODE`")


def test_a_value_that_is_named_instead_is_taken_by_each_device_of_the_spec() -> None:
    [fault] = faults_of(SMALL + '[properties]\ninference-precision-hint = "fp16"\n')
    assert fault.message == "`inference-precision-hint` takes one of `f16`"
