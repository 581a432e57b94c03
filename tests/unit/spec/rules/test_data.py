"""What is measured and calibrated, and on which samples."""

import pytest

import builders
from builders import DATA, GATE, SMALL
from npuspec.diagnostics import Diagnostic, Path, Severity

QUANTIZED = '\n[quantization]\nmode = "int8"\n'
BUDGET = '\n[[gates]]\nmetric = "size-mib"\nmax = 12\n'
TOKENIZER = 'tokenizer = "tokenizer.json"\n'
SECOND = '[inputs.z]\nshape = ["batch"]\n'
FUNCTION = '\n[data]\nfunction = "samples:clips"\n'
OWN = '\n[[gates]]\nmetric = "function"\nfunction = "pkg.metrics:wer"\nof = "static"\n'
TASK = 'labels = "labels.txt"\n\n[[gates]]\nmetric = "accuracy"\noutput = "y"\nof = "static"\n'
KEEP = ("quantization", "keep")
RELATIVE = 'compared = "with-original"\n'
TEXT = '\n[outputs.y]\ndecode = { kind = "ctc", vocabulary = "v.txt" }\n'


def faults_of(text: str) -> list[Diagnostic]:
    """Return what there is against a spec, but for gates that a recipe lacks, which test_precision has."""
    return [fault for fault in builders.faults_of(text) if fault.code not in ("no-goal", "ungated-quantization")]


def places(text: str) -> list[tuple[str, Path]]:
    return [(fault.code, fault.labels[0].path) for fault in faults_of(text)]


def recipe(mode: str, *lines: str) -> str:
    return SMALL + DATA + f'[quantization]\nmode = "{mode}"\n' + "".join(f"{line}\n" for line in lines)


def gate(limits: str, metric: str = "frame-agreement") -> str:
    return SMALL + DATA + GATE.replace("min = 0.5", limits).replace("frame-agreement", metric)


@pytest.mark.parametrize(
    "text",
    [
        SMALL + DATA,
        SMALL + DATA + TOKENIZER,
        SMALL + DATA + TOKENIZER + 'field = "talk"\n',
        SMALL + DATA + TOKENIZER + f'tokenizer-sha256 = "{"0" * 64}"\ntoken-types = "z"\n' + SECOND,
        SMALL + '[data]\nsource = "samples/*.npz"\n' + SECOND + GATE,
        SMALL + DATA + GATE,
        SMALL + DATA + GATE + QUANTIZED,
        SMALL + DATA + QUANTIZED + GATE.replace("static", "quantized", 1),
        gate("min = 0.5\nmax = 1"),
        gate("min = 0.5\nmax = 0.5"),
        gate("min = -0.5\nmax = 1", "cosine"),
        gate("min = -9", "sqnr"),
        gate("max = 7.5", "max-abs-difference"),
        gate("max = 0", "max-abs-difference"),
        gate("min = 0.001\nmax = 7.5", "max-abs-difference"),
        gate("min = 30", "sqnr"),
        SMALL + DATA + TASK + "min = 0.9\n",
        SMALL + DATA + TASK.replace("accuracy", "word-error-rate") + "max = 1.5\n" + TEXT,  # words may be put in
        SMALL + DATA + TASK + RELATIVE + "min = -0.01\n",  # a loss
        SMALL + DATA + TASK + RELATIVE + "min = 0\n",
        SMALL + DATA + TASK.replace("accuracy", "word-error-rate") + RELATIVE + "max = 0\n" + TEXT,
        SMALL + FUNCTION + GATE,
        SMALL + FUNCTION + 'input = "x"\n' + GATE,
        SMALL + FUNCTION + SECOND + GATE,
        SMALL + DATA + OWN + "max = 120\n",
        SMALL + DATA + OWN + RELATIVE + "min = -3\n",
        SMALL + DATA + BUDGET,
        SMALL + BUDGET,
        recipe("int8", "samples = 100"),
        recipe("int8", 'model-type = "transformer"', "smooth-quant-alpha = 0.5"),
        recipe("weights", 'weights-mode = "int4-sym"', "group-size = 64"),
        recipe("accuracy-control", "max-drop = 0.5", 'drop-type = "relative"', 'preset = "mixed"'),
        recipe("accuracy-control", "max-drop = 0.0"),
        recipe("mixed", 'keep = { types = ["MVN"] }'),
        recipe("weights", 'keep = { types = ["MVN"] }'),
        recipe("none"),
    ],
)
def test_what_keeps_every_rule_has_no_faults(text: str) -> None:
    assert faults_of(text) == []


@pytest.mark.parametrize("against", ["original", "static", "quantized"])
def test_a_full_batch_may_be_held_against_every_other_model(against: str) -> None:
    text = gate("min = 30", "sqnr").replace('of = "static"', 'of = "batched"').replace('"original"', f'"{against}"')
    faults = faults_of(text + QUANTIZED + "[batching]\nsize = 2\n")
    assert [fault for fault in faults if fault.severity is Severity.ERROR] == []


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        (SMALL + QUANTIZED, "no-data", ("quantization",)),
        (SMALL + GATE, "no-data", ("gates", 0)),
        (SMALL + DATA.replace('"x"', '"z"'), "unknown-input", ("data", "input")),
        (
            SMALL + '[inputs.z]\nshape = ["batch"]\n' + DATA,
            "several-data-inputs",
            ("data", "input"),
        ),
        (SMALL + DATA + TOKENIZER + SECOND, "several-data-inputs", ("data", "input")),
        (SMALL + DATA + TOKENIZER + 'token-types = "q"\n', "unknown-input", ("data", "token-types")),
        (SMALL + DATA + TOKENIZER + 'token-types = "x"\n', "wrong-value", ("data", "token-types")),
        (SMALL + DATA.replace('input = "x"\n', "") + TOKENIZER, "missing-key", ("data",)),
        (SMALL + DATA + TOKENIZER + "sample-rate = 16000\n", "idle-key", ("data", "sample-rate")),
        (SMALL + DATA + 'field = "talk"\n', "idle-key", ("data", "field")),
        (SMALL + DATA + 'token-types = "x"\n', "idle-key", ("data", "token-types")),
        (SMALL + DATA + f'tokenizer-sha256 = "{"0" * 64}"\n', "idle-key", ("data", "tokenizer-sha256")),
        (SMALL + "[data]\n", "missing-key", ("data",)),
        (SMALL + FUNCTION + 'source = "samples/*.npy"\n', "idle-key", ("data", "function")),
        (SMALL + FUNCTION + TOKENIZER, "idle-key", ("data", "tokenizer")),
        (SMALL + FUNCTION + 'field = "talk"\n', "idle-key", ("data", "field")),
        (SMALL + FUNCTION + "sample-rate = 16000\n", "idle-key", ("data", "sample-rate")),
        (SMALL + FUNCTION + f'sha256 = "{"0" * 64}"\n', "idle-key", ("data", "sha256")),
        (SMALL + FUNCTION.replace("samples:clips", "samples.py"), "wrong-value", ("data", "function")),
        (SMALL + FUNCTION.replace("samples:clips", ":clips"), "wrong-value", ("data", "function")),
        (SMALL + FUNCTION.replace("samples:clips", "../samples:clips"), "wrong-value", ("data", "function")),
        (SMALL + FUNCTION.replace("samples:clips", "samples:clips()"), "wrong-value", ("data", "function")),
        (SMALL + FUNCTION.replace("samples:clips", "random:clips"), "wrong-value", ("data", "function")),
        (SMALL + OWN + "min = 1\n", "no-data", ("gates", 0)),
        (SMALL + DATA + OWN, "empty-gate", ("gates", 0)),
        (SMALL + DATA + OWN.replace("static", "quantized") + "min = 1\n", "empty-gate", ("gates", 0, "of")),
        (SMALL + DATA + OWN.replace("static", "batched") + "min = 1\n", "empty-gate", ("gates", 0, "of")),
        (SMALL + DATA + OWN.replace("pkg.metrics:", "pkg..") + "min = 1\n", "wrong-value", ("gates", 0, "function")),
        (
            SMALL + DATA + OWN.replace('function = "pkg.metrics:wer"\n', "") + "min = 1\n",
            "missing-key",
            ("gates", 0),
        ),
        (SMALL + DATA + GATE.replace('"original"', '"static"'), "empty-gate", ("gates", 0, "against")),
        (SMALL + DATA + GATE.replace('of = "static"', 'of = "quantized"'), "empty-gate", ("gates", 0, "of")),
        (SMALL + DATA + TASK.replace("static", "quantized") + "min = 0.9\n", "empty-gate", ("gates", 0, "of")),
        (SMALL + DATA + TASK.replace("static", "batched") + "min = 0.9\n", "empty-gate", ("gates", 0, "of")),
        (SMALL + DATA + GATE.replace('of = "static"', 'of = "batched"'), "empty-gate", ("gates", 0, "of")),
        (SMALL + DATA + GATE.replace('"original"', '"quantized"'), "empty-gate", ("gates", 0, "against")),
        (
            SMALL + DATA + GATE.replace('"original"', '"quantized"') + QUANTIZED,
            "wrong-value",
            ("gates", 0, "against"),
        ),
        (gate(""), "empty-gate", ("gates", 0)),
        (SMALL + DATA + BUDGET.replace("max = 12\n", ""), "empty-gate", ("gates", 0)),
        (gate("min = 0.6\nmax = 0.5"), "wrong-value", ("gates", 0, "min")),
        (gate("min = -0.1"), "wrong-value", ("gates", 0, "min")),
        (gate("max = 1.1"), "wrong-value", ("gates", 0, "max")),
        (gate("min = -1.5", "cosine"), "wrong-value", ("gates", 0, "min")),
        (gate("max = -1", "max-abs-difference"), "wrong-value", ("gates", 0, "max")),
        (gate("min = 0"), "empty-gate", ("gates", 0, "min")),
        (gate("min = 0\nmax = 0.5"), "empty-gate", ("gates", 0, "min")),
        (gate("max = 0.9999"), "empty-gate", ("gates", 0)),
        (gate("min = -1.0", "cosine"), "empty-gate", ("gates", 0, "min")),
        (gate("max = 200.0", "sqnr"), "empty-gate", ("gates", 0)),
        (gate("min = 0.0001", "max-abs-difference"), "empty-gate", ("gates", 0)),
        (SMALL + DATA + TASK + "min = 0.0\n", "empty-gate", ("gates", 0, "min")),
        (SMALL + DATA + TASK + RELATIVE + "min = -1\n", "empty-gate", ("gates", 0, "min")),
        (SMALL + DATA + TASK + RELATIVE + "max = 0.01\n", "empty-gate", ("gates", 0)),
        (
            SMALL + DATA + TASK.replace("accuracy", "word-error-rate") + "min = 0.1\n" + TEXT,
            "empty-gate",
            ("gates", 0),
        ),
        (
            SMALL + DATA + TASK.replace("accuracy", "word-error-rate") + RELATIVE + "min = 0\n" + TEXT,
            "empty-gate",
            ("gates", 0),
        ),
        (SMALL + DATA + BUDGET.replace("max", "min"), "empty-gate", ("gates", 0)),
        (SMALL + DATA + BUDGET.replace("size-mib", "throughput"), "empty-gate", ("gates", 0)),
        (gate("min = 98", "top-1-agreement"), "wrong-value", ("gates", 0, "min")),
        (SMALL + DATA + TASK + "min = 95\n", "wrong-value", ("gates", 0, "min")),
        (
            SMALL + DATA + TASK.replace("accuracy", "character-error-rate") + "max = -0.1\n" + TEXT,
            "wrong-value",
            ("gates", 0, "max"),
        ),
        (SMALL + DATA + TASK + RELATIVE + "min = -1.5\n", "wrong-value", ("gates", 0, "min")),
        (SMALL + DATA + "[quantization]\nsamples = 300\n", "idle-quantization", ("quantization", "samples")),
        (recipe("none", 'preset = "mixed"'), "idle-quantization", ("quantization", "preset")),
        (recipe("none", 'keep = { types = ["MVN"] }'), "idle-quantization", ("quantization", "keep")),
        (recipe("weights", "samples = 500"), "idle-quantization", ("quantization", "samples")),
        (recipe("weights", 'model-type = "transformer"'), "idle-quantization", ("quantization", "model-type")),
        (recipe("int8", "group-size = 64"), "idle-quantization", ("quantization", "group-size")),
        (recipe("int8", 'keep = { patterns = ["/Conv.*", ""] }'), "wrong-value", (*KEEP, "patterns", 1)),
        (recipe("int8", 'keep = { names = [""] }'), "wrong-value", (*KEEP, "names", 0)),
        (recipe("int8", 'keep = { types = [""] }'), "wrong-value", (*KEEP, "types", 0)),
        (
            recipe("int8", 'keep = { subgraphs = [{ inputs = ["x"], outputs = [""] }] }'),
            "wrong-value",
            (*KEEP, "subgraphs", 0, "outputs", 0),
        ),
        (recipe("accuracy-control", "max-drop = -1.0"), "wrong-value", ("quantization", "max-drop")),
        (recipe("accuracy-control", "max-drop = nan"), "wrong-value", ("quantization", "max-drop")),
        (
            recipe("accuracy-control", "max-drop = 50.0", 'drop-type = "relative"'),
            "wrong-value",
            ("quantization", "max-drop"),
        ),
        (recipe("mixed", "max-drop = 0.1"), "idle-quantization", ("quantization", "max-drop")),
        (recipe("int8", 'drop-type = "absolute"'), "idle-quantization", ("quantization", "drop-type")),
        (
            recipe("accuracy-control", 'weights-mode = "int8-sym"'),
            "idle-quantization",
            ("quantization", "weights-mode"),
        ),
        (recipe("int8", "smooth-quant-alpha = 0.5"), "idle-quantization", ("quantization", "smooth-quant-alpha")),
    ],
)
def test_what_breaks_one_rule_is_one_error_at_its_place(text: str, code: str, path: Path) -> None:
    assert places(text) == [(code, path)]
    assert faults_of(text)[0].severity is Severity.ERROR


