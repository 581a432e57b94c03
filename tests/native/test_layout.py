"""Repacking against NumPy, bit for bit."""

from typing import Any

import numpy as np
import openvino as ov
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arrays import Array, Guarded, in_threads
from npuspec import kernels
from npuspec._native import levels
from npuspec._native import repack as native_repack

DTYPES = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
LAYOUTS: list[kernels.Layout] = ["CHW", "HWC", "NCHW", "NHWC"]


def moved(array: Array, layout: str) -> Array:
    return np.moveaxis(array, -3, -1) if layout.endswith("C") else np.moveaxis(array, -1, -3)


def numbered(shape: tuple[int, ...], dtype: str) -> Array:
    size = int(np.prod(shape))
    return ((np.arange(size) * 7 + np.arange(size) // 251) % 2039).astype(dtype).reshape(shape)


@st.composite
def images(draw: st.DrawFn) -> tuple[Array, kernels.Layout]:
    layout = draw(st.sampled_from(LAYOUTS))
    sizes = {
        "N": draw(st.integers(0, 3)),
        "C": draw(st.one_of(st.integers(0, 5), st.integers(1, 70))),
        "H": draw(st.integers(0, 5)),
        "W": draw(st.integers(0, 70)),
    }
    axes = layout[:-3] + ("CHW" if layout.endswith("C") else "HWC")
    steps = [draw(st.sampled_from([1, 1, 1, 1, 2, -1, -3])) for _ in axes]
    dtype = draw(st.sampled_from(DTYPES))
    stored = numbered(tuple(sizes[axis] * abs(step) for axis, step in zip(axes, steps, strict=True)), dtype)
    if draw(st.integers(0, 3)) == 0:
        stored = np.asfortranarray(stored)
    return stored[tuple(slice(None, None, step) for step in steps)], layout


@given(images=images(), shift=st.integers(0, 65))
def test_equals_numpy_bit_for_bit(images: tuple[Array, kernels.Layout], shift: int) -> None:
    array, layout = images
    wanted = np.ascontiguousarray(moved(array, layout))
    assert kernels.repack(array, layout).tobytes() == wanted.tobytes()
    for level in levels():
        out = Guarded(wanted.shape, array.dtype.str, shift)
        native_repack(array, out.array, layout.endswith("C"), level=level)
        assert out.array.tobytes() == wanted.tobytes()
        out.assert_intact()


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(("channels", "dtype"), [(3, "u1"), (4, "u1"), (3, "f4"), (64, "f2"), (1, "f4")])
def test_large_ones(channels: int, dtype: str, threads: int) -> None:
    side = int((9e6 / channels / np.dtype(dtype).itemsize / 2) ** 0.5) + 1
    array = numbered((2, side, side, channels), dtype)
    planes = kernels.repack(array, "NCHW", threads=threads)
    assert planes.tobytes() == np.ascontiguousarray(moved(array, "NCHW")).tobytes()
    assert kernels.repack(planes, "NHWC", threads=threads).tobytes() == array.tobytes()


def test_out_is_what_is_returned() -> None:
    out = np.empty((3, 2, 5), "f4")
    assert kernels.repack(np.ones((2, 5, 3), "f4"), "CHW", out) is out
    assert (out == 1).all()


def test_memory_of_openvino_is_written_to() -> None:
    tensor = ov.Tensor(ov.Type.f32, [1, 3, 4, 5])
    array = numbered((1, 4, 5, 3), "f4")
    kernels.repack(array, "NCHW", tensor.data)
    assert (tensor.data == moved(array, "NCHW")).all()


def test_many_threads_read_one_array() -> None:
    array = numbered((300, 200, 3), "u1")
    wanted = np.ascontiguousarray(moved(array, "CHW"))

    def work(number: int) -> None:
        for _ in range(5):
            assert (kernels.repack(array, "CHW", threads=1 + number % 2) == wanted).all()

    in_threads(work)


def read_only() -> Array:
    array = np.empty((3, 2, 5), "f4")
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("layout", "out", "error", "says"),
    [
        ("NCWH", None, ValueError, "layout is 'NCWH', none of"),
        ("NCHW", None, ValueError, r"array has shape \(2, 5, 3\), but the layout has 4 axes"),
        ("CHW", np.empty((1, 3, 2, 5), "f4"), ValueError, "but the layout has 3 axes"),
        ("CHW", np.empty((3, 5, 2), "f4"), ValueError, r"out has shape \[3, 5, 2\], which isn't \[2, 5, 3\] repacked"),
        ("CHW", np.empty((3, 2, 5), "f8"), TypeError, "out has dtype float64, not dtype float32"),
        ("CHW", np.empty((3, 2, 5), "i4"), TypeError, "out has dtype int32, not dtype float32"),
        ("CHW", np.empty((3, 2, 5), ">f4"), TypeError, "out has dtype >f4, not dtype float32"),
        ("CHW", np.empty((3, 2, 5), "c8"), TypeError, "out has dtype complex64, not dtype float32"),
        ("CHW", np.empty((3, 2, 10), "f4")[..., ::2], BufferError, "out isn't C-contiguous"),
        ("CHW", np.empty((5, 2, 3), "f4").T, BufferError, "out isn't C-contiguous"),
        ("CHW", read_only(), BufferError, "out is read-only"),
        ("CHW", [[[1.0] * 5] * 2] * 3, TypeError, "out is a list, not an array"),
    ],
)
def test_what_does_not_fit_is_refused(layout: Any, out: Any, error: type[Exception], says: str) -> None:
    array = np.ones((2, 5, 3), "f4")
    before = out.tobytes() if isinstance(out, np.ndarray) else None
    with pytest.raises(error, match=says):
        kernels.repack(array, layout, out)
    assert before is None or out.tobytes() == before


def test_arrays_in_another_byte_order_are_refused() -> None:
    with pytest.raises(TypeError, match="array has dtype >f4, which isn't supported"):
        kernels.repack(np.ones((2, 5, 3), ">f4"), "CHW", np.empty((3, 2, 5), "f4"))


def test_overlap_is_refused() -> None:
    memory = np.zeros(60, "u1")
    array = memory[:30].reshape(2, 5, 3)
    for begin in (0, 1, 29):
        with pytest.raises(ValueError, match="out and array overlap"):
            kernels.repack(array, "CHW", memory[begin : begin + 30].reshape(3, 2, 5))
    kernels.repack(array, "CHW", memory[30:].reshape(3, 2, 5))


def test_levels_are_named() -> None:
    assert levels()[0] == "portable"
    array, out = np.ones((2, 5, 3), "f4"), np.empty((3, 2, 5), "f4")
    with pytest.raises(ValueError, match='there is no level "sse", only portable, avx2 and avx512'):
        native_repack(array, out, channels_last=False, level="sse")
    for level in {"avx2", "avx512"} - set(levels()):
        with pytest.raises(ValueError, match=f"this machine lacks the instructions of {level}"):
            native_repack(array, out, channels_last=False, level=level)


def test_a_result_is_made_of_arrays_alone() -> None:
    given: Any = [[[1.0]]]
    with pytest.raises(TypeError, match="array is a list, not an array"):
        kernels.repack(given, "CHW")
