"""What a model's inputs are taken for."""

import pytest

from builders import port
from npuspec.diagnostics import SpecError
from npuspec.facts import Port, Signature
from npuspec.plan.recognise import DraftInput, Recognised, recognise

CLASSES = port("y", None, 10)
IDS = port("input_ids", None, None, dtype="int64")
MASK = port("attention_mask", None, None, dtype="int64")
WAVE = port("waveform", None, None)


def look(*inputs: Port, outputs: tuple[Port, ...] = (CLASSES,)) -> Recognised:
    return recognise(Signature(inputs=inputs, outputs=outputs, operations=(), types=(), attention=False))


def first(*inputs: Port, outputs: tuple[Port, ...] = (CLASSES,)) -> DraftInput:
    return look(*inputs, outputs=outputs).inputs[0]


def last(*inputs: Port) -> DraftInput:
    return look(*inputs).inputs[-1]


@pytest.mark.parametrize(
    ("given", "means", "shape"),
    [
        (IDS, "token ids", ("batch", "tokens")),
        (port("inputIds", None, None, dtype="int32"), "token ids", ("batch", "tokens")),
        (port("token_type_ids", None, None, dtype="int64"), "token types", ("batch", "tokens")),
        (port("position_ids", 1, 64, dtype="int64"), "positions", ("batch", 64)),
        (port("decoder_input_ids", None, None, dtype="int64"), "token ids", ("batch", "decoder-tokens")),
        (WAVE, "waveform", ("batch", "time")),
        (port("input_values", None, None), "waveform", ("batch", "time")),
        (port("speech", None, 1, None), "waveform", ("batch", 1, "time")),
        (port("x", None, None, dtype="int16"), "waveform", ("batch", "time")),
        (port("audio_signal", None, 80, None), "frames", ("batch", 80, "frames")),
        (port("input_features", None, None, 80), "frames", ("batch", "frames", 80)),
        (port("mel", None, 1, 80, None), "frames", ("batch", 1, 80, "frames")),
        (port("encoder_hidden_states", None, None, 768), "data", ("batch", "encoder-sequence", 768)),
        (port("past_key", None, 8, None, 64), "state", ("batch", 8, "past", 64)),
        (port("x", None, None), "data", ("batch", "length")),
        (port("bytes", None, 2048, dtype="int32"), "data", ("batch", 2048)),
        (port("x", None, None, None), "several axes", ("batch", "axis-1", "axis-2")),
        (port("x", None), "data", ("batch",)),
    ],
)
def test_a_name_a_dtype_and_a_rank_say_what_an_input_is(given: Port, means: str, shape: tuple[str | int, ...]) -> None:
    found = first(given)
    assert means in found.means
    assert found.shape == shape


@pytest.mark.parametrize(
    ("shape", "layout", "named"),
    [
        ((None, 3, 224, 224), "NCHW", ("batch", 3, 224, 224)),
        ((None, 224, 224, 3), "NHWC", ("batch", 224, 224, 3)),
        ((1, 1, None, None), "NCHW", ("batch", 1, "height", "width")),
        ((None, None, None, 4), "NHWC", ("batch", "height", "width", 4)),
        ((None, 1, 28, 3), "NHWC", ("batch", 1, 28, 3)),
        ((None, None, 32, 64), "", ("batch", "sequence", 32, 64)),
        ((None, 3, 8, None, None), "NCDHW", ("batch", 3, 8, "height", "width")),
        ((None, None, 3, 64, 64), "NDCHW", ("batch", "frames", 3, 64, 64)),
        ((None, None, None, None, 3), "NDHWC", ("batch", "frames", "height", "width", 3)),
        ((None, 1, None, 64, 64), "NCDHW", ("batch", 1, "depth", 64, 64)),
    ],
)
def test_the_place_of_the_channels_is_the_layout(
    shape: tuple[int | None, ...], layout: str, named: tuple[str | int, ...]
) -> None:
    found = first(port("x", *shape))
    assert (found.layout, found.shape) == (layout, named)


def test_open_channels_are_a_guess_by_name_and_the_note_says_so() -> None:
    found = look(port("pixel_values", None, None, None, None))
    assert found.inputs[0].shape == ("batch", "channels", "height", "width")
    assert "guess" in found.inputs[0].note
    assert found.dims["channels"].size == 3


@pytest.mark.parametrize(
    ("given", "output", "height", "width"),
    [
        (port("x", None, 3, None, None), port("y", None, 10), ("fixed", 224), ("fixed", 224)),
        (port("images", None, 3, None, None), port("y", None, 10), ("fixed", 640), ("fixed", 640)),
        (port("x", None, 3, None, None), port("y", None, 1, None, None), ("fixed", 640), ("fixed", 640)),
        (port("x", None, 3, None, None), port("y", None, 84, None), ("fixed", 640), ("fixed", 640)),
        (port("x", None, 3, None, None), port("y", None, None, 6625), ("fixed", 48), ("pad", 640)),
        (port("x", None, 3, None, None), port("last_hidden_state", None, None, 768), ("fixed", 224), ("fixed", 224)),
    ],
)
def test_the_outputs_say_which_size_an_image_likely_has(
    given: Port, output: Port, height: tuple[str, int], width: tuple[str, int]
) -> None:
    dims = look(given, outputs=(output,)).dims
    assert (dims["height"].strategy, dims["height"].size) == height
    assert (dims["width"].strategy, dims["width"].size) == width


