"""Arrays of strangers: read as they were written, and refused before they cost anything."""

from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from npuspec.runtime.arrays import map_array, read_array, write_arrays

READERS = [read_array, map_array]


def header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    length = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + length + text.encode()


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float16).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(3, dtype=">i4"),
        np.array(5.0),
        np.array([True, False]),
    ],
    ids=str,
)
def test_an_array_comes_back(tmp_path: Path, read: Any, array: Any) -> None:
    np.save(tmp_path / "a.npy", array)
    found = read(tmp_path / "a.npy")
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)


def test_an_empty_array_can_be_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 0), np.float32))
    assert read_array(tmp_path / "a.npy").shape == (3, 0)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_forms_of_header_are_read(tmp_path: Path, version: tuple[int, int]) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, np.arange(4), version=version)
    for read in READERS:
        np.testing.assert_array_equal(read(tmp_path / "a.npy"), np.arange(4))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"PK\x03\x04",
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}\n"),
        header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({1 << 50},)}}\n") + bytes(64),
        header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({1 << 32}, {1 << 32})}}\n") + bytes(64),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}\n") + bytes(64),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (2, -4)}\n") + bytes(64),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (__import__('os').abort(),)}\n"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n") + bytes(64),
        header("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,)}\n") + bytes(64),
        header("[" * 5000),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}\n", (3, 0)) + bytes(8),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}\n", (9, 9)) + bytes(8),
    ],
)
def test_what_is_no_array_or_not_whole_is_refused_with_the_reason(tmp_path: Path, read: Any, data: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(ValueError, match=r".+"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize("read", READERS)
def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path, read: Any) -> None:
    for place in (tmp_path / "gone.npy", tmp_path):
        with pytest.raises(ValueError, match=r".+"):
            read(place)


def test_names_that_are_numpys_own_parameters_can_be_written() -> None:
    file = BytesIO()
    write_arrays(file, {"file": np.arange(3), "kwds": np.ones(2)})
    with ZipFile(file) as archive:
        assert sorted(archive.namelist()) == ["file.npy", "kwds.npy"]
    file.seek(0)
    np.testing.assert_array_equal(np.load(file)["file"], np.arange(3))
