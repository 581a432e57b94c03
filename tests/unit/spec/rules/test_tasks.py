"""Gates on a task have labels, and an output that is read as they need it."""

import pytest

from builders import DATA, SMALL, faults_of, places
from npuspec.diagnostics import Path, Severity

LABELLED = SMALL + DATA + 'labels = "labels.txt"\n'
SHA = "0" * 64


def gate(metric: str, limit: str = "") -> str:
    limit = limit or ("max = 0.5" if metric.endswith("rate") else "min = 0.5")
    return f'\n[[gates]]\nmetric = "{metric}"\noutput = "y"\nof = "static"\n{limit}\n'


def decode(keys: str) -> str:
    return f"\n[outputs.y]\ndecode = {{ {keys} }}\n"


CLASS = decode('kind = "class", vocabulary = "v.txt"')
CTC = decode('kind = "ctc", vocabulary = "v.txt"')


@pytest.mark.parametrize(
    "text",
    [
        LABELLED,
        LABELLED + f'labels-sha256 = "{SHA}"\n',
        SMALL + CTC,
        LABELLED + gate("accuracy"),
        LABELLED + gate("accuracy") + CLASS,
        LABELLED + gate("accuracy") + decode('kind = "class"'),
        LABELLED + gate("word-error-rate") + gate("character-error-rate") + CTC,
        SMALL + decode(f'kind = "ctc", vocabulary = "v.txt", vocabulary-sha256 = "{SHA}", blank = 4, separator = " "'),
    ],
)
def test_what_keeps_every_rule_has_no_faults(text: str) -> None:
    assert faults_of(text) == []


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        (SMALL + DATA + gate("accuracy"), "missing-key", ("data",)),
        (SMALL + DATA + f'labels-sha256 = "{SHA}"\n', "idle-key", ("data", "labels-sha256")),
        (LABELLED + gate("word-error-rate"), "missing-key", ("gates", 0, "output")),
        (LABELLED + gate("character-error-rate") + CLASS, "wrong-value", ("gates", 0, "metric")),
        (LABELLED + gate("accuracy") + CTC, "wrong-value", ("gates", 0, "metric")),
        (SMALL + decode('kind = "ctc"'), "missing-key", ("outputs", "y", "decode")),
        (SMALL + decode('kind = "class", blank = 0'), "idle-key", ("outputs", "y", "decode", "blank")),
        (SMALL + decode('kind = "class", separator = ""'), "idle-key", ("outputs", "y", "decode", "separator")),
        (
            SMALL + decode(f'kind = "class", vocabulary-sha256 = "{SHA}"'),
            "idle-key",
            ("outputs", "y", "decode", "vocabulary-sha256"),
        ),
        (
            SMALL + decode('kind = "ctc", vocabulary = "v.txt", separator = "123456789"'),
            "wrong-value",
            ("outputs", "y", "decode", "separator"),
        ),
        (SMALL + decode('kind = "beam"'), "wrong-value", ("outputs", "y", "decode", "kind")),
        (
            SMALL + decode('kind = "class", vocabulary = "v.txt", vocabulary-sha256 = "F"'),
            "wrong-value",
            ("outputs", "y", "decode", "vocabulary-sha256"),
        ),
    ],
)
def test_what_breaks_one_rule_is_one_error_at_its_place(text: str, code: str, path: Path) -> None:
    assert places(text) == [(code, path)]
    assert faults_of(text)[0].severity is Severity.ERROR


def test_missing_labels_are_one_fault_with_a_label_for_each_gate_that_needs_them() -> None:
    [fault] = faults_of(SMALL + DATA + gate("accuracy") + gate("accuracy", "min = 0.1"))
    assert [label.path for label in fault.labels] == [("data",), ("gates", 0), ("gates", 1)]


def test_every_pin_that_is_none_is_said_to_be_none() -> None:
    [fault] = faults_of(LABELLED + 'labels-sha256 = "abc"\n')
    assert fault.message == "`data.labels-sha256` isn't a SHA-256"


def test_what_is_missing_for_a_text_is_written_out() -> None:
    [fault] = faults_of(LABELLED + gate("word-error-rate").replace('"y"', '"a.b"'))
    assert fault.help == '[outputs."a.b"] decode = { kind = "ctc", vocabulary = "characters.txt" }'
