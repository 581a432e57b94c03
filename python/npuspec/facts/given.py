"""Samples that are given as arrays in memory, written as files: from there on they are like any others."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec.child import Progress
from npuspec.child.own import load_function, wrong_result
from npuspec.runtime.arrays import MOST_BYTES as MOST_OF_ONE
from npuspec.runtime.arrays import write_arrays

MOST_SAMPLES = 100_000  # a plan names each
MOST_BYTES = 1 << 34  # of all
_NUMBERS = "biuf"  # NumPy's kinds


def given(arguments: Mapping[str, Any], _progress: Progress) -> None:
    """Run the function `arguments["name"]`, and write what it gives into the folder `arguments["output"]`."""
    function = load_function(Path(arguments["folder"]), arguments["name"], arguments["files"])
    try:
        write_samples(function.each(function()), Path(arguments["output"]), arguments["input"])
    except ValueError as error:
        help_ = "give an array for each sample, or arrays by the names of the model's inputs where `input` isn't stated"
        raise wrong_result(function.name, str(error), help_) from None


def write_samples(samples: Iterable[Any], folder: Path, input_: str | None) -> None:
    """Write samples, a file each, named by their numbers.

    Args:
        samples: arrays for one input, or mappings of inputs' names to arrays. They are taken one by one.
        folder: where they are written, as `.npy` or `.npz`.
        input_: the one input, or None where the samples name them.

    Raises:
        ValueError: one is no sample, there is none, or they are more than can be kept; said of whoever gives them.

    """
    number, left = 0, MOST_BYTES
    for number, sample in enumerate(samples, 1):
        if number > MOST_SAMPLES:
            raise ValueError(f"gave more than {MOST_SAMPLES} samples, if it ends at all")
        arrays = _arrays(sample, number, input_)
        left -= sum(array.nbytes for array in arrays.values())
        if left < 0:
            raise ValueError(f"gave more than {MOST_BYTES} bytes, up to sample {number}")
        if input_ is None:
            with (folder / f"{number:06}.npz").open("xb") as file:
                write_arrays(file, arrays)
        else:
            np.save(folder / f"{number:06}.npy", arrays[input_], allow_pickle=False)
    if number == 0:
        raise ValueError("gave no sample")


def _arrays(sample: Any, number: int, input_: str | None) -> dict[str, NDArray[Any]]:
    """Return the arrays of a sample, sorted by the inputs' names, so that their order is no other content."""
    if input_ is not None:
        return {input_: _array(sample, f"sample {number}")}
    if not isinstance(sample, Mapping) or not all(isinstance(name, str) for name in sample) or not sample:
        wanted = "arrays by the names of the model's inputs are wanted"
        raise ValueError(f"gave `{type(sample).__name__}` as sample {number}, and {wanted}")
    arrays = {name: _array(sample[name], f"`{name}` of sample {number}") for name in sorted(sample)}
    if (size := sum(array.nbytes for array in arrays.values())) > MOST_OF_ONE:
        raise ValueError(f"gave {size} bytes as sample {number}, and at most {MOST_OF_ONE} are read")
    return arrays


def _array(value: Any, what: str) -> NDArray[Any]:
    is_array = isinstance(value, np.ndarray | np.generic)
    if not is_array or value.dtype.kind not in _NUMBERS:
        found = f"an array of {value.dtype}" if is_array else f"`{type(value).__name__}`"
        raise ValueError(f"gave {found} as {what}, and an array of numbers is wanted")
    return np.asarray(value)