def test_missing_samples_are_one_fault_with_a_label_for_each_that_needs_them() -> None:
    [fault] = faults_of(SMALL + QUANTIZED + GATE + GATE)
    assert [label.path for label in fault.labels] == [("quantization",), ("gates", 0), ("gates", 1)]


@pytest.mark.parametrize("mode", ["int8", "mixed", "accuracy-control"])
def test_few_samples_are_a_warning(mode: str) -> None:
    [fault] = faults_of(recipe(mode, "samples = 99"))
    assert (fault.code, fault.severity) == ("small-calibration", Severity.WARNING)
    assert fault.labels[0].path == ("quantization", "samples")


def test_every_key_that_the_mode_has_no_use_for_is_a_fault() -> None:
    found = places(recipe("weights", 'preset = "mixed"', "fast-bias-correction = true", "samples = 5"))
    assert found == [
        ("idle-quantization", ("quantization", key)) for key in ("fast-bias-correction", "preset", "samples")
    ]


def test_weights_alone_need_no_samples() -> None:
    assert faults_of(SMALL + '[quantization]\nmode = "weights"\n') == []


def test_patterns_are_read_up_to_a_length_since_a_wicked_one_takes_long_to_read() -> None:
    text = SMALL + DATA + QUANTIZED + '[quantization.keep]\npatterns = ["(?i)' + "[A-\uffff]" * 100 + '", "{}"]\n'
    assert places(text.format("a" * 3000)) == []
    assert places(text.format("a" * 4000)) == [("wrong-value", ("quantization", "keep", "patterns"))]


