"""What the model and the samples themselves make doubtful."""

import pytest
from msgspec import structs

from builders import DATA, GATE, SMALL, signature_of, spec_of
from npuspec.diagnostics import Diagnostic, Severity
from npuspec.diagnostics.codes import CODES
from npuspec.facts import Content, FrontEnd
from npuspec.plan.model import PlannedSource, Samples
from npuspec.plan.passes.doubt import MODEL_DOUBTS, SAMPLE_DOUBTS, TRAPS, caught, doubt_model, doubt_samples

RECIPE = SMALL + DATA + '[quantization]\nmode = "{}"\n'
SEARCHED = RECIPE.format("mixed") + GATE.replace('of = "static"', 'of = "quantized"')
CONTROLLED = RECIPE.format("accuracy-control") + GATE.replace('of = "static"', 'of = "quantized"')


def doubts(text: str, *, attention: bool) -> list[Diagnostic]:
    return doubt_model(spec_of(text), signature_of(attention=attention))


@pytest.mark.parametrize("text", [RECIPE.format("int8"), SEARCHED, CONTROLLED])
def test_attention_without_its_model_type_is_warned_of(text: str) -> None:
    [fault] = doubts(text, attention=True)
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


SPECTRUM = FrontEnd(
    inputs=("waveform",),
    outputs=("/Log",),
    operations={"/Add": "Add", "/Conv": "Convolution", "/Conv_1": "Convolution", "/MatMul": "MatMul"},
)
NAMES = 'keep = { names = ["/Add", "/Conv", "/Conv_1", "/MatMul"] }\n'


def of_spectrum(text: str, *matched: str) -> list[Diagnostic]:
    return doubt_model(spec_of(text), signature_of(front_end=SPECTRUM), matched)


@pytest.mark.parametrize("text", [RECIPE.format("int8"), CONTROLLED])
def test_a_spectrum_that_would_be_quantized_is_warned_of_with_the_part_to_keep(text: str) -> None:
    [fault] = of_spectrum(text)
    assert (fault.code, fault.severity) == ("spectral-front-end", Severity.WARNING)
    assert fault.labels[0].path == ("quantization",)
    assert "`/Add`, `/Conv`, `/Conv_1`, `/MatMul` of it would be quantized" in fault.message
    assert fault.help.endswith('in [quantization.keep], subgraphs = [{ inputs = ["waveform"], outputs = ["/Log"] }]')
    assert fault.code in MODEL_DOUBTS


@pytest.mark.parametrize(
    ("keep", "matched", "lost"),
    [
        ('keep = { names = ["/Add", "/Conv"] }\n', ("/MatMul",), "`/Conv_1`"),
        ('keep = { types = ["Convolution"] }\n', (), "`/Add`, `/MatMul`"),
    ],
)
def test_what_is_left_out_of_a_spectrum_is_named(keep: str, matched: tuple[str, ...], lost: str) -> None:
    [fault] = of_spectrum(RECIPE.format("int8") + keep, *matched)
    assert f"and {lost} of it would be quantized" in fault.message
    assert fault.labels[0].path == ("quantization", "keep")


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        (RECIPE.format("int8") + NAMES, ()),
        (RECIPE.format("int8") + 'keep = { types = ["Add", "MatMul", "Convolution"] }\n', ()),
        (RECIPE.format("int8") + 'keep = { types = ["Add"] }\n', ("/Conv", "/Conv_1", "/MatMul")),
        (RECIPE.format("weights"), ()),
        (SEARCHED, ()),
        (SMALL, ()),
    ],
)
def test_there_is_no_doubt_of_a_spectrum_that_is_kept_or_searched_for(text: str, matched: tuple[str, ...]) -> None:
    assert of_spectrum(text, *matched) == []


def warning(code: str) -> Diagnostic:
    return Diagnostic(code, "it is so", "change it", severity=Severity.WARNING).at(("quantization",))


def test_a_trap_is_an_error_that_may_be_allowed() -> None:
    spec = spec_of(RECIPE.format("int8"))
    others = [warning("small-calibration"), Diagnostic("missing-model-type", "it is so")]
    [fault] = caught(spec, [*others, warning("spectral-front-end")])
    assert (fault.code, fault.severity) == ("spectral-front-end", Severity.ERROR)
    assert fault.help == "change it; or allow it with a reason: [[allow]]"
    assert fault.labels[0].path == ("quantization",)


