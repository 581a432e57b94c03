"""What looks like noise, and what is real and only irregular."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import (  # type: ignore[import-untyped]
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_sample_image,
    load_wine,
)

from npuspec.facts.randomness import name_noise, name_pixels, name_pooled

Array = NDArray[Any]


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


NOISE: dict[str, tuple[str, Callable[[], Array]]] = {
    "uniform": ("uniform noise", lambda: rng().random(16_000)),
    "uniform float16": ("uniform noise", lambda: rng().random((3, 64, 64)).astype(np.float16)),
    "uniform around zero": ("uniform noise", lambda: rng().uniform(-1, 1, (3, 224, 224)).astype(np.float32)),
    "normal": ("normal noise", lambda: rng().standard_normal((1, 80_000)).astype(np.float32)),
    "normal far from zero": ("normal noise", lambda: rng().normal(1000, 1, (80, 300))),
    "huge normal": ("normal noise", lambda: rng().standard_normal(4096) * 1e300),
    "tiny normal": ("normal noise", lambda: rng().standard_normal(4096) * 1e-300),
    "normal in Fortran order": ("normal noise", lambda: np.asfortranarray(rng().standard_normal((80, 300)))),
    "random pixels": ("uniform noise", lambda: rng().integers(0, 256, (224, 224, 3)).astype(np.uint8)),
    "random token ids": ("uniform noise", lambda: rng().integers(0, 30_000, (1, 512))),
    "pixels around grey": ("normal noise", lambda: np.clip(rng().normal(127, 60, (48, 192)), 0, 255).astype(np.uint8)),
    "normal, cut off": ("normal noise", lambda: np.clip(rng().normal(0, 1, (3, 64, 64)), -1.5, 2).astype(np.float32)),
    "Laplace": ("Laplace noise", lambda: rng().laplace(3, 2, (1, 16_000))),
    "exponential": ("exponential noise", lambda: rng().exponential(size=4096)),
    "coins": ("binary noise", lambda: rng().integers(0, 2, 4000)),
    "a few zeros": ("a constant", lambda: np.zeros((3, 64), np.float32)),
    "two ones": ("a constant", lambda: np.ones(2, np.int64)),
    "zeros": ("a constant", lambda: np.zeros((3, 32, 32), np.float32)),
    "ones": ("a constant", lambda: np.ones(16_000, np.int16)),
    "a tenth": ("a constant", lambda: np.full((1, 16_000), 0.1)),
    "a third": ("a constant", lambda: np.full(100_003, 1 / 3, np.float32)),
    "infinities": ("a constant", lambda: np.full(300, np.inf)),
}


@pytest.mark.parametrize(("kind", "make"), NOISE.values(), ids=[*NOISE])
@pytest.mark.filterwarnings("error")
def test_noise_is_named(kind: str, make: Callable[[], Array]) -> None:
    assert name_noise(make()) == kind


def zipf() -> Array:
    ids: Array = np.minimum(rng().zipf(1.3, 512), 30_000)
    return ids


def one_hot() -> Array:
    return np.eye(29, dtype=np.float32)[rng().integers(0, 29, 400)]


def sparse() -> Array:
    array = np.zeros((64, 64), np.float32)
    array[rng().integers(0, 64, 40), rng().integers(0, 64, 40)] = 1
    return array


def gradient() -> Array:
    x, y = np.meshgrid(np.linspace(0, 1, 224), np.linspace(0, 1, 224))
    return np.stack([x, y, x * y]) + rng().normal(0, 0.05, (3, 224, 224))


def walk() -> Array:
    return np.cumsum(rng().standard_normal(4096))


def silence_then_noise() -> Array:
    return np.concatenate([np.zeros(80_000, np.float32), rng().standard_normal(4000).astype(np.float32)])


def features_along_time() -> Array:
    """Neighbouring features have nothing in common, and neighbouring steps have."""
    return np.cumsum(rng().standard_normal((200, 64)), axis=0)


def features_along_time_in_fortran_order() -> Array:
    return np.asfortranarray(features_along_time())


REAL: dict[str, Callable[[], Array]] = {
    "token ids": zipf,
    "one-hot": one_hot,
    "sparse": sparse,
    "sorted uniform": lambda: np.sort(rng().random(4096)),
    "sorted normal": lambda: np.sort(rng().standard_normal(4096)),
    "counted": lambda: np.arange(4096),
    "a sine": lambda: np.sin(np.arange(16_000) / 9),
    "a picture": gradient,
    "digits": lambda: load_digits().images[:64].astype(np.float32),
    "a table": lambda: load_iris().data,
    "a walk": walk,
    "features": features_along_time,
    "features in Fortran order": features_along_time_in_fortran_order,
    "silence first": silence_then_noise,
    "a mask of a fifth": lambda: (rng().random(4096) < 0.211).astype(np.float32),
    "ten classes": lambda: rng().integers(0, 10, 4096),
    "three classes": lambda: rng().choice([-1, 0, 1], 4096, p=[1 / 6, 2 / 3, 1 / 6]),
    "Poisson": lambda: rng().poisson(3, 4096),
    "with NaN": lambda: np.where(rng().random(4096) < 0.01, np.nan, rng().standard_normal(4096)),
    "with an infinity": lambda: np.append(rng().standard_normal(4096), np.inf),
    "NaN alone": lambda: np.full(4096, np.nan),
    "too small to tell": lambda: rng().random(255),
    "empty": lambda: np.zeros((3, 0), np.float32),
    "one number": lambda: np.array(1.0),
    "booleans": lambda: rng().random(4096) < 0.5,
    "complex": lambda: rng().random(4096) + 1j,
    "text": lambda: np.array(["a"] * 300),
    "records": lambda: np.zeros(300, [("a", "f4")]),
    "times": lambda: np.zeros(300, "M8[s]"),
    "objects": lambda: np.array([None] * 300),
}


@pytest.mark.parametrize("make", REAL.values(), ids=[*REAL])
@pytest.mark.filterwarnings("error")
def test_what_may_be_real_is_none(make: Callable[[], Array]) -> None:
    assert name_noise(make()) == ""


def of_lengths(draw: Callable[[int], Array]) -> list[Array]:
    ends = np.cumsum(rng().integers(8, 60, 300))
    return np.split(draw(ends[-1]), ends[:-1])


POOLED: dict[str, tuple[str, Callable[[], list[Array]]]] = {
    "uniform": ("uniform noise", lambda: [*rng().random((200, 3, 64)).astype(np.float32)]),
    "normal of many lengths": ("normal noise", lambda: of_lengths(rng().standard_normal)),
    "Laplace": ("Laplace noise", lambda: [*rng().laplace(size=(200, 3, 100))]),
    "pairs": ("normal noise", lambda: [*rng().standard_normal((400, 2))]),
    "random token ids": ("uniform noise", lambda: of_lengths(lambda n: rng().integers(0, 30_000, n))),
    "random token ids of one length": ("uniform noise", lambda: [*rng().integers(0, 30_000, (300, 128))]),
}


@pytest.mark.parametrize(("kind", "make"), POOLED.values(), ids=[*POOLED])
@pytest.mark.filterwarnings("error")
def test_small_noise_is_named_by_many_samples(kind: str, make: Callable[[], list[Array]]) -> None:
    assert name_pooled(make()) == kind


def rows(table: Array) -> list[Array]:
    return [*table]


def standardised(table: Array) -> list[Array]:
    return [*((table - table.mean(axis=0)) / table.std(axis=0))]


REAL_POOLED: dict[str, Callable[[], list[Array]]] = {
    "iris": lambda: rows(load_iris().data),
    "iris, standardised": lambda: standardised(load_iris().data),
    "wine, standardised": lambda: standardised(load_wine().data),
    "tumours": lambda: rows(load_breast_cancer().data),
    "tumours, standardised": lambda: standardised(load_breast_cancer().data),
    "diabetes": lambda: rows(load_diabetes().data),
    "digits": lambda: rows(load_digits().images),
    "digits as counts": lambda: rows(load_digits().images.astype(np.uint8)),
    "pieces of a picture": lambda: [
        load_sample_image("china.jpg")[y : y + 8, x : x + 8, 0] for y in range(0, 400, 40) for x in range(0, 600, 60)
    ],
    "classes": lambda: [*rng().integers(0, 10, (400, 2))],
    "ids of one text": lambda: [zipf()[start : start + 16] for start in range(0, 512, 16)],
    "each feature around its own mean": lambda: [*(rng().standard_normal((300, 64)) + rng().standard_normal(64))],
    "too few": lambda: [*rng().random((2, 127))],
    "with NaN": lambda: [*rng().random((20, 127)), np.full(3, np.nan)],
    "none": list,
}


@pytest.mark.parametrize("make", REAL_POOLED.values(), ids=[*REAL_POOLED])
@pytest.mark.filterwarnings("error")
def test_small_samples_that_may_be_real_are_none(make: Callable[[], list[Array]]) -> None:
    assert name_pooled(make()) == ""


PICTURE: Array = load_sample_image("china.jpg")
NOISY: dict[str, Callable[[], Array]] = {
    "uniform": lambda: rng().integers(0, 256, (48, 192, 3), np.uint8),
    "normal": lambda: np.clip(rng().normal(127, 60, (48, 192, 3)), 0, 255).astype(np.uint8),
    "grey": lambda: rng().integers(0, 256, (64, 64), np.uint8),
}


def saved_as_jpeg(pixels: Array, quality: int) -> Array:
    """Return the brightness of pixels that were saved with losses."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("L"), float)


@pytest.mark.parametrize("quality", [95, 90, 75, 50])
def test_random_pixels_are_known_though_jpeg_blurs_them(quality: int) -> None:
    for make in NOISY.values():
        assert name_pixels(saved_as_jpeg(make(), quality)) == "random pixels"
    assert name_pixels(saved_as_jpeg(PICTURE, quality)) == ""
    assert name_pixels(saved_as_jpeg(np.ascontiguousarray(PICTURE[::16, ::16]), quality)) == ""
    assert name_pixels(np.kron(load_digits().images[0], np.ones((8, 8)))) == ""
    assert name_pixels(np.zeros((64, 64))) == ""
