"""The text of a first spec: what is in it, and that `check` passes it whatever the model takes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from builders import port
from npuspec.diagnostics import Severity, SpecError
from npuspec.facts import FrontEnd, Port, Signature
from npuspec.plan.draft import draft_spec
from npuspec.plan.passes.bind import DATA_DTYPES, check_ports
from npuspec.spec import Spec, parse, validate

IDS = port("input_ids", None, None, dtype="int64")
MASK = port("attention_mask", None, None, dtype="int64")
TYPES = port("token_type_ids", None, None, dtype="int64")
LOGITS = port("logits", None, None, 40)


def signature(*inputs: Port, outputs: tuple[Port, ...] = (LOGITS,), attention: bool = False) -> Signature:
    return Signature(inputs=inputs, outputs=outputs, operations=(), types=(), attention=attention)


def draft(*inputs: Port, outputs: tuple[Port, ...] = (LOGITS,), attention: bool = False) -> str:
    found = signature(*inputs, outputs=outputs, attention=attention)
    return draft_spec(found, source="model.onnx", sha256=None)


def checked(text: str, found: Signature) -> Spec:
    """Hold a text against the language and the model, as `check` does, and return the spec."""
    document, faults = parse(text)
    assert faults == []
    spec, faults = validate(document)
    assert spec is not None, faults
    errors = [fault for fault in check_ports(spec, found) if fault.severity is Severity.ERROR]
    assert errors == []
    return spec


def uncommented(text: str) -> str:
    """Take the # away wherever the head of the draft says that one may."""
    return re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE)