def test_a_pattern_that_is_no_regular_expression_is_a_fault() -> None:
    text = SMALL + DATA + QUANTIZED + '[quantization.keep]\npatterns = ["/Conv.*", "("]\n'
    assert places(text) == [("wrong-value", ("quantization", "keep", "patterns", 1))]


def test_what_feeds_an_input_that_is_left_is_said() -> None:
    [array] = faults_of(SMALL + DATA + SECOND)
    assert array.message.endswith("nothing feeds `z`")
    assert ".npz" in array.help
    [text] = faults_of(SMALL + DATA + TOKENIZER + SECOND)
    assert text.help.startswith('token-types = "z"')


@pytest.mark.parametrize("text", [SMALL + FUNCTION + TOKENIZER, SMALL + FUNCTION + 'field = "talk"\n'])
def test_a_key_of_files_beside_a_function_says_what_it_belongs_to(text: str) -> None:
    [fault] = faults_of(text)
    assert "does nothing with a `function`" in fault.message
    assert "arrays" in fault.help


def test_what_is_no_function_s_name_is_told_how_one_is_written() -> None:
    [fault] = faults_of(SMALL + FUNCTION.replace("samples:clips", "samples.py"))
    assert fault.message == "`data.function` can't be this: it isn't `module:function`"
    assert '"metrics:wer" is `wer` in metrics.py' in fault.help


def test_a_gate_s_misspelt_key_is_put_right() -> None:
    [fault] = faults_of(SMALL + DATA + OWN.replace("function = ", "funtion = ") + "min = 1\n")
    assert (fault.code, fault.help) == ("unknown-key", "did you mean `function`?")