BUDGET = '[[gates]]\nmetric = "size-mib"\nmax = 5\n'


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (RECIPE.format("int8"), 1),
        (SMALL + DATA + GATE, 1),
        (SMALL + DATA, 0),
        (SMALL + DATA + BUDGET, 0),
        (RECIPE.format("weights"), 0),
    ],
)
def test_samples_that_are_not_real_are_a_trap_where_they_calibrate_or_decide(text: str, count: int) -> None:
    assert len(caught(spec_of(text), [warning("random-calibration")])) == count


def test_every_trap_can_be_allowed() -> None:
    assert {CODES[code].severity for code in TRAPS} == {Severity.WARNING}


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


def noise(paths: str, kind: str = "normal noise") -> Content:
    return Content(noise=dict.fromkeys(paths, kind))


@pytest.mark.parametrize("noisy", ["", "a", "ab"])
def test_fewer_than_half_are_let_pass(noisy: str) -> None:
    assert doubt_samples(samples("abc", "de"), noise(noisy)) == []


@pytest.mark.parametrize("noisy", ["abc", "abcde", "ade"])
def test_half_of_the_samples_are_enough_wherever_they_are_used(noisy: str) -> None:
    [fault] = doubt_samples(samples("abc", "de"), noise(noisy))
    assert (fault.code, fault.severity) == ("random-calibration", Severity.WARNING)
    assert fault.labels[0].path == ("data", "source")
    assert fault.message == f"{len(noisy)} of 5 samples look like normal noise"
    assert fault.code in SAMPLE_DOUBTS


def test_what_they_look_like_is_said_once_each_in_order() -> None:
    found = Content(noise={"d": "uniform noise", "a": "normal noise", "b": "uniform noise"})
    [fault] = doubt_samples(samples("ab", "cd"), found)
    assert fault.message == "3 of 4 samples look like normal noise and uniform noise"


@pytest.mark.parametrize("names", ["c", "d", "da"])
def test_one_constant_sample_is_enough_and_each_is_named(names: str) -> None:
    [fault] = doubt_samples(samples("abc", "de"), Content(constant=tuple(names)))
    assert (fault.code, fault.severity) == ("constant-samples", Severity.WARNING)
    assert fault.labels[0].path == ("data", "source")
    listed = ", ".join(f"`{name}`" for name in sorted(names))
    assert fault.message == f"{len(names)} of 5 samples are one value over and over: {listed}"
    assert fault.code in SAMPLE_DOUBTS


def test_of_many_constant_samples_a_few_are_named() -> None:
    [fault] = doubt_samples(samples("abcdefgh", ""), Content(constant=tuple("abcdefg")))
    assert fault.message.endswith(": `a`, `b`, `c`, `d`, `e` and 2 more")


def test_noise_and_constants_are_told_apart() -> None:
    found = Content(noise={"a": "normal noise", "b": "normal noise"}, constant=("c",))
    assert [fault.code for fault in doubt_samples(samples("ab", "cd"), found)] == [
        "random-calibration",
        "constant-samples",
    ]


def test_files_that_are_no_samples_do_not_count() -> None:
    assert doubt_samples(samples("ab", "cd"), noise("vwxyz")) == []
    assert doubt_samples(samples("ab", "cd"), Content(constant=tuple("vwxyz"))) == []
    assert doubt_samples(samples("", ""), Content()) == []


@pytest.mark.parametrize("count", [100, 300, 499])
def test_few_pictures_that_calibrate_are_noted(count: int) -> None:
    some = structs.replace(samples("", "ab"), calibration=tuple(f"{n}.PNG" for n in range(count)))
    [fault] = doubt_samples(some, Content())
    assert (fault.code, fault.severity, fault.labels[0].path) == ("few-pictures", Severity.NOTE, ("quantization",))
    assert fault.message == f"{count} pictures calibrate, and 500 to 1000 are usual for images"


@pytest.mark.parametrize(("count", "suffix"), [(0, "jpg"), (99, "jpg"), (500, "jpg"), (300, "npy"), (300, "wav")])
def test_other_samples_enough_pictures_and_those_that_are_warned_of_are_not(count: int, suffix: str) -> None:
    calibration = tuple(f"{n}.{suffix}" for n in range(count))
    some = structs.replace(samples("", ""), calibration=calibration, validation=("a.jpg",))
    assert doubt_samples(some, Content()) == []
