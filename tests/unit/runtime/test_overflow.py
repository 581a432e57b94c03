"""Samples beyond the largest size: cut off, or run in chunks that become one again, against plain NumPy."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from numpy.typing import NDArray
from openvino import opset13 as op

from npuspec.bundle.chunks import chunk_starts, unstitchable
from npuspec.bundle.program import Dim, Extent, Output, Program, Variant
from npuspec.diagnostics import InputError
from npuspec.runtime import Engine, Session
from npuspec.runtime.overflow import pieces_of, stitch
from runtime.toys import along, compiled, data, doubled, length, mask, model, parameters, program

Array = NDArray[Any]


def beyond(toy: Program, dim: str = "time", **how: Any) -> Program:
    """Return a program with something to be done with samples beyond its largest size."""
    return structs.replace(toy, dims={**toy.dims, dim: structs.replace(toy.dims[dim], **how)})


def chunked(toy: Program, overlap: int, stitched: str = "concatenate", step: int = 1) -> Program:
    return beyond(toy, overflow="chunk", overlap=overlap, stitch=stitched, step=step)


def session(toy: Program, build: Any = doubled) -> Session:
    return Session(Engine(toy, compiled(toy, build), device="CPU"))


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 30])
def test_what_is_truncated_is_what_comes_first(size: int, side: str) -> None:
    toy = beyond(program(data(pad_side=side), outputs=(along(),), minimum=1), overflow="truncate")
    toy = structs.replace(toy, dims={"time": structs.replace(toy.dims["time"], minimum=1)})
    sample = np.arange(1, size + 1, dtype=np.float32)
    with session(toy) as running:
        if size == 0:
            with pytest.raises(InputError):
                running.infer({"x": sample})
        else:
            np.testing.assert_array_equal(running.infer({"x": sample})["y"], 2 * sample[:8])


def test_a_truncated_sample_has_the_length_and_mask_of_what_is_left() -> None:
    toy = beyond(program(data(), length(), mask()), overflow="truncate")
    (piece,) = pieces_of(toy, {"x": np.ones(20, np.float32)}, {"time": 20})
    assert (piece.arrays["x"].shape, piece.fit.sizes) == ((8,), {"time": 8})


@settings(deadline=None)
@given(
    maximum=st.integers(1, 40),
    overlap=st.integers(0, 39),
    step=st.integers(1, 8),
    size=st.integers(1, 200),
)
def test_chunks_are_full_begin_on_steps_and_leave_nothing_out(maximum: int, overlap: int, step: int, size: int) -> None:
    dim = Dim(minimum=1, maximum=maximum, overflow="chunk", overlap=overlap, step=step)
    if (maximum - overlap) // step < 1 or size <= maximum:
        return
    starts = chunk_starts(dim, size)
    assert starts[0] == 0
    assert all(start % step == 0 for start in starts)
    assert all(overlap <= a + maximum - b for a, b in pairwise(starts))
    assert all(a < b for a, b in pairwise(starts))
    assert size - maximum <= starts[-1] < size - maximum + step


@settings(deadline=None)
@given(
    size=st.integers(9, 60), overlap=st.integers(0, 7), rank=st.integers(1, 3), axis=st.integers(0, 2), how=st.data()
)
def test_what_doubles_each_element_does_so_in_chunks_of_any_kind(
    size: int, overlap: int, rank: int, axis: int, how: st.DataObject
) -> None:
    axis = min(axis, rank - 1)
    axes = tuple("time" if n == axis else 2 for n in range(rank))
    stitched = how.draw(st.sampled_from(["concatenate", "average"]))
    dtype = how.draw(st.sampled_from(["float32", "int64"]))
    toy = chunked(
        program(data(axes=axes, dtype=dtype), outputs=(along(axis=axis + 1, dtype=dtype),)), overlap, stitched
    )
    shape = [size if a == "time" else 2 for a in axes]
    sample = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    pieces = pieces_of(toy, {"x": sample}, {"time": size})
    results = [{"y": 2 * piece.arrays["x"]} for piece in pieces]
    found = stitch(toy, pieces, results)["y"]
    np.testing.assert_array_equal(found, 2 * sample)
    assert found.dtype == sample.dtype


@settings(deadline=None)
@given(
    size=st.integers(33, 200),
    divisor=st.integers(1, 6),
    kernel=st.integers(1, 9),
    extra=st.integers(0, 12),
    stitched=st.sampled_from(["concatenate", "average"]),
)
def test_steps_of_a_strided_output_fall_together(
    size: int, divisor: int, kernel: int, extra: int, stitched: str
) -> None:
    """A strided sum without padding: where chunks overlap by its kernel, every step sees just what it saw before."""
    extent = Extent(dim="time", axis=1, offset=divisor - kernel, divisor=divisor)
    toy = chunked(
        program(data(), sizes=({"time": 32},), outputs=(Output(name="y", dtype="float64", extents=(extent,)),)),
        overlap=kernel + extra,
        stitched=stitched,
        step=divisor,
    )
    assert list(unstitchable(toy)) == []

    def sums(x: Array) -> Array:
        return np.array([x[i : i + kernel].sum() for i in range(0, len(x) - kernel + 1, divisor)])

    sample = np.random.default_rng(size).integers(0, 9, size).astype(np.float64)
    pieces = pieces_of(toy, {"x": sample}, {"time": size})
    found = stitch(toy, pieces, [{"y": sums(piece.arrays["x"])} for piece in pieces])["y"]
    np.testing.assert_array_equal(found, sums(sample))


def test_an_output_without_the_axis_is_the_mean_weighted_by_length() -> None:
    pooled = Output(name="y", dtype="float32", extents=())
    toy = chunked(program(data(), outputs=(pooled,)), 0, "average", step=4)
    pieces = pieces_of(toy, {"x": np.arange(10, dtype=np.float32)}, {"time": 10})
    assert [(piece.start, piece.fit.sizes["time"]) for piece in pieces] == [(0, 8), (4, 6)]
    found = stitch(toy, pieces, [{"y": np.array([1, 2], np.float32)}, {"y": np.array([3, 4], np.float32)}])
    np.testing.assert_allclose(found["y"], (np.array([1, 2]) * 8 + np.array([3, 4]) * 6) / 14, rtol=1e-6)


def test_chunks_of_several_samples_share_batches() -> None:
    toy = chunked(program(data(), batch=4, sizes=({"time": 4}, {"time": 8}), outputs=(along(),)), 2)
    sizes = [3, 30, 8, 17, 9, 1]
    samples = [np.arange(n, dtype=np.float32) + 100 * n for n in sizes]
    with session(toy) as running:
        for sample, found in zip(samples, running.infer_many([{"x": s} for s in samples]), strict=True):
            np.testing.assert_array_equal(found["y"], 2 * sample)


def test_two_inputs_of_one_dimension_are_chunked_alike() -> None:
    def added(toy: Program, variant: Variant) -> Any:
        given = parameters(toy, variant)
        return model({"y": op.add(given["a"], given["b"])}, given)

    toy = chunked(program(data("a"), data("b"), outputs=(along(),)), 3)
    a, b = np.arange(21, dtype=np.float32), np.arange(21, dtype=np.float32)[::-1]
    with session(toy, added) as running:
        np.testing.assert_array_equal(running.infer({"a": a, "b": b})["y"], np.full(21, 20))


@pytest.mark.parametrize(
    ("output", "how", "why"),
    [
        (Output(name="y", dtype="float32", extents=()), {}, "no axis that follows from `time`"),
        (Output(name="y", dtype="int64", extents=()), {"stitch": "average"}, "no axis that follows from `time`"),
        (along(offset=-4), {"overlap": 3}, "1 step(s) of output `y` would be missing"),
        (along(divisor=4), {"step": 2}, "don't fall together"),
        (along(), {"overlap": 8}, "begin at multiples of 1"),
        (along(), {"minimum": 8, "step": 4}, "a last chunk may be 5 long"),
        (
            Output(name="y", dtype="float32", extents=(Extent(dim="time", axis=1), Extent(dim="time", axis=2))),
            {},
            "on several axes",
        ),
    ],
)
def test_what_cannot_become_one_is_said(output: Output, how: dict[str, Any], why: str) -> None:
    toy = beyond(program(data(), outputs=(output,)), **{"overflow": "chunk", "overlap": 0, **how})
    [(dim, found, _)] = unstitchable(toy)
    assert dim == "time"
    assert why in found
    with pytest.raises(ValueError, match="time"):
        session(toy)


def test_the_overlap_that_is_asked_for_is_enough() -> None:
    toy = chunked(program(data(), outputs=(along(offset=-4),)), 4)
    assert list(unstitchable(toy)) == []


def test_two_chunked_dimensions_are_refused() -> None:
    toy = program(data(axes=("height", "width")), sizes=({"height": 4, "width": 8},), outputs=())
    toy = beyond(beyond(toy, "height", overflow="chunk"), "width", overflow="chunk")
    [(_, why, _)] = unstitchable(toy)
    assert why == "a sample can't be chunked in `height` and `width` at once"


def test_one_dimension_may_be_chunked_and_another_truncated() -> None:
    extents = (Extent(dim="height", axis=1), Extent(dim="width", axis=2))
    toy = program(
        data(axes=("height", "width")),
        sizes=({"height": 4, "width": 8},),
        outputs=(Output(name="y", dtype="float32", extents=extents),),
    )
    toy = beyond(beyond(toy, "height", overflow="truncate"), "width", overflow="chunk", overlap=2)
    sample = np.arange(6 * 20, dtype=np.float32).reshape(6, 20)
    with session(toy) as running:
        np.testing.assert_array_equal(running.infer({"x": sample})["y"], 2 * sample[:4])
