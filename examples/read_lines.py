"""Read the text on pictures of lines with the bundle of specs/ocr.toml.

    python examples/read_lines.py build/ocr                    the pictures of specs/lines, with their error rate
    python examples/read_lines.py build/ocr one.png two.jpg    your own: one line of text each, cropped closely

For each picture: its width at a height of 48, and the text that is read.
"""

import argparse
import sys
import warnings
from itertools import groupby
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

import npuspec

SPECS = Path(__file__).parent.parent / "specs"
LINES = SPECS / "lines"
HEIGHT = 48  # pixels, the model's own

Array = NDArray[Any]


def read_picture(path: Path) -> Array:
    """Return a picture as uint8 [48, width, 3]."""
    try:
        with Image.open(path) as picture:
            width = max(1, round(picture.width * HEIGHT / picture.height))
            return np.asarray(picture.convert("RGB").resize((width, HEIGHT), Image.Resampling.BICUBIC))
    except (OSError, UnidentifiedImageError) as error:
        sys.exit(f"{path}: {error}")


def read_alphabet() -> list[str]:
    """Return the characters that the model tells apart: the vocabulary of the spec, one on each line."""
    return (SPECS / "ocr.characters").read_text("utf-8").removesuffix("\n").split("\n")


def decode(probabilities: Array, alphabet: list[str]) -> str:
    """Decode CTC probabilities [steps, characters] greedily: runs of the best one become one, blanks none."""
    return "".join(alphabet[best] for best, _ in groupby(probabilities.argmax(axis=-1))).strip()


def main() -> None:
    """Read the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("pictures", type=Path, nargs="*", metavar="PICTURE")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", npuspec.FallbackWarning)  # printed below, with the other notes

    alphabet = read_alphabet()
    paths = arguments.pictures or sorted(LINES.glob("*.jpg"))
    with npuspec.load(arguments.bundle) as session:
        for note in session.notes:
            print(f"note: {note}", file=sys.stderr)
        (output,) = (output.name for output in session.program.outputs)
        pictures = [read_picture(path) for path in paths]
        results = session.infer_many([{"x": picture} for picture in pictures])
    texts = [decode(result[output], alphabet) for result in results]
    for path, picture, text in zip(paths, pictures, texts, strict=True):
        print(f"{path.name:12} {picture.shape[1]:5}  {text}")
    if not arguments.pictures:
        wanted = (LINES / "labels.txt").read_text("utf-8").splitlines()
        print(f"{len(texts)} lines on {session.device}: {jiwer.cer(wanted, texts):.2%} of the characters are wrong")


if __name__ == "__main__":
    try:
        main()
    except npuspec.NpuspecError as error:
        sys.exit(str(error))
