"""Normalizing against NumPy, bit for bit."""

import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
import openvino as ov
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from arrays import Array, Guarded, in_threads
from npuspec import kernels
from npuspec._native import levels
from npuspec._native import normalize as native_normalize

LAYOUTS: list[kernels.Layout] = ["CHW", "HWC", "NCHW", "NHWC"]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Case(NamedTuple):
    image: Array
    layout: kernels.Layout
    dtype: str
    size: tuple[int, int]
    at: tuple[int, int]
    channels: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fill: tuple[float, ...]


def reference(case: Case, scale: float) -> Array:
    """The formula of the documentation, on a canvas that was filled first."""
    *batch, height, width, _ = case.image.shape
    canvas = np.empty((*batch, *case.size, len(case.channels)), "f4")
    canvas[...] = case.fill
    (top, left) = case.at
    canvas[..., top : top + height, left : left + width, :] = case.image[..., list(case.channels)]
    a, b = np.empty((2, len(case.channels)), "f4")
    for k, (mean, std) in enumerate(zip(case.mean, case.std, strict=True)):
        a[k], b[k] = scale / std, -mean / std
    result = (canvas * a + b).astype(case.dtype)
    return np.ascontiguousarray(result if case.layout.endswith("C") else np.moveaxis(result, -1, -3))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    layout = draw(st.sampled_from(LAYOUTS))
    batch = [draw(st.integers(0, 2))] if layout.startswith("N") else []
    available = draw(st.integers(1, 4))
    shape = (*batch, draw(st.integers(0, 4)), draw(st.integers(0, 80)), available)
    steps = [draw(st.sampled_from([1, 1, 1, 1, 2, -1])) for _ in shape]
    stored = draw(hnp.arrays("u1", tuple(size * abs(step) for size, step in zip(shape, steps, strict=True))))
    image = stored[tuple(slice(None, None, step) for step in steps)]
    (above, left) = at = draw(st.sampled_from([(0, 0), (0, 0), (2, 0), (0, 9), (1, 20)]))
    (below, right) = draw(st.sampled_from([(0, 0), (0, 0), (1, 0), (2, 17)]))
    channels = tuple(draw(st.lists(st.integers(0, available - 1), min_size=1, max_size=4)))

    def each(least: float, most: float) -> tuple[float, ...]:
        return tuple(draw(st.floats(least, most)) for _ in channels)

    size = (above + shape[-3] + below, left + shape[-2] + right)
    dtype = draw(st.sampled_from(["float16", "float32"]))
    return Case(image, layout, dtype, size, at, channels, each(-2, 2), each(0.05, 2), each(-300, 300))


@given(case=cases(), shift=st.integers(0, 65))
def test_equals_numpy_bit_for_bit(case: Case, shift: int) -> None:
    wanted = reference(case, 1 / 255)
    made = kernels.normalize(
        case.image,
        case.layout,
        mean=case.mean,
        std=case.std,
        channels=case.channels,
        size=case.size,
        at=case.at,
        fill=case.fill,
        dtype=case.dtype,
    )
    assert made.tobytes() == wanted.tobytes()
    formula = []
    for channel, mean, std, fill in zip(case.channels, case.mean, case.std, case.fill, strict=True):
        a, b = np.float32(1 / 255 / std), np.float32(-mean / std)
        formula.append((channel, float(a), float(b), float(np.float32(fill) * a + b)))
    for level in levels():
        out = Guarded(wanted.shape, case.dtype, shift)
        native_normalize(case.image, out.array, formula, case.at, case.layout.endswith("C"), level=level)
        assert out.array.tobytes() == wanted.tobytes()
        out.assert_intact()


def picture(height: int, width: int) -> Array:
    return (np.arange(height * width * 3) * 7 % 251).astype("u1").reshape(height, width, 3)


@pytest.mark.parametrize(("dtype", "within"), [("float32", 2e-6), ("float16", 2e-3)])
def test_close_to_the_exact_value(dtype: Any, within: float) -> None:
    image = np.repeat(np.arange(256, dtype="u1"), 3).reshape(16, 16, 3)
    exact = (image / 255 - MEAN) / STD
    assert np.abs(kernels.normalize(image, "HWC", mean=MEAN, std=STD, dtype=dtype) - exact).max() <= within


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_large_ones(layout: kernels.Layout, dtype: Any, threads: int) -> None:
    image = picture(901, 1603)[:, 1:-1]
    case = Case(image, layout, dtype, (1001, 1610), (50, 4), (2, 1, 0), MEAN, STD, (114, 0, 1))
    out = np.empty_like(reference(case, 1 / 255))
    kernels.normalize(image, layout, out, mean=MEAN, std=STD, channels=(2, 1, 0), fill=(114, 0, 1), threads=threads)
    assert out.tobytes() == reference(case, 1 / 255).tobytes()


def test_a_smaller_image_is_put_in_the_middle() -> None:
    out = kernels.normalize(np.full((2, 3, 1), 255, "u1"), size=(5, 4), fill=51)
    assert out.shape == (1, 5, 4)
    assert np.argwhere(out[0] == 1).tolist() == [[row, col] for row in (1, 2) for col in (0, 1, 2)]
    assert ((out == 1) | (out == np.float32(51) * np.float32(1 / 255))).all()


