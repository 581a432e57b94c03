"""Real samples from files, each as the caller of a session would give it: arrays, sound, pictures and text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from npuspec.bundle.program import DataInput, Program
from npuspec.diagnostics import Diagnostic, StageError
from npuspec.facts.formats import unreadable
from npuspec.facts.pictures import read_picture
from npuspec.facts.sound import read_sound
from npuspec.facts.tensors import read_named
from npuspec.facts.texts import open_tokenizer, read_texts
from npuspec.runtime.arrays import read_array
from npuspec.runtime.feed import Array
from npuspec.runtime.preprocess import given_axes, given_dtype
from npuspec.runtime.resize import CHANNELS
from npuspec.sources.kinds import ARRAY, SOUND, suffix_of

_SOUND = {"float32": "float32", "float16": "float32", "float64": "float64", "int16": "int16", "int32": "int32"}
"""NumPy's name of an input's dtype to the form in which sound is read for it: floats from -1 to 1, integers in full."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: what it is called in the plan, and an array for each data input."""

    name: str
    arrays: dict[str, Array]


def read_samples(
    folder: Path,
    names: Sequence[str],
    program: Program,
    parameters: Mapping[str, Any],
    tokenizer: Path | None = None,
) -> list[Sample]:
    """Read samples by their names in the plan.

    Args:
        folder: where the files lie.
        names: paths below it; of texts `PATH:NUMBER`, counted from 1 in each file.
        program: what the model takes.
        parameters: of the plan's `Samples` what the reading depends on.
        tokenizer: the `tokenizer.json`, if the files are text.

    Raises:
        StageError: `unreadable-sample`, `wrong-sample-rate` or `missing-extra`.
        SpecError: `not-a-tokenizer` or `unknown-field`.

    """
    inputs = {i.name: i for i in program.inputs if isinstance(i, DataInput)}
    if tokenizer is not None:
        samples = _read_texts(folder, names, inputs, parameters, tokenizer)
    elif parameters["input"] is None:
        samples = [Sample(name, _read_named(folder, name, inputs)) for name in names]
    else:
        target = inputs[parameters["input"]]
        samples = [Sample(n, {target.name: _read(folder, n, parameters["sample_rate"], target)}) for n in names]
    for sample in samples:
        for name, array in sample.arrays.items():
            if inputs[name].finite and array.dtype.kind == "f" and not np.isfinite(array).all():
                raise unreadable(sample.name, "it holds NaN or an infinity")
    return samples


def _read(folder: Path, path: str, rate: int | None, target: DataInput) -> Array:
    try:
        if suffix_of(path) in ARRAY:
            return read_array(folder / path)
        if suffix_of(path) in SOUND:
            return _read_sound(folder / path, path, rate, given_dtype(target))
        return _read_picture(folder / path, target)
    except ValueError as error:
        raise unreadable(path, str(error)) from None


def _read_sound(file: Path, path: str, rate: int | None, dtype: str) -> Array:
    if (read_as := _SOUND.get(dtype)) is None:
        raise ValueError(f"sound is {', '.join(_SOUND)}, and the model takes {dtype}")
    sound, found = read_sound(file, read_as)
    if found != rate:
        message = f"`{path}` was recorded at {found} Hz, and the spec says {rate}"
        raise StageError(Diagnostic("wrong-sample-rate", message, "resample the files, or correct sample-rate"))
    if sound.ndim != 1:
        raise ValueError(f"it has {sound.shape[1]} channels, and the model takes one")
    result: Array = sound.astype(dtype)
    return result


def _read_picture(file: Path, target: DataInput) -> Array:
    """Decode a picture to the axes that the caller gives: [height, width], or with channels first or last."""
    if (dtype := given_dtype(target)) != "uint8":
        state = '`preprocess` with dtype = "uint8", and the mean and scale that the model was trained with'
        raise ValueError(f"a picture is uint8, and `{target.name}` takes {dtype}: state {state}")
    axes = given_axes(target)
    place = None
    if target.preprocess is not None and target.preprocess.channels is not None:
        place = target.preprocess.order[target.preprocess.channels]
    if len(axes) == 2:  # noqa: PLR2004  height and width
        return read_picture(file, 1)[:, :, 0]
    if place is None and len(axes) == 3:  # noqa: PLR2004
        place = next((axis for axis in (2, 0) if axes[axis] in CHANNELS), None)
    if place is None or len(axes) != 3 or axes[place] not in CHANNELS:  # noqa: PLR2004
        shape = ", ".join(map(str, axes))
        raise ValueError(f"a picture has 1, 3 or 4 channels, and `{target.name}` takes [{shape}]")
    pixels = read_picture(file, int(axes[place]))
    return np.ascontiguousarray(np.moveaxis(pixels, 2, place))


def _read_named(folder: Path, path: str, inputs: Mapping[str, DataInput]) -> dict[str, Array]:
    try:
        arrays = read_named(folder / path)
    except ValueError as error:
        raise unreadable(path, str(error)) from None
    if missing := sorted(inputs.keys() - arrays.keys()):
        raise unreadable(path, f"it has no array `{missing[0]}`, which is an input of the model")
    if unknown := sorted(arrays.keys() - inputs.keys()):
        raise unreadable(path, f"it has an array `{unknown[0]}`, which is no data input of the model")
    return arrays


def _read_texts(
    folder: Path,
    names: Sequence[str],
    inputs: Mapping[str, DataInput],
    parameters: Mapping[str, Any],
    tokenizer: Path,
) -> list[Sample]:
    opened = open_tokenizer(tokenizer)
    ids, types = inputs[parameters["input"]], inputs.get(parameters["token_types"])
    numbered = [(name, *name.rsplit(":", 1)) for name in names]
    texts = {path: read_texts(folder, path, parameters["field"]) for path in {path for _, path, _ in numbered}}
    samples = []
    for name, path, number in numbered:
        encoded = opened.encode(texts[path][int(number) - 1])
        arrays = {ids.name: _tokens(encoded.ids, ids, name)}
        if types is not None:
            arrays[types.name] = _tokens(encoded.type_ids, types, name)
        samples.append(Sample(name, arrays))
    return samples


def _tokens(numbers: list[int], target: DataInput, name: str) -> Array:
    dtype = np.dtype(given_dtype(target))
    if dtype.kind not in "iu":
        raise unreadable(name, f"text is token ids, and `{target.name}` takes {dtype}")
    if max(numbers, default=0) > np.iinfo(dtype).max:
        raise unreadable(name, f"the token {max(numbers)} is beyond {dtype}, which `{target.name}` takes")
    return np.array(numbers, dtype)
