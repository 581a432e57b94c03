"""The child's side: what is in the samples, whatever form it is saved in, and which of them don't look real."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec.child import Progress
from npuspec.diagnostics import StageError
from npuspec.facts.pictures import read_picture
from npuspec.facts.randomness import CONSTANT, name_noise
from npuspec.facts.sound import read_sound
from npuspec.facts.tensors import read_named
from npuspec.runtime.arrays import MOST_BYTES, map_array
from npuspec.sources.kinds import ARRAY, ARRAYS, PICTURE, SOUND, suffix_of

Arrays = Mapping[str, NDArray[Any]]


def content(arguments: Mapping[str, Any], _progress: Progress) -> dict[str, Any]:
    """Decode those files of the folder `arguments["data"]`, and return what `facts.model.Content` holds.

    Text isn't looked at, and what can't be read is another's affair.
    """
    digests, noise, constant = {}, {}, []
    for path in arguments["paths"]:
        try:
            arrays = _decoded(Path(arguments["data"], path))
            if arrays and sum(array.nbytes for array in arrays.values()) <= MOST_BYTES:
                digests[path] = _digest(arrays)
            kind = _looks_like(arrays)
        except (ValueError, StageError):
            continue
        if kind == CONSTANT:
            constant.append(path)
        elif kind:
            noise[path] = kind
    return {"digests": digests, "noise": noise, "constant": constant}


def _decoded(file: Path) -> Arrays:
    """Return the arrays of one file; a picture's channels are one each, so that one colour is as constant as black."""
    suffix = suffix_of(file.name)
    if suffix in ARRAY:
        return {"": map_array(file)}
    if suffix in ARRAYS:
        return read_named(file)
    if suffix in SOUND:
        return {"": read_sound(file, "float64")[0]}
    if suffix in PICTURE:
        planes = np.ascontiguousarray(np.moveaxis(read_picture(file, 4), 2, 0))
        return {str(number): plane for number, plane in enumerate(planes)}
    return {}


def _digest(arrays: Arrays) -> str:
    """Return the SHA-256 of names, dtypes, shapes and values, without anything of the file around them."""
    found = sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name!r} {array.dtype.str} {array.shape}\n".encode())
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def _looks_like(arrays: Arrays) -> str:
    """Name what all floats of a sample look like, or all of its arrays if it has none; "" for what may be real."""
    floats = [array for array in arrays.values() if array.dtype.kind == "f"]
    kinds = {name_noise(array) for array in floats or arrays.values()}
    if not kinds or "" in kinds:
        return ""
    return min(kinds - {CONSTANT}, default=CONSTANT)
