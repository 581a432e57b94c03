"""Real samples from files: one file, one sample, checked as a session checks what it is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from npuspec.bundle.program import DataInput, Program
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.runtime.arrays import read_array
from npuspec.runtime.feed import Array

_SOUND = {"float32": "float32", "float16": "float32", "float64": "float64", "int16": "int16", "int32": "int32"}
"""NumPy's name of an input's dtype to the form in which sound is read for it: floats from -1 to 1, integers in full."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: what it is called in the plan, and an array for each data input."""

    name: str
    arrays: dict[str, Array]


def read_samples(folder: Path, paths: list[str], program: Program, parameters: Mapping[str, Any]) -> list[Sample]:
    """Read files as samples of the input that the parameters name.

    Raises:
        StageError: `unreadable-sample`, `wrong-sample-rate` or `missing-extra`.

    """
    target = next(i for i in program.inputs if isinstance(i, DataInput) and i.name == parameters["input"])
    return [Sample(path, {target.name: _read(folder, path, parameters["sample_rate"], target)}) for path in paths]


def _read(folder: Path, path: str, rate: int | None, target: DataInput) -> Array:
    if path.lower().endswith(".npy"):
        try:
            array: Array = read_array(folder / path)
        except ValueError as error:
            raise _unreadable(path, str(error)) from None
    else:
        array = _read_wav(folder / path, path, rate, target.dtype)
    if target.finite and array.dtype.kind == "f" and not np.isfinite(array).all():
        raise _unreadable(path, "it holds NaN or an infinity")
    return array


def _read_wav(file: Path, path: str, rate: int | None, dtype: str) -> Array:
    if (read_as := _SOUND.get(dtype)) is None:
        raise _unreadable(path, f"sound is {', '.join(_SOUND)}, and the model takes {dtype}")
    try:
        import soundfile  # noqa: PLC0415  an extra: only specs with recorded sound need it
    except ImportError:
        message = "reading recorded sound needs the package soundfile"
        raise StageError(Diagnostic("missing-extra", message, "pip install 'npuspec[quantize]'")) from None
    try:
        sound, found = soundfile.read(file, dtype=read_as)
    except (RuntimeError, OSError) as error:
        raise _unreadable(path, str(error)) from None
    if found != rate:
        message = f"`{path}` was recorded at {found} Hz, and the spec says {rate}"
        raise StageError(Diagnostic("wrong-sample-rate", message, "resample the files, or correct sample-rate"))
    if sound.ndim != 1:
        raise _unreadable(path, f"it has {sound.shape[1]} channels, and the model takes one")
    result: Array = sound.astype(dtype)
    return result


def _unreadable(path: str, why: str) -> StageError:
    return StageError(
        Diagnostic("unreadable-sample", f"`{path}` is no usable sample: {why}", "take it out, or make it again")
    )
