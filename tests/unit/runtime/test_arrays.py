"""Arrays of strangers: read as they were written, and refused before they cost anything."""

from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pytest

from npuspec.runtime.arrays import MOST_BYTES, map_array, read_array, read_arrays, write_arrays

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


def zipped(place: Path, members: dict[str, bytes], compression: int = ZIP_STORED) -> Path:
    with ZipFile(place, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return place


def encoded(array: Any, **more: Any) -> bytes:
    file = BytesIO()
    np.save(file, array, **more)
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_named_arrays_come_back(tmp_path: Path, save: Any) -> None:
    arrays = {"x": np.arange(6.0).reshape(2, 3), "a/b:0": np.array([True]), "": np.zeros((0, 3), np.int8)}
    save(tmp_path / "a.npz", **arrays)
    found = read_arrays(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        write_arrays(file, {"file": np.arange(3)})
    assert read_arrays(tmp_path / "a.npz")["file"].tolist() == [0, 1, 2]


HUGE = header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000,), }")


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"x.npy": encoded(np.ones(3)), "notes.txt": b"hello"}, "no array"),
        ({"x.npy": b"hello" * 10}, "magic"),
        ({"x.npy": encoded(np.ones(3))[:-1]}, "24 bytes, and 23 are there"),
        ({"x.npy": HUGE + bytes(64)}, "8000000000 bytes, and 64 are there"),
        ({"x.npy": encoded(np.array([{}], object), allow_pickle=True)}, "Python objects"),
    ],
)
def test_members_that_are_no_whole_arrays_are_refused(tmp_path: Path, members: dict[str, bytes], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_arrays(zipped(tmp_path / "a.npz", members))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", encoded(np.ones(3)))
        archive.writestr("x.npy", encoded(np.zeros(3)))
    with pytest.raises(ValueError, match="one twice"):
        read_arrays(tmp_path / "a.npz")


def test_what_would_unpack_to_too_much_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.npz", "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("x.npy", "y.npy"):
            with archive.open(name, "w") as member:
                for _ in range(MOST_BYTES >> 25):
                    member.write(bytes(1 << 24))
        archive.writestr("one.npy", b"1")
    assert (tmp_path / "a.npz").stat().st_size < MOST_BYTES >> 6
    with pytest.raises(ValueError, match=f"unpack to {MOST_BYTES + 1} bytes, and at most {MOST_BYTES} are read"):
        read_arrays(tmp_path / "a.npz")


def test_a_member_that_is_longer_than_it_says_is_refused(tmp_path: Path) -> None:
    place = zipped(tmp_path / "a.npz", {"x.npy": encoded(np.zeros(1 << 16))}, ZIP_DEFLATED)
    content = place.read_bytes()
    size = len(encoded(np.zeros(1 << 16)))
    place.write_bytes(content.replace(size.to_bytes(4, "little"), (128).to_bytes(4, "little")))
    with pytest.raises(ValueError, match="CRC"):
        read_arrays(place)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", encoded(np.ones(3))])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="zip"):
        read_arrays(tmp_path / "a.npz")
