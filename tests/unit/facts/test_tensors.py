"""Arrays of `.safetensors`: read as they were written, or refused with the reason before they cost anything."""

import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from npuspec.facts.tensors import read_named, read_tensors


def write(path: Path, header: Any, body: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def tensor(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "int64", "float16", "float32", "float64"])
def test_arrays_come_back_by_their_names(tmp_path: Path, dtype: str) -> None:
    arrays = {"x": np.arange(6).reshape(2, 3).astype(dtype), "a/b.c": np.array([1]).astype(dtype)}
    save_file(arrays, tmp_path / "a.safetensors", metadata={"format": "pt"})
    found = read_named(tmp_path / "a.safetensors")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_empty_arrays_and_numbers_are_arrays(tmp_path: Path) -> None:
    header = {"x": tensor("F32", [3, 0], 0, 0), "n": tensor("I64", [], 0, 8)}
    found = read_tensors(write(tmp_path / "a.safetensors", header, b"\x07" + bytes(7)))
    assert (found["x"].shape, found["n"].shape, int(found["n"])) == ((3, 0), (), 7)


@pytest.mark.parametrize(("dtype", "size"), [("BF16", 4), ("F8_E4M3", 2), ("F8_E5M2", 2), ("F4", 1)])
def test_a_dtype_that_numpy_has_not_is_named_with_what_to_do(tmp_path: Path, dtype: str, size: int) -> None:
    file = write(tmp_path / "a.safetensors", {"x": tensor(dtype, [2], 0, size)}, bytes(size))
    with pytest.raises(ValueError, match=f"^`x` is {dtype}, which NumPy has no dtype for: save it as float32$"):
        read_tensors(file)


WHOLE = {"x": tensor("F32", [2], 0, 8)}
WRONG = {
    "shorter than its header says": (WHOLE, bytes(7)),
    "longer than its header says": (WHOLE, bytes(9)),
    "a shape that is not there": ({"x": tensor("F32", [1 << 40], 0, 1 << 42)}, bytes(8)),
    "a shape of another size": ({"x": tensor("F32", [3], 0, 8)}, bytes(8)),
    "a size beyond all numbers": ({"x": tensor("F32", [1 << 62, 1 << 62], 0, 8)}, bytes(8)),
    "a negative size": ({"x": tensor("F32", [-2], 0, 8)}, bytes(8)),
    "two arrays at one place": ({**WHOLE, "y": tensor("F32", [2], 0, 8)}, bytes(8)),
    "a dtype that nobody knows": ({"x": tensor("O", [2], 0, 8)}, bytes(8)),
    "no table": (b"[1, 2]", b""),
    "no JSON": (b"{", b""),
    "no UTF-8": (b"{\xff}", b""),
}


@pytest.mark.parametrize(("header", "body"), WRONG.values(), ids=[*WRONG])
def test_a_header_that_does_not_fit_is_refused(tmp_path: Path, header: Any, body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        read_tensors(write(tmp_path / "a.safetensors", header, body))


@pytest.mark.parametrize("data", [b"", b"\x02", b"PK\x03\x04" * 9, (1 << 60).to_bytes(8, "little") + b"{}"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match=r"\S"):
        read_tensors(tmp_path / "a.safetensors")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        read_tensors(tmp_path / "a.safetensors")


@pytest.mark.skipif(sys.platform == "win32", reason="files with holes and limits of memory are POSIX's")
def test_nothing_is_read_of_a_large_file_whose_last_dtype_is_unknown(tmp_path: Path) -> None:
    size = 1 << 30
    header = {"a": tensor("F32", [size // 4], 0, size), "b": tensor("BF16", [1], size, size + 2)}
    file = write(tmp_path / "a.safetensors", header)
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size + size + 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="`b` is BF16"):
        read_tensors(file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB
