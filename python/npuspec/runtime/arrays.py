"""Arrays from files that a stranger may have made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray


def read_array(path: Path) -> NDArray[Any]:
    """Read one `.npy` file; never runs what is pickled in it.

    Raises:
        ValueError: it isn't there, or no array; with the reason.

    """
    try:
        with path.open("rb") as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # NumPy lets what its parsers raise through
        raise ValueError(str(error)) from error
    return array


def write_arrays(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as `.npz`. NumPy's own `savez` takes names as keywords, and some names are its parameters."""
    with ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
