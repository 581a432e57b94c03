"""Samples are read as they are, or refused with the file's name."""

import io
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image
from runtime.toys import data, program
from safetensors.numpy import save
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from npuspec.bundle.program import Preprocess, Program
from npuspec.diagnostics import NpuspecError, StageError
from npuspec.facts.texts import digests
from npuspec.runtime.feed import check_sample
from npuspec.stages.samples import Sample, read_samples

SOUND = np.array([0.0, 0.5, -0.5, 0.25], np.float32)


def read(folder: Path, name: str, dtype: str = "float32", *, finite: bool = False) -> NDArray[Any]:
    parameters = {"input": "x", "sample_rate": 16000}
    (sample,) = read_samples(folder, [name], program(data(dtype=dtype, finite=finite)), parameters)
    assert sample.name == name
    return sample.arrays["x"]


def given(folder: Path, toy: Program, name: str, tokenizer: Path | None = None, **told: Any) -> Sample:
    parameters = {"input": None, "sample_rate": None, "token_types": None, "field": None, **told}
    (sample,) = read_samples(folder, [name], toy, parameters, tokenizer)
    return sample


def refused_as(code: str, *arguments: Any, **told: Any) -> str:
    with pytest.raises(NpuspecError) as caught:
        given(*arguments, **told)
    assert caught.value.code == code
    return caught.value.diagnostics[0].message


def refused(folder: Path, name: str, code: str = "unreadable-sample", **more: Any) -> str:
    with pytest.raises(StageError) as caught:
        read(folder, name, **more)
    assert caught.value.code == code
    assert f"`{name}`" in caught.value.diagnostics[0].message
    return caught.value.diagnostics[0].message


def npy(array: Any, **more: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **more)
    return file.getvalue()


def npz(*arrays: Any, **named: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, *arrays, **named)
    return file.getvalue()


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "bool"])
def test_an_array_is_read_as_it_is(tmp_path: Path, dtype: str) -> None:
    array = np.array([[1, 0], [1, 1]]).astype(dtype)
    (tmp_path / "a.NPY").write_bytes(npy(array))
    found = read(tmp_path, "a.NPY", dtype)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    ("array", "code"),
    [
        (np.ones(4), "wrong-dtype"),
        (np.ones(4, ">f4"), "wrong-dtype"),
        (np.ones((4, 1), np.float32), "wrong-rank"),
        (np.float32(1), "wrong-rank"),
    ],
)
def test_an_array_of_another_dtype_or_rank_is_refused_as_a_session_would(
    tmp_path: Path, array: NDArray[Any], code: str
) -> None:
    (tmp_path / "a.npy").write_bytes(npy(array))
    with pytest.raises(ValueError, match="input `x` must") as caught:
        check_sample(program(data()), {"x": read(tmp_path, "a.npy")})
    assert getattr(caught.value, "code", "") == code


UNREADABLE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"hello\n" * 100,
    "objects": lambda: npy(np.array([{}, []], object), allow_pickle=True),
    "a pickle": lambda: b"\x80\x04]\x94.",
    "without its header": lambda: npy(SOUND)[40:],
    "half a header": lambda: npy(SOUND)[:20],
    "truncated": lambda: npy(SOUND)[:-1],
    "several arrays": lambda: npz(SOUND),
    "half of several arrays": lambda: npz(SOUND)[:100],
    "a header that is no table": lambda: b"\x93NUMPY\x01\x00\x76\x00" + b"[1, 2" + b" " * 112 + b"\n",
    "a header of an enormous shape": lambda: npy(SOUND).replace(b"(4,), }" + b" " * 15, b"(4000000000000000,), }"),
    "a header of an impossible shape": lambda: npy(SOUND).replace(b"(4,)", b"(-4)"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_array_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.npy").write_bytes(UNREADABLE[name]())
    assert "is no usable sample" in refused(tmp_path, "a.npy")


def test_a_missing_sample_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "a.npy")
    refused(tmp_path, "a.wav")


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE", "PCM_16", "PCM_24"])
def test_sound_is_read_between_minus_one_and_one(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", SOUND, 16000, subtype)
    for dtype in ("float32", "float16", "float64"):
        found = read(tmp_path, "a.wav", dtype)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, SOUND.astype(dtype))


