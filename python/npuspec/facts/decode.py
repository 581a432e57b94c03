"""The child's side: what is in the samples, whatever form it is saved in, and which of them don't look real."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec.child import Progress
from npuspec.diagnostics import StageError
from npuspec.facts.pictures import read_picture
from npuspec.facts.randomness import CONSTANT, ENOUGH, LEAST, name_noise, name_pixels, name_pooled
from npuspec.facts.sound import read_sound
from npuspec.facts.tensors import read_named
from npuspec.runtime.arrays import MOST_BYTES, map_array
from npuspec.sources.kinds import ARRAY, ARRAYS, PICTURE, SOUND, suffix_of

Arrays = Mapping[str, NDArray[Any]]
_MOST_POOLED = 1 << 18  # elements


def content(arguments: Mapping[str, Any], _progress: Progress) -> dict[str, Any]:
    """Decode those files of the folder `arguments["data"]`, and return what `facts.model.Content` holds.

    Text isn't looked at, and neither is what a package that isn't installed would read.
    """
    digests: dict[str, str] = {}
    kinds: dict[str, dict[str, str]] = {}
    pools: dict[str, _Pool] = {}
    broken: dict[str, str] = {}
    for path in arguments["paths"]:
        try:
            arrays = _decoded(Path(arguments["data"], path))
            if arrays and sum(array.nbytes for array in arrays.values()) <= MOST_BYTES:
                digests[path] = _digest(arrays)
            kinds[path] = _kinds(path, arrays, pools)
        except StageError:
            continue
        except ValueError as error:
            broken[path] = str(error)
    for name, pool in pools.items():
        if kind := name_pooled(pool.arrays):
            for path in pool.paths:
                kinds[path][name] = kind
    looks = {path: _look(of_arrays.values()) for path, of_arrays in kinds.items()}
    return {
        "digests": digests,
        "noise": {path: kind for path, kind in looks.items() if kind not in ("", CONSTANT)},
        "constant": [path for path, kind in looks.items() if kind == CONSTANT],
        "unreadable": broken,
    }


@dataclass(slots=True)
class _Pool:
    """Arrays of one name that are too small to tell much, as many as are needed, and the samples that they are of."""

    arrays: list[NDArray[Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, path: str, array: NDArray[Any]) -> None:
        self.paths.append(path)
        if self.size < _MOST_POOLED:
            self.arrays.append(np.array(array))
            self.size += array.size


def _kinds(path: str, arrays: Arrays, pools: dict[str, _Pool]) -> dict[str, str]:
    """Name what those arrays look like that say what a sample is: its larger floats, or all if it has none."""
    floats = {name: array for name, array in arrays.items() if array.dtype.kind == "f" and array.size >= LEAST}
    telling = floats or {name: array for name, array in arrays.items() if array.size > 1}
    kinds = {name: name_noise(array) for name, array in telling.items()}
    if suffix_of(path) in PICTURE and "" in kinds.values():
        red, green, blue, _ = arrays.values()
        if pixels := name_pixels(0.299 * red + 0.587 * green + 0.114 * blue):
            return {"": pixels}
    for name, array in telling.items():
        if not kinds[name] and array.size < ENOUGH and array.dtype.kind in "iuf":
            pools.setdefault(name, _Pool()).add(path, array)
    return kinds


def _look(kinds: Collection[str]) -> str:
    """Name what a sample looks like if each of its arrays looks like something; "" for what may be real."""
    if not kinds or "" in kinds:
        return ""
    return min({*kinds} - {CONSTANT}, default=CONSTANT)


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
