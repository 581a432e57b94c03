"""What the model and the samples themselves make doubtful."""

import pytest

from builders import DATA, SMALL, signature_of, spec_of
from npuspec.diagnostics import Diagnostic, Severity
from npuspec.plan.model import PlannedSource, Samples
from npuspec.plan.passes.doubt import MODEL_DOUBTS, SAMPLE_DOUBTS, doubt_model, doubt_samples

RECIPE = SMALL + DATA + '[quantization]\nmode = "{}"\n'


def doubts(text: str, *, attention: bool) -> list[Diagnostic]:
    return doubt_model(spec_of(text), signature_of(attention=attention))


@pytest.mark.parametrize("mode", ["int8", "mixed", "accuracy-control"])
def test_attention_without_its_model_type_is_warned_of(mode: str) -> None:
    [fault] = doubts(RECIPE.format(mode), attention=True)
    assert (fault.code, fault.severity) == ("missing-model-type", Severity.WARNING)
    assert fault.labels[0].path == ("quantization",)
    assert fault.code in MODEL_DOUBTS


@pytest.mark.parametrize(
    ("text", "attention"),
    [
        (RECIPE.format("int8"), False),
        (RECIPE.format("int8") + 'model-type = "transformer"\n', True),
        (RECIPE.format("weights"), True),
        (SMALL, True),
    ],
)
def test_there_is_no_doubt_without_attention_or_without_quantized_activations(text: str, attention: bool) -> None:
    assert doubts(text, attention=attention) == []


def samples(calibration: str, validation: str) -> Samples:
    return Samples(
        source=PlannedSource(source="*.npy", digest="", files=()),
        input="x",
        sample_rate=None,
        tokenizer=None,
        token_types=None,
        field=None,
        repeated=0,
        calibration=tuple(calibration),
        validation=tuple(validation),
    )


@pytest.mark.parametrize("noisy", ["", "a", "ab"])
def test_fewer_than_half_are_let_pass(noisy: str) -> None:
    assert doubt_samples(samples("abc", "de"), dict.fromkeys(noisy, "normal noise")) == []


@pytest.mark.parametrize("noisy", ["abc", "abcde", "ade"])
def test_half_of_the_samples_are_enough_wherever_they_are_used(noisy: str) -> None:
    [fault] = doubt_samples(samples("abc", "de"), dict.fromkeys(noisy, "normal noise"))
    assert (fault.code, fault.severity) == ("random-calibration", Severity.WARNING)
    assert fault.labels[0].path == ("data", "source")
    assert fault.message == f"{len(noisy)} of 5 samples look like normal noise"
    assert fault.code in SAMPLE_DOUBTS


def test_what_they_look_like_is_said_once_each_in_order() -> None:
    [fault] = doubt_samples(samples("ab", "cd"), {"d": "uniform noise", "a": "a constant", "b": "uniform noise"})
    assert fault.message == "3 of 4 samples look like a constant and uniform noise"


def test_files_that_are_no_samples_do_not_count() -> None:
    assert doubt_samples(samples("ab", "cd"), dict.fromkeys("vwxyz", "a constant")) == []
    assert doubt_samples(samples("", ""), {}) == []