MODELS = {
    "speech": (port("waveform", None, None), port("waveform_lengths", None, dtype="int64")),
    "text": (IDS, MASK),
    "text with types": (IDS, MASK, TYPES),
    "translation": (IDS, MASK, port("decoder_input_ids", None, None, dtype="int64")),
    "image, NCHW": (port("x", None, 3, None, None),),
    "image, NHWC": (port("input_0", None, 224, 224, 3),),
    "video": (port("clip", None, 3, None, None, None),),
    "bytes": (port("bytes", None, 2048, dtype="int32"),),
    "no dynamic size": (port("x", 1, 8),),
    "a fixed batch": (port("x", 8, None), port("scale", 8, 2)),
    "ambiguous": (port("x", None, None, None), port("mask", None, None)),
    "a name in quotes": (port("onnx::Pad 1", None, None),),
    "a name of a stranger": (port('a"]\n[target]\x1b[31m\x7f\u2028', None, None),),
    "no name": (port("", None, None),),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_draft_passes_check(name: str) -> None:
    checked(draft(*MODELS[name]), signature(*MODELS[name]))


@pytest.mark.parametrize("name", MODELS)
def test_a_draft_with_all_that_is_optional_passes_check(name: str) -> None:
    text = uncommented(draft(*MODELS[name], attention=True))
    assert not re.search(r"^#\S", text, re.MULTILINE)
    spec = checked(text, signature(*MODELS[name]))
    assert spec.target.fallback == ("CPU",)
    assert spec.properties.device.keys() == {"performance-hint"}


def test_what_needs_samples_can_be_uncommented() -> None:
    found = signature(*MODELS["speech"], attention=True)
    spec = checked(uncommented(draft(*found.inputs, attention=True)), found)
    assert spec.data is not None
    assert (spec.data.input, spec.data.sample_rate) == ("waveform", 16000)
    assert (spec.quantization.mode, spec.quantization.model_type) == ("int8", "transformer")
    assert [(gate.metric, gate.of) for gate in spec.gates] == [  # type: ignore[union-attr]
        ("frame-agreement", "static"),
        ("frame-agreement", "quantized"),
    ]


def test_a_spectrum_stays_floating_point() -> None:
    front_end = FrontEnd(inputs=("waveform",), outputs=("/Log",), operations={"/Conv": "Convolution"})
    found = structs.replace(signature(*MODELS["speech"]), front_end=front_end)
    text = draft_spec(found, source="model.onnx", sha256=None)
    [kept] = checked(uncommented(text), found).quantization.keep.subgraphs
    assert (kept.inputs, kept.outputs) == (("waveform",), ("/Log",))
    assert "keep.subgraphs" not in draft(*MODELS["speech"])


def test_a_model_without_attention_is_no_transformer() -> None:
    assert "model-type" not in draft(*MODELS["image, NCHW"])


def test_several_inputs_of_the_caller_have_no_samples_and_are_told_why() -> None:
    text = draft(*MODELS["text with types"])
    assert "[quantization]" not in re.sub(r"^# .*$", "", text, flags=re.MULTILINE)
    assert "# gives: `input_ids` and `token_type_ids`." in text


def test_no_gate_is_drafted_where_any_two_outputs_agree() -> None:
    outputs = (port("score", None, 1), port("n", None), port("ids", None, None, dtype="int64"))
    assert "[[gates]]" not in draft(IDS, outputs=outputs)
    assert '#output = "logits"' in draft(IDS, outputs=(*outputs, LOGITS))


def test_the_source_and_the_pin_are_those_that_are_given() -> None:
    found = signature(IDS)
    text = draft_spec(found, source="models/a b.onnx", sha256="0" * 64)
    spec = checked(text, found)
    assert (spec.model.source, spec.model.sha256) == ("models/a b.onnx", "0" * 64)
    assert "sha256" not in draft(IDS)


def test_a_fixed_batch_is_stated() -> None:
    spec = checked(draft(*MODELS["a fixed batch"]), signature(*MODELS["a fixed batch"]))
    assert spec.batching.size == 8


def test_fixed_sizes_stay_numbers() -> None:
    text = draft(*MODELS["image, NHWC"])
    assert 'shape = ["batch", 224, 224, 3]' in text
    assert '#layout = "NHWC"' in text
    assert "[dims" not in text


def test_a_dimension_says_who_shares_it() -> None:
    text = draft(*MODELS["text with types"])
    assert "`input_ids` and `token_type_ids` have the same size in it" in text.replace("\n# ", " ")
    assert text.count("[dims.") == 1


def test_nothing_of_a_stranger_s_name_is_printed_raw() -> None:
    name = MODELS["a name of a stranger"][0].name
    text = draft(*MODELS["a name of a stranger"], outputs=(port(name, None, 8),))
    assert all(c.isprintable() or c == "\n" for c in text)
    assert [*checked(text, signature(*MODELS["a name of a stranger"])).inputs] == [name]


def test_turbo_is_not_set() -> None:
    assert "turbo = true" not in re.sub(r"^# .*$", "", draft(IDS), flags=re.MULTILINE)


def test_of_many_outputs_a_few_are_listed() -> None:
    text = draft(IDS, outputs=tuple(port(f"o{n}", None, 8) for n in range(30)))
    assert "o7 [?, 8] float32, and 22 more" in text
    assert "o8" not in text


WORDS = ("input", "ids", "attention", "mask", "padding", "lengths", "audio", "image", "decoder", "type", "x", "é\n")
NAMES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map("_".join) | st.text(max_size=8)
OPEN = st.lists(st.none() | st.sampled_from([1, 3, 80]), max_size=4).map(lambda sizes: [None, *sizes])
ODD = st.lists(st.none() | st.sampled_from([1, 2, 4, 224]) | st.integers(0, 2**33), max_size=7)
PORTS = st.builds(
    lambda name, shape, dtype: Port(name=name, shape=tuple(shape), dtype=dtype),
    NAMES,
    st.just([None, None]) | OPEN,
    st.sampled_from(DATA_DTYPES) | st.sampled_from(["int64", "float32"]),
)
ODD_PORTS = st.builds(
    lambda name, shape, dtype: Port(name=name, shape=tuple(shape), dtype=dtype),
    NAMES,
    ODD,
    st.sampled_from([*DATA_DTYPES, "string"]),
)


def text_or_code(found: Signature) -> str:
    try:
        return draft_spec(found, source="model.onnx", sha256=None)
    except SpecError as error:
        return error.code


@settings(max_examples=400, deadline=None)
@given(
    inputs=st.lists(PORTS, max_size=4, unique_by=lambda port: port.name)
    | st.lists(PORTS | ODD_PORTS, max_size=3, unique_by=lambda port: port.name),
    outputs=st.lists(PORTS | ODD_PORTS, max_size=3),
    attention=st.booleans(),
)
def test_whatever_a_model_takes_its_draft_passes_check_or_it_is_unfit(
    inputs: list[Port], outputs: list[Port], attention: bool
) -> None:
    found = signature(*inputs, outputs=tuple(outputs), attention=attention)
    text = text_or_code(found)
    assert text == text_or_code(found)
    if text == "unfit-model":
        return
    checked(text, found)
    document, faults = parse(uncommented(text))
    assert faults == []
    assert validate(document)[0] is not None