@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_sound_for_a_model_of_integers_keeps_its_full_range(tmp_path: Path, dtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", SOUND, 16000, "PCM_16")
    np.testing.assert_array_equal(read(tmp_path, "a.wav", dtype), SOUND * 2.0 ** (np.iinfo(dtype).bits - 1))


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_sound_for_a_model_that_takes_none_is_refused(tmp_path: Path, dtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", SOUND, 16000)
    assert dtype in refused(tmp_path, "a.wav", dtype=dtype)


def test_sound_of_another_rate_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", SOUND, 8000)
    assert "8000 Hz, and the spec says 16000" in refused(tmp_path, "a.wav", "wrong-sample-rate")


def test_sound_of_two_channels_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([SOUND, SOUND], 1), 16000)
    assert "2 channels" in refused(tmp_path, "a.wav")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"hello\n" * 100, b"\xff\xfb\x90\x00" * 50])
def test_what_is_no_sound_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    assert "is no usable sample" in refused(tmp_path, "a.wav")


def test_sound_without_a_moment_is_empty(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
    assert read(tmp_path, "a.wav").shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_where_the_input_is_declared_so(tmp_path: Path, bad: float) -> None:
    np.save(tmp_path / "a.npy", np.array([1, bad], np.float32))
    assert read(tmp_path, "a.npy").shape == (2,)
    assert "NaN or an infinity" in refused(tmp_path, "a.npy", finite=True)


PAIR = program(data("left"), data("right", finite=True), sizes=({"time": 8},))


def test_an_archive_has_an_array_for_each_input(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(npz(left=SOUND, right=SOUND[::-1]))
    sample = given(tmp_path, PAIR, "a.npz")
    assert sample.name == "a.npz"
    np.testing.assert_array_equal(sample.arrays["left"], SOUND)
    np.testing.assert_array_equal(sample.arrays["right"], SOUND[::-1])
    check_sample(PAIR, sample.arrays)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (npz(left=SOUND), "no array `right`"),
        (npz(SOUND, SOUND), "no array `left`"),
        (npz(left=SOUND, right=SOUND, middle=SOUND), "an array `middle`"),
        (npz(left=SOUND, right=np.array([np.nan], np.float32)), "NaN"),
        (npz(left=SOUND, right=SOUND)[:-30], "zip"),
        (b"", "zip"),
    ],
)
def test_an_archive_of_other_arrays_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    message = refused_as("unreadable-sample", tmp_path, PAIR, "a.npz")
    assert message.startswith("`a.npz` is no usable sample: ")
    assert why in message


def test_safetensors_hold_the_arrays_by_the_names_of_the_inputs(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(save({"left": SOUND, "right": SOUND[::-1].copy()}))
    sample = given(tmp_path, PAIR, "a.safetensors")
    np.testing.assert_array_equal(sample.arrays["left"], SOUND)
    np.testing.assert_array_equal(sample.arrays["right"], SOUND[::-1])
    check_sample(PAIR, sample.arrays)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (save({"left": SOUND}), "no array `right`"),
        (save({"left": SOUND, "right": SOUND, "middle": SOUND}), "an array `middle`"),
        (save({"left": SOUND, "right": SOUND}).replace(b"F32", b"BAD"), "unknown variant"),
        (save({"left": SOUND, "right": SOUND})[:-1], "header"),
    ],
)
def test_safetensors_of_other_arrays_are_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    message = refused_as("unreadable-sample", tmp_path, PAIR, "a.safetensors")
    assert message.startswith("`a.safetensors` is no usable sample: ")
    assert why in message


RGB = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def picture(
    folder: Path, axes: tuple[str | int, ...], dtype: str = "uint8", preprocess: Preprocess | None = None
) -> NDArray[Any]:
    """Read RGB as a sample for an input of these axes."""
    Image.fromarray(RGB).save(folder / "a.png")
    sizes = ({str(axis): 8 for axis in axes if isinstance(axis, str)},)
    toy = program(data(axes=axes, dtype=dtype, preprocess=preprocess), sizes=sizes)
    return given(folder, toy, "a.png", input="x").arrays["x"]


