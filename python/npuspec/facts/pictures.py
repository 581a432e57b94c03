"""Pictures as arrays; a stranger's file may be small and its pixels many."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuspec.facts.formats import missing_extra

MOST_PIXELS = 1 << 26
_FORMATS = ("JPEG", "PNG")
_FORMS = {1: "L", 3: "RGB", 4: "RGBA"}
_READ = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
"""Pillow's modes of 8 bits a channel and fewer; it cuts deeper ones off where others would scale them."""


def read_picture(file: Path, channels: int = 3) -> NDArray[Any]:
    """Decode a PNG or JPEG as it is stored: nothing is turned, scaled or laid over a background.

    Args:
        file: where it lies.
        channels: 1 for grey, 3 for RGB, 4 for RGBA; what the picture has is converted.

    Returns:
        uint8 [height, width, channels].

    Raises:
        ValueError: it isn't there, is no such picture, or a larger one than is ever decoded; with the reason.
        StageError: `missing-extra`.

    """
    try:
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415  an extra: only specs with pictures need it
    except ImportError:
        raise missing_extra("pillow", "pictures") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=_FORMATS) as picture:
                _check(picture.size, picture.mode)
                pixels = np.array(picture.convert(_FORMS[channels]))
    except UnidentifiedImageError:
        raise ValueError("it is no PNG or JPEG") from None
    except Exception as error:  # Pillow lets what its parsers raise through
        raise ValueError(str(error)) from error
    return pixels.reshape(*pixels.shape[:2], channels)


def _check(size: tuple[int, int], mode: str) -> None:
    """Refuse a picture by its header, before its pixels take memory."""
    if size[0] * size[1] > MOST_PIXELS:
        raise ValueError(f"it has {size[0]} x {size[1]} pixels, and at most {MOST_PIXELS} are decoded")
    if mode not in _READ:
        raise ValueError(f"its pixels are of the form {mode}, which isn't 8 bits a channel")