def test_memory_of_openvino_is_written_to() -> None:
    tensor = ov.Tensor(ov.Type.f16, [1, 3, 4, 5])
    out = tensor.data
    assert kernels.normalize(picture(4, 5)[None], "NCHW", out) is out
    assert (tensor.data[0] == kernels.normalize(picture(4, 5), dtype="float16")).all()


def test_many_threads_read_one_image() -> None:
    image = picture(300, 500)
    wanted = kernels.normalize(image, mean=MEAN, std=STD)

    def work(number: int) -> None:
        for _ in range(5):
            assert (kernels.normalize(image, mean=MEAN, std=STD, threads=1 + number % 2) == wanted).all()

    in_threads(work)


def test_a_forked_child_works_with_threads() -> None:
    code = (
        "import os, numpy as np; from npuspec import kernels\n"
        "image = np.ones((900, 900, 3), 'u1'); wanted = kernels.normalize(image, threads=2)\n"
        "child = os.fork()\n"
        "if not child: os._exit(not (kernels.normalize(image, threads=2) == wanted).all())\n"
        "assert os.waitpid(child, 0)[1] == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_openvino_is_not_needed() -> None:
    code = "import npuspec.kernels, sys; assert 'numpy' in sys.modules; assert 'openvino' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def read_only() -> Array:
    array = np.empty((3, 2, 5), "f4")
    array.flags.writeable = False
    return array


OUT = np.zeros((3, 2, 5), "f4")


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"layout": "WHC"}, ValueError, "layout is 'WHC', none of"),
        ({"layout": "NCHW"}, ValueError, "but the layout has 4 axes"),
        ({"image": np.ones((2, 5, 3), "f4")}, TypeError, "image has dtype float32, not dtype uint8"),
        ({"image": np.ones((2, 5, 3), "i1")}, TypeError, "image has dtype int8, not dtype uint8"),
        ({"image": np.ones((2, 5, 5), "u1")}, ValueError, "pictures have 5 channels, not 1 to 4"),
        ({"dtype": "float64"}, ValueError, "dtype is float64, neither float16 nor float32"),
        ({"mean": (1, 2)}, ValueError, "mean has 2 values for 3 channels"),
        ({"std": (1, 2)}, ValueError, "std has 2 values for 3 channels"),
        ({"fill": (1, 2)}, ValueError, "fill has 2 values for 3 channels"),
        ({"std": (1, 2, 0)}, ValueError, "std is zero"),
        ({"std": 1e-300}, ValueError, "a scale, offset or fill isn't finite"),
        ({"mean": float("nan")}, ValueError, "a scale, offset or fill isn't finite"),
        ({"fill": float("inf")}, ValueError, "a scale, offset or fill isn't finite"),
        ({"channels": ()}, ValueError, "pictures have 0 channels, not 1 to 4"),
        ({"channels": (0, 3)}, ValueError, "channel 3 is asked for, but pictures have 3"),
        ({"channels": (0, -1)}, ValueError, "channel -1 is asked for, but pictures have 3"),
        ({"size": (1, 5)}, ValueError, "a picture of 2 x 5 at 0, 0 reaches beyond the canvas"),
        ({"size": (2, 6), "at": (0, 2)}, ValueError, "a picture of 2 x 5 at 0, 2 reaches beyond the canvas"),
        ({"out": OUT, "size": (2, 5)}, ValueError, "size and dtype are for a result that is made"),
        ({"out": OUT, "dtype": "float32"}, ValueError, "size and dtype are for a result that is made"),
        (
            {"out": OUT[:2]},
            ValueError,
            r"out has shape \[2, 2, 5\], which doesn't go with an image",
        ),
        ({"out": OUT[:, :1]}, BufferError, "out isn't C-contiguous"),
        ({"out": OUT[:, :1].copy()}, ValueError, "a picture of 2 x 5 at 0, 0 reaches beyond the canvas"),
        ({"out": OUT.astype("f8")}, TypeError, "out has dtype float64, neither float16 nor float32"),
        ({"out": OUT.astype(">f4")}, TypeError, "out has dtype >f4"),
        ({"out": OUT[..., ::-1]}, BufferError, "out isn't C-contiguous"),
        ({"out": read_only()}, BufferError, "out is read-only"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        kernels.normalize(**{"image": np.ones((2, 5, 3), "u1")} | given)
    assert (OUT == 0).all()


def test_numbers_and_dtypes_may_be_numpys() -> None:
    image = np.arange(30, dtype="u1").reshape(2, 5, 3)
    wanted = kernels.normalize(image, mean=0.5, std=[0.5] * 3, dtype="float16")
    found = kernels.normalize(image, mean=np.float32(0.5), std=np.array(0.5), dtype=np.float16)  # type: ignore[arg-type]
    assert found.tobytes() == wanted.tobytes()


def test_overlap_is_refused() -> None:
    memory = np.zeros(400, "u1")
    with pytest.raises(ValueError, match="out and image overlap"):
        kernels.normalize(memory[119:149].reshape(2, 5, 3), "CHW", memory[:120].view("f4").reshape(3, 2, 5))
    kernels.normalize(memory[120:150].reshape(2, 5, 3), "CHW", memory[:120].view("f4").reshape(3, 2, 5))
