"""Tell the types of files by their content with the bundle of specs/files.toml.

    python examples/file_types.py build/files FILE...
    python examples/file_types.py --save FOLDER FILE...    only what the model is given of them, as .npy

For each file: its type, and how sure the model is.
"""

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npuspec

TYPES = Path(__file__).parent.parent / "specs" / "files.types"
ENDS = 1024  # bytes from either end of a file
BLOCK = 4096  # bytes in which these are looked for
NO_BYTE = 256  # stands where a file is shorter

Array = NDArray[Any]


def read_ends(path: Path) -> Array:
    """Return what the model is given of a file: int32 [2048], its first and last bytes without white space."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            first = file.read(BLOCK).lstrip()[:ENDS]
            file.seek(max(0, size - BLOCK))
            last = file.read(BLOCK).rstrip()[-ENDS:]
    except OSError as error:
        sys.exit(f"{path}: {error}")
    return np.array([*first, *[NO_BYTE] * (2 * ENDS - len(first) - len(last)), *last], np.int32)


def main() -> None:
    """Tell the types."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, nargs="?")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--save", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.save is not None:
        paths = [path for path in (arguments.bundle, *arguments.files) if path is not None]
        for path in paths:
            np.save(arguments.save / f"{path.name}.npy", read_ends(path))
        return
    warnings.simplefilter("ignore", npuspec.FallbackWarning)  # printed below, with the other notes

    types = TYPES.read_text("utf-8").splitlines()
    with npuspec.load(arguments.bundle) as session:
        for note in session.notes:
            print(f"note: {note}", file=sys.stderr)
        results = session.infer_many([{"bytes": read_ends(path)} for path in arguments.files])
    for path, result in zip(arguments.files, results, strict=True):
        best = int(result["target_label"].argmax())
        print(f"{path.name:24} {types[best]:12} {result['target_label'][best]:6.1%}")


if __name__ == "__main__":
    try:
        main()
    except npuspec.NpuspecError as error:
        sys.exit(str(error))
