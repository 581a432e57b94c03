"""Arrays by their names, from files that hold several."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from npuspec.facts.formats import missing_extra
from npuspec.runtime.arrays import read_arrays
from npuspec.sources.kinds import NPZ, suffix_of

_KNOWN = frozenset({"BOOL", "C64", "F16", "F32", "F64", "I16", "I32", "I64", "I8", "U16", "U32", "U64", "U8"})
"""Safetensors' names of the dtypes that NumPy has too."""


def read_named(file: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of one `.npz` or `.safetensors` file by their names.

    Raises:
        ValueError: it isn't there, or isn't such a file, or one that is ever read; with the reason.
        StageError: `missing-extra`.

    """
    return read_arrays(file) if suffix_of(file.name) in NPZ else read_tensors(file)


def read_tensors(file: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of one `.safetensors` file; its header is held against its size before they take memory.

    Raises:
        ValueError: it isn't there, is no such file, or has a dtype that NumPy hasn't; with the reason.
        StageError: `missing-extra`.

    """
    try:
        from safetensors import safe_open  # noqa: PLC0415  an extra: only specs with such files need it
    except ImportError:
        raise missing_extra("safetensors", "`.safetensors`") from None
    try:
        with safe_open(file, framework="numpy") as opened:
            names = [*opened.keys()]
            for name in names:
                _check(name, opened.get_slice(name).get_dtype())
            return {name: opened.get_tensor(name) for name in names}
    except Exception as error:  # safetensors' own errors have no base but this
        raise ValueError(str(error)) from error


def _check(name: str, dtype: str) -> None:
    if dtype not in _KNOWN:
        raise ValueError(f"`{name}` is {dtype}, which NumPy has no dtype for: save it as float32")