def test_a_picture_has_the_axes_of_its_input(tmp_path: Path) -> None:
    np.testing.assert_array_equal(picture(tmp_path, ("h", "w", 3)), RGB)
    np.testing.assert_array_equal(picture(tmp_path, (4, 5, 3)), RGB)
    np.testing.assert_array_equal(picture(tmp_path, (3, "h", "w")), RGB.transpose(2, 0, 1))
    assert picture(tmp_path, ("h", "w")).shape == (4, 5)
    assert picture(tmp_path, (1, "h", "w")).shape == (1, 4, 5)
    assert picture(tmp_path, ("h", "w", 4)).shape == (4, 5, 4)
    assert picture(tmp_path, (3, 4, 5)).flags.c_contiguous


def test_a_picture_is_given_as_the_caller_gives_it(tmp_path: Path) -> None:
    moved = Preprocess(dtype="uint8", order=(2, 0, 1), channels=0, mean=(1.0,) * 3)
    found = picture(tmp_path, (3, "h", "w"), "float32", moved)
    np.testing.assert_array_equal(found, RGB)
    moved = Preprocess(dtype="uint8", order=(1, 2, 0), channels=2)
    found = picture(tmp_path, ("h", "w", 3), "float32", moved)
    np.testing.assert_array_equal(found, RGB.transpose(2, 0, 1))


@pytest.mark.parametrize("axes", [("h", "w", 2), ("h",), ("h", 3, "w"), (1, 3, "h", "w")])
def test_a_picture_for_an_input_of_other_axes_is_refused(tmp_path: Path, axes: tuple[str | int, ...]) -> None:
    with pytest.raises(StageError, match="a picture has 1, 3 or 4 channels"):
        picture(tmp_path, axes)


def test_a_picture_for_an_input_of_floats_needs_to_be_told_how_it_is_scaled(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"uint8, and `x` takes float32: state `preprocess`"):
        picture(tmp_path, (3, "h", "w"), "float32")


def test_a_broken_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"hello")
    toy = program(data(axes=("h", "w", 3), dtype="uint8"), sizes=({"h": 8, "w": 8},))
    message = refused_as("unreadable-sample", tmp_path, toy, "a.jpg", input="x")
    assert message == "`a.jpg` is no usable sample: it is no PNG or JPEG"


IDS = program(data("ids", dtype="int64"), data("types", dtype="int32"))


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    unknown = "[UNK]"
    made = Tokenizer(WordLevel({unknown: 0, "a": 1, "b": 200}, unk_token=unknown))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(single="$A:1", special_tokens=[])
    made.save(str(tmp_path / "t.json"))
    return tmp_path / "t.json"


def test_text_is_token_ids_and_their_types(tmp_path: Path, tokenizer: Path) -> None:
    (tmp_path / "a.yml").write_text("talk: [a b, [b, a c a]]\n")
    told = {"input": "ids", "token_types": "types", "field": "talk", "sample_rate": None}
    samples = read_samples(tmp_path, ["a.yml:3", "a.yml:1"], IDS, told, tokenizer)
    assert [s.name for s in samples] == ["a.yml:3", "a.yml:1"]
    assert [s.arrays["ids"].tolist() for s in samples] == [[1, 0, 1], [1, 200]]
    assert [s.arrays["types"].tolist() for s in samples] == [[1, 1, 1], [1, 1]]
    assert {name: array.dtype.name for name, array in samples[0].arrays.items()} == {"ids": "int64", "types": "int32"}
    check_sample(IDS, samples[0].arrays)


def test_the_fact_and_the_reader_count_texts_alike(tmp_path: Path, tokenizer: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n\nb\na b\n")
    arguments = {"data": str(tmp_path), "paths": ["a.txt"], "field": None, "tokenizer": str(tokenizer)}
    assert len(digests(arguments, lambda _done, _total: None)["a.txt"]) == 3
    sample = given(tmp_path, program(data("ids", dtype="int32")), "a.txt:3", tokenizer, input="ids")
    assert sample.arrays["ids"].tolist() == [1, 200]


@pytest.mark.parametrize(("dtype", "why"), [("float32", "takes float32"), ("int8", "token 200 is beyond int8")])
def test_tokens_for_an_input_that_does_not_hold_them_are_refused(
    tmp_path: Path, tokenizer: Path, dtype: str, why: str
) -> None:
    (tmp_path / "a.txt").write_text("b\n")
    toy = program(data("ids", dtype=dtype))
    assert why in refused_as("unreadable-sample", tmp_path, toy, "a.txt:1", tokenizer, input="ids")


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("b\n")
    refused_as("not-a-tokenizer", tmp_path, IDS, "a.txt:1", tmp_path / "a.txt", input="ids")