def test_one_side_that_the_model_fixes_is_the_size_of_the_other() -> None:
    assert look(port("x", None, 3, 256, None)).dims["width"].size == 256


def test_ids_mask_and_types_share_a_dimension() -> None:
    found = look(MASK, IDS, port("token_type_ids", None, None, dtype="int64"))
    assert [(i.role, i.of, i.shape) for i in found.inputs] == [
        ("mask", "input_ids", ()),
        ("data", "", ("batch", "tokens")),
        ("data", "", ("batch", "tokens")),
    ]
    assert [*found.dims] == ["tokens"]


def test_encoder_and_decoder_have_lengths_and_masks_of_their_own() -> None:
    found = look(
        IDS,
        MASK,
        port("decoder_input_ids", None, None, dtype="int64"),
        port("decoder_attention_mask", None, None, dtype="int64"),
    )
    assert [i.of for i in found.inputs if i.role == "mask"] == ["input_ids", "decoder_input_ids"]
    assert sorted(found.dims) == ["decoder-tokens", "tokens"]


@pytest.mark.parametrize(
    "given",
    [
        port("waveform_lengths", None, dtype="int64"),
        port("waveform_len", 1, dtype="int32"),
        port("xLens", None, 1, dtype="int64"),
    ],
)
def test_a_length_is_npuspec_s_to_fill(given: Port) -> None:
    found = last(WAVE, given)
    assert (found.role, found.of) == ("length", "waveform")


@pytest.mark.parametrize(
    "given",
    [
        port("max_length", 1, dtype="int64"),
        port("length", None),  # a float
        port("lengths", None, None, dtype="int64"),
        port("length_penalty", 1, dtype="int64"),
    ],
)
def test_what_is_only_called_like_a_length_is_given_by_the_caller(given: Port) -> None:
    assert last(WAVE, given).role == "data"


@pytest.mark.parametrize(
    ("data", "given", "why"),
    [
        (port("x", None, None, None), port("mask", None, None, dtype="bool"), "`x` has several padded dimensions"),
        (port("x", None, None, None), port("x_length", None, dtype="int64"), "`x` has several padded dimensions"),
        (port("input_ids", 1, 128, dtype="int64"), port("attention_mask", 1, 128, dtype="int64"), "one size only"),
        (IDS, port("attention_mask", None, 128, dtype="int64"), "one size only"),
        (port("x", None, 3, None, None), port("mask", None, None), "one size only"),
        (WAVE, port("padding_mask", None, None, dtype="bool"), "1 where there is padding"),
        (port("x", None), port("mask", None, None), "no other input"),
    ],
)
def test_a_mask_or_length_that_check_would_refuse_is_given_by_the_caller(data: Port, given: Port, why: str) -> None:
    found = last(data, given)
    assert found.role == "data"
    assert len(found.shape) == len(given.shape)
    assert why in found.note


def test_a_mask_that_two_inputs_of_different_lengths_could_mean_is_given_by_the_caller() -> None:
    found = last(WAVE, port("x", None, None, 80), port("mask", None, None))
    assert (found.role, found.shape) == ("data", ("batch", "time"))
    assert "several inputs could be meant" in found.note


def test_a_mask_of_padding_is_padded_with_ones() -> None:
    found = last(WAVE, port("padding_mask", None, None, dtype="bool"))
    assert (found.shape, found.pad_value) == (("batch", "time"), 1)


@pytest.mark.parametrize(
    ("inputs", "batch"),
    [((WAVE,), 1), ((port("x", 1, 8),), 1), ((port("x", 4, 8), port("z", None, 2)), 4)],
)
def test_the_batch_is_what_the_model_fixes(inputs: tuple[Port, ...], batch: int) -> None:
    assert look(*inputs).batch == batch


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ((), "no inputs"),
        ((WAVE, port("rate", dtype="int64")), "`rate` is a scalar"),
        ((port("text", None, dtype="string"),), "`text` is of string"),
        ((port("x", 1, 8), port("z", 2, 8)), "1 in `x` and 2 in `z`"),
        ((port("x", 2000, 8),), "2000 in `x`"),
        ((port("x", 1, 0),), r"`x` is \[1, 0\] float32"),
        ((port("x", *[None] * 7),), "`x` is "),
        ((port("x", 1, 2**40),), "more than 2 GiB"),
    ],
)
def test_an_input_that_no_spec_can_state_is_refused_with_the_reason(inputs: tuple[Port, ...], why: str) -> None:
    with pytest.raises(SpecError, match=why) as caught:
        look(*inputs)
    assert caught.value.code == "unfit-model"
    assert caught.value.diagnostics[0].help


def test_sizes_are_halved_until_a_variant_fits_into_memory() -> None:
    found = look(port("x", 1024, None, 1024, None))
    assert 1024 * 1024 * found.dims["axis-1"].size * found.dims["axis-3"].size * 8 <= 2**31
