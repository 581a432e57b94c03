"""Resizing against Pillow."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from arrays import Array, Guarded, in_threads
from npuspec import kernels
from npuspec._native import levels
from npuspec._native import resize as native_resize

# Of four channels, a mode whose fourth isn't what the others are multiplied by.
MODES = {1: "L", 3: "RGB", 4: "CMYK"}


def pillow(image: Array, size: tuple[int, int]) -> Array:
    height, width, channels = image.shape
    picture = Image.frombytes(MODES[channels], (width, height), image.tobytes())
    resized = np.asarray(picture.resize(size[::-1], Image.Resampling.BILINEAR))
    return resized.reshape(*size, channels)


def most_apart(a: Array, b: Array) -> int:
    return int(np.abs(a.astype("i2") - b.astype("i2")).max())


def picture(height: int, width: int, channels: int, seed: int = 0) -> Array:
    """Soft and hard edges, and noise."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = 128 + 100 * np.sin(x[..., None] / (3 + np.arange(channels))) * np.cos(y / 7)[..., None]
    hard = (x // 5 + y // 9)[..., None] % 2 * 255
    noise = draw.integers(0, 256, (height, width, channels))
    return np.where(y[..., None] % 30 < 10, waves, np.where(y[..., None] % 30 < 20, hard, noise)).astype("u1")


@pytest.mark.parametrize("channels", MODES)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((480, 640), (224, 224)),
        ((270, 480), (160, 160)),
        ((100, 100), (299, 301)),
        ((333, 77), (100, 200)),
        ((60, 333), (120, 100)),
        ((50, 60), (50, 61)),
        ((50, 60), (13, 60)),
        ((1, 1), (3, 2)),
        ((2000, 3), (1, 1)),
    ],
)
def test_no_value_is_further_than_one_from_that_of_pillow(
    before: tuple[int, int], after: tuple[int, int], channels: int
) -> None:
    image = picture(*before, channels)
    wanted = pillow(image, after)
    found = kernels.resize(image, after)
    assert most_apart(found, wanted) <= 1
    for level in levels():
        out = Guarded((*after, channels), "|u1", 3)
        native_resize(image, out.array, level=level)
        assert (out.array == found).all()
        out.assert_intact()


def test_few_values_are_another_than_those_of_pillow() -> None:
    image = picture(480, 640, 3)
    assert (kernels.resize(image, (224, 224)) != pillow(image, (224, 224))).mean() < 0.005


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4])),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    steps=st.tuples(*[st.sampled_from([1, 1, 2, -1])] * 3),
    count=st.sampled_from([None, 0, 1, 3]),
    transposed=st.booleans(),
)
def test_any_strides_and_batches(
    shape: tuple[int, int, int], size: tuple[int, int], steps: tuple[int, int, int], count: int | None, transposed: bool
) -> None:
    height, width, channels = (n * abs(step) for n, step in zip(shape, steps, strict=True))
    stored = np.stack([picture(height, width, channels, seed) for seed in range(count or 1)])[
        : 1 if count is None else count
    ]
    if transposed:
        stored = np.asfortranarray(stored)
    images = stored[:, :: steps[0], :: steps[1], :: steps[2]]
    given = images[0] if count is None else images
    given.flags.writeable = False
    found = kernels.resize(given, size)
    assert found.shape == (*given.shape[:-3], *size, shape[2])
    for image, one in zip(images, found[None] if count is None else found, strict=True):
        assert (kernels.resize(np.ascontiguousarray(image), size) == one).all()
        assert most_apart(one, pillow(image, size)) <= 2


def test_out_is_what_is_returned() -> None:
    memory = Guarded((4, 5, 3), "|u1", 7)
    assert kernels.resize(np.full((9, 9, 3), 77, "u1"), (4, 5), memory.array) is memory.array
    assert (memory.array == 77).all()
    memory.assert_intact()


def test_the_fourth_channel_is_one_like_the_others() -> None:
    image = picture(30, 40, 4)
    found = kernels.resize(image, (17, 19))
    for channel in range(4):
        assert (kernels.resize(image[..., channel, None], (17, 19))[..., 0] == found[..., channel]).all()


def test_zero_sizes_are_fine() -> None:
    assert kernels.resize(np.empty((0, 3, 3), "u1"), (0, 7)).shape == (0, 7, 3)
    assert kernels.resize(np.empty((0, 5, 3, 3), "u1"), (2, 7)).shape == (0, 2, 7, 3)


def test_many_threads_read_one_picture() -> None:
    image = picture(300, 400, 3)
    wanted = kernels.resize(image, (200, 500))

    def work(_: int) -> None:
        for _ in range(3):
            assert (kernels.resize(image, (200, 500)) == wanted).all()

    in_threads(work)


IMAGE = np.full((4, 6, 3), 9, "u1")
FROZEN = np.zeros((2, 2, 3), "u1")
FROZEN.flags.writeable = False


@pytest.mark.parametrize(
    ("error", "says", "image", "size", "out"),
    [
        (TypeError, "image is a list, not an array", [[[1]]], (2, 2), None),
        (TypeError, "image is a <class 'list'>, not an array", [[[1]]], (2, 2), np.zeros((2, 2, 1), "u1")),
        (TypeError, "image is a NoneType, not an array", None, (2, 2), None),
        (TypeError, "out is a list, not an array", IMAGE, (2, 2), [[[0] * 3] * 2] * 2),
        (TypeError, "image has dtype int8, not dtype uint8", IMAGE.view("i1"), (2, 2), None),
        (TypeError, "out has dtype float32, not dtype uint8", IMAGE, (2, 2), np.zeros((2, 2, 3), "f4")),
        (ValueError, "image has shape", IMAGE[0], (2, 2), None),
        (ValueError, "pictures have 2 channels, not 1, 3 or 4", IMAGE[..., :2], (2, 2), None),
        (ValueError, "a side of 65536 is longer than 65535", IMAGE, (1, 65536), None),
        (ValueError, "negative", IMAGE, (1, -1), None),
        (ValueError, "no pixels", IMAGE[:0], (2, 2), None),
        (ValueError, "which isn't of size", IMAGE, (2, 2), np.zeros((2, 3, 3), "u1")),
        (ValueError, r"out has shape \[2, 2, 1\], which isn't", IMAGE, (2, 2), np.zeros((2, 2, 1), "u1")),
        (ValueError, r"out has shape \[1, 2, 2, 3\], which isn't", IMAGE, (2, 2), np.zeros((1, 2, 2, 3), "u1")),
        (BufferError, "out isn't C-contiguous", IMAGE, (2, 2), np.zeros((2, 4, 3), "u1")[:, ::2]),
        (BufferError, "out is read-only", IMAGE, (2, 2), FROZEN),
        (ValueError, "out and image overlap", IMAGE, (2, 2), IMAGE[3, 2:].reshape(2, 2, 3)),
    ],
)
def test_nothing_is_written_when_a_call_is_wrong(
    error: type[Exception], says: str, image: Any, size: tuple[int, int], out: Any
) -> None:
    before = out.tobytes() if isinstance(out, np.ndarray) else None
    with pytest.raises(error, match=says):
        kernels.resize(image, size, out)
    assert before is None or out.tobytes() == before
