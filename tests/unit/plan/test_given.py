"""[data] of a spec whose samples the caller gives."""

import pytest

from builders import DATA, GATE, SMALL
from npuspec.plan.model import Setting
from npuspec.plan.passes.given import for_one_input, origin_of, with_given
from npuspec.plan.passes.trace import CALLER, CALLER_INSTEAD, OVERRIDES, trace_settings
from npuspec.spec import Document, Spec, parse, validate

TEXT = 'sample-rate = 16000\ntokenizer = "t.json"\ntoken-types = "z"\nfield = "talk"\n'
SECOND = '[inputs.z]\nshape = ["batch", "time"]\n'


def document_of(text: str) -> Document:
    document, faults = parse(text, name="spec.toml")
    assert not faults
    return document


def given(text: str) -> Spec:
    spec, faults = validate(with_given(document_of(text)))
    assert spec is not None, faults
    return for_one_input(spec)


def settings(text: str) -> dict[str, Setting]:
    found = trace_settings(given(text), None, origin_of(document_of(text)))
    return {s.path: s for s in found if s.path.startswith("data.")}


@pytest.mark.parametrize("text", [SMALL + GATE, SMALL + DATA + GATE, SMALL + DATA + TEXT + GATE])
def test_samples_that_are_given_are_for_the_one_input_whatever_the_spec_says_of_its_own(text: str) -> None:
    spec = given(text)
    assert spec.data is not None
    stated = spec.data.model_dump(exclude_none=True)
    assert stated == {"source": "data given to apply", "input": "x"}


def test_samples_of_several_inputs_name_them() -> None:
    spec = given(SMALL + SECOND)
    assert spec.data is not None
    assert spec.data.input is None


def test_labels_stay() -> None:
    spec = given(SMALL + DATA + 'labels = "labels.txt"\n')
    assert spec.data is not None
    assert spec.data.labels == "labels.txt"


@pytest.mark.parametrize("data", ['data = "clips"\n', "data = []\n", 'data = { source = 3, labels = "l.txt" }\n'])
def test_what_is_wrong_in_data_is_replaced_with_it(data: str) -> None:
    assert given(data + SMALL).data is not None


def test_the_text_of_the_spec_stays_for_faults() -> None:
    document = document_of(SMALL + DATA)
    changed = with_given(document)
    assert (changed.text, changed.spans) == (document.text, document.spans)
    assert document.values["data"] == {"source": "samples/*.npy", "input": "x"}


def test_who_says_it_is_written_down() -> None:
    found = settings(SMALL)
    assert {path: s.origin for path, s in found.items()} == {"data.source": CALLER, "data.input": CALLER}
    found = settings(SMALL + DATA + 'labels = "labels.txt"\n')
    assert {path: s.origin for path, s in found.items()} == {
        "data.source": CALLER_INSTEAD,
        "data.input": CALLER_INSTEAD,
        "data.labels": "spec",
    }
    assert CALLER_INSTEAD in OVERRIDES
    assert CALLER not in OVERRIDES
