"""What looks like noise, and what is real and only irregular."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_iris  # type: ignore[import-untyped]

from npuspec.facts.randomness import name_noise

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
    "three classes": lambda: rng().choice([-1, 0, 1], 4096, p=[1 / 6, 2 / 3, 1 / 6]),
    "exponential": lambda: rng().exponential(size=4096),
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
