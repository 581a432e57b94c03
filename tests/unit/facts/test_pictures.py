"""Pictures of strangers: decoded as they are stored, and refused before they cost anything."""

import io
import resource
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from npuspec.facts.pictures import MOST_PIXELS, read_picture

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10
SPECKLED = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def encoded(pixels: object, form: str = "PNG", mode: str | None = None) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(np.asarray(pixels))
    (picture if mode is None else picture.convert(mode)).save(file, form)
    return file.getvalue()


def read(folder: Path, content: bytes, channels: int = 3) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    (folder / "a.png").write_bytes(content)
    return read_picture(folder / "a.png", channels)


def refused(folder: Path, content: bytes) -> str:
    with pytest.raises(ValueError, match=r".+") as caught:
        read(folder, content)
    return str(caught.value)


def header(width: int, height: int, data: bytes = b"") -> bytes:
    """Return a PNG that claims a size, and has what pixels it is given."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    form = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", form) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def test_pixels_are_height_width_channels(tmp_path: Path) -> None:
    found = read(tmp_path, encoded(PIXELS))
    assert (found.dtype.name, found.shape) == ("uint8", (2, 3, 3))
    np.testing.assert_array_equal(found, PIXELS)


def test_grey_and_alpha_are_made_and_left_out(tmp_path: Path) -> None:
    grey = PIXELS[:, :, 0]
    np.testing.assert_array_equal(read(tmp_path, encoded(grey), 1)[:, :, 0], grey)
    np.testing.assert_array_equal(read(tmp_path, encoded(grey), 3), np.stack([grey] * 3, 2))
    transparent = np.dstack([PIXELS, np.full((2, 3), 7, np.uint8)])
    np.testing.assert_array_equal(read(tmp_path, encoded(transparent), 4), transparent)
    np.testing.assert_array_equal(read(tmp_path, encoded(transparent), 3), PIXELS)
    assert read(tmp_path, encoded(PIXELS), 4)[:, :, 3].tolist() == [[255] * 3] * 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_every_form_of_8_bits_is_read(tmp_path: Path, mode: str) -> None:
    assert read(tmp_path, encoded(PIXELS, mode=mode)).shape == (2, 3, 3)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_is_read(tmp_path: Path, mode: str) -> None:
    flat = np.full((20, 30, 3), 90, np.uint8)
    found = read(tmp_path, encoded(flat, "JPEG", mode))
    assert found.shape == (20, 30, 3)
    assert abs(found.astype(int) - 90).max() <= 2


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "no PNG or JPEG"),
    "text": (lambda: b"hello\n" * 100, "no PNG or JPEG"),
    "cut off": (lambda: encoded(SPECKLED, "JPEG")[:-300], "truncated"),
    "cut off png": (lambda: encoded(SPECKLED)[:-4000], "truncated"),
    "another format": (lambda: encoded(PIXELS, "GIF"), "no PNG or JPEG"),
    "a bitmap": (lambda: encoded(PIXELS, "BMP"), "no PNG or JPEG"),
    "16 bits": (lambda: encoded(PIXELS[:, :, 0].astype(np.uint16)), "isn't 8 bits a channel"),
    "a bomb": (lambda: header(30_000, 30_000), "bomb"),
    "more than is read": (lambda: header(MOST_PIXELS // 8192 + 1, 8192), f"at most {MOST_PIXELS}"),
    "impossible": (lambda: header(2**31 - 1, 2**31 - 1), "bomb"),
    "no pixels": (lambda: header(100, 100), "truncated"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.filterwarnings("error")
def test_what_is_no_picture_or_too_large_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    content, why = BAD[name]
    assert why in refused(tmp_path, content())


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    read(tmp_path, encoded(PIXELS))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(tmp_path, header(12_000, 12_000, bytes(1 << 20)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        read_picture(tmp_path / "a.png")
