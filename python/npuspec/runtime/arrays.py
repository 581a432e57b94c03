"""Arrays from files that a stranger may have made."""

import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import IO, Any, BinaryIO
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 1 << 31
"""What the arrays of one `.npz` may have together: packed ones may be small in the file."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_array(path: Path) -> NDArray[Any]:
    """Read one `.npy` file; never runs what is pickled in it, and takes no more memory than the file has bytes.

    Raises:
        ValueError: it isn't there, or no array; with the reason.

    """
    try:
        with path.open("rb") as file:
            array = _read(file, os.fstat(file.fileno()).st_size)
    except Exception as error:  # NumPy lets what its parsers raise through
        raise ValueError(str(error)) from error
    return array


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of one `.npz` file by their names; in all else like `read_array`.

    Raises:
        ValueError: it isn't there, is no such file, or would unpack to more than `MOST_BYTES`; with the reason.

    """
    arrays: dict[str, NDArray[Any]] = {}
    try:
        with ZipFile(path) as archive:
            for name, member in _members(archive).items():
                with archive.open(member) as file:
                    arrays[name] = _read(file, member.file_size)
    except Exception as error:
        raise ValueError(str(error)) from error
    return arrays


def map_array(path: Path) -> NDArray[Any]:
    """Map one `.npy` file, of which only what is looked at is read; in all else like `read_array`."""
    try:
        with path.open("rb") as file:
            _check_size(file, os.fstat(file.fileno()).st_size)
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:
        raise ValueError(str(error)) from error
    return array


def _members(archive: ZipFile) -> dict[str, ZipInfo]:
    """Return the arrays' members by their names, once it is sure that their sizes are bearable."""
    members = archive.infolist()
    if (total := sum(member.file_size for member in members)) > MOST_BYTES:
        raise ValueError(f"it would unpack to {total} bytes, and at most {MOST_BYTES} are read")
    found = {m.filename.removesuffix(".npy"): m for m in members if m.filename.endswith(".npy")}
    if len(found) < len(members):
        raise ValueError("it has a member that is no array, or one twice")
    return found


def _read(file: IO[bytes], size: int) -> NDArray[Any]:
    _check_size(file, size)
    array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _check_size(file: IO[bytes], size: int) -> None:
    """Hold the shape in the header against the file's size in bytes, and go back to the beginning.

    Raises:
        ValueError: the file is shorter than its header says, or of a form that no array of numbers has.

    """
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"format {version[0]}.{version[1]} isn't read")
    shape, _, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, and not numbers alone")
    there, wanted = size - file.tell(), prod(shape) * dtype.itemsize
    if wanted > there:
        raise ValueError(f"its header tells of {wanted} bytes, and {there} are there")
    file.seek(0)


def write_arrays(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as `.npz`. NumPy's own `savez` takes names as keywords, and some names are its parameters."""
    with ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
