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
from runtime.toys import data, program

from npuspec.diagnostics import StageError
from npuspec.runtime.feed import check_sample
from npuspec.stages.samples import read_samples

SOUND = np.array([0.0, 0.5, -0.5, 0.25], np.float32)


def read(folder: Path, name: str, dtype: str = "float32", *, finite: bool = False) -> NDArray[Any]:
    parameters = {"input": "x", "sample_rate": 16000}
    (sample,) = read_samples(folder, [name], program(data(dtype=dtype, finite=finite)), parameters)
    assert sample.name == name
    return sample.arrays["x"]


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


def npz(array: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, array)
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
