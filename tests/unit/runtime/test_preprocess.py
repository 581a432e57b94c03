"""From what the caller has to what the model takes, against plain NumPy; and a picture end to end."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuspec.bundle.program import Extent, Output, Preprocess
from npuspec.diagnostics import InputError
from npuspec.runtime import Engine, Session
from npuspec.runtime.feed import check_sample
from npuspec.runtime.fill import Filler
from npuspec.runtime.preprocess import given_axes, preprocess
from runtime.toys import along, compiled, data, doubled, echo, program

NHWC = {"order": (2, 0, 1), "channels": 0}


def picture(**more: Any) -> Preprocess:
    return Preprocess(**{"dtype": "uint8", "mean": (10.0, 20.0, 30.0), "scale": (2.0, 4.0, 5.0), **NHWC, **more})


@settings(deadline=None)
@given(
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    swap=st.booleans(),
    mean=st.sampled_from([(), (7.5,), (1.0, 2.0, 3.0)]),
    scale=st.sampled_from([(), (0.5,), (1.0, -2.0, 4.0)]),
    given_as=st.sampled_from(["uint8", "float16", "float32", "int32"]),
    taken_as=st.sampled_from(["float16", "float32", "float64"]),
    side=st.sampled_from(["right", "left"]),
)
def test_axes_channels_and_values_as_numpy_would(
    height: int,
    width: int,
    swap: bool,
    mean: tuple[float, ...],
    scale: tuple[float, ...],
    given_as: str,
    taken_as: str,
    side: str,
) -> None:
    steps = picture(dtype=given_as, mean=mean, scale=scale, swap_channels=swap)
    sample = np.random.default_rng(height * 8 + width).integers(0, 255, (height, width, 3)).astype(given_as)
    wanted = sample[:, :, ::-1] if swap else sample
    wanted = ((wanted.astype(np.float64) - (mean or 0)) / (scale or 1)).transpose(2, 0, 1)
    port = data(axes=(3, "height", "width"), dtype=taken_as, preprocess=steps, pad_value=-1.5, pad_side=side)
    toy = program(port, sizes=({"height": 6, "width": 7},), outputs=())
    buffer = np.empty((2, 3, 6, 7), taken_as)
    arrays, _ = check_sample(toy, {"x": sample})
    Filler(toy)({"x": buffer}, [arrays, arrays])
    rows, columns = (slice(n) if side == "right" else slice(room - n, room) for n, room in ((height, 6), (width, 7)))
    for found in buffer:
        np.testing.assert_allclose(
            found[:, rows, columns], wanted, rtol=2e-3 if taken_as == "float16" else 2e-6, atol=1e-6
        )
        found[:, rows, columns] = -1.5
    assert (buffer == -1.5).all()


def test_nothing_to_do_is_the_array_itself() -> None:
    sample = np.ones(3, np.float32)
    assert preprocess(data(), sample) is sample


def test_the_caller_s_axes_are_those_of_refusals() -> None:
    toy = program(data(axes=(3, 4, "width"), preprocess=picture()), sizes=({"width": 8},), outputs=())
    assert given_axes(toy.inputs[0]) == (4, "width", 3)  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        check_sample(toy, {"x": np.zeros((3, 4, 8), np.uint8)})
    assert caught.value.code == "wrong-shape"
    assert caught.value.diagnostics[0].help == "its shape is [4, width, 3] uint8"
    with pytest.raises(InputError) as caught:
        check_sample(toy, {"x": np.zeros((4, 8, 3), np.float32)})
    assert caught.value.diagnostics[0].message == "input `x` must be uint8, not float32"


def test_a_picture_is_normalised_before_it_is_padded() -> None:
    toy = program(
        data(axes=(3, 4, "width"), preprocess=picture(), pad_value=-1.0),
        sizes=({"width": 8}, {"width": 16}),
        outputs=(Output(name="y", dtype="float32", extents=(Extent(dim="width", axis=3),)),),
    )
    sample = np.random.default_rng(0).integers(0, 255, (4, 11, 3), dtype=np.uint8)
    wanted = ((sample - np.array([10.0, 20.0, 30.0])) / [2.0, 4.0, 5.0]).transpose(2, 0, 1)
    with Session(Engine(toy, compiled(toy, doubled), device="CPU")) as session:
        np.testing.assert_allclose(session.infer({"x": sample})["y"], 2 * wanted, rtol=1e-6)


def test_float32_is_rounded_on_its_way_into_a_float16_tensor() -> None:
    steps = Preprocess(dtype="float32", order=(0,), channels=None, mean=(), scale=())
    toy = program(data(dtype="float16", preprocess=steps, finite=True), sizes=({"time": 8},))
    sample = np.array([1 + 2**-11, -(2.0**-25), 65519.0], np.float32)
    with Session(Engine(toy, compiled(toy, echo), device="CPU")) as session:
        found = session.infer({"x": sample})["x fed"]
        assert found.ravel().tolist() == [*sample.astype(np.float16).tolist(), 0, 0, 0, 0, 0]
        with pytest.raises(InputError, match="element 1"):
            session.infer({"x": np.array([0, 65520], np.float32)})


def test_a_picture_is_copied_once() -> None:
    toy = program(
        data(axes=(3, 1024, "width"), preprocess=picture()),
        sizes=({"width": 1024},),
        outputs=(along(axis=3, dim="width"),),
    )
    sample = np.ones((1024, 1000, 3), np.uint8)
    with Session(Engine(toy, compiled(toy, doubled), device="CPU")) as session:
        session.infer({"x": sample})
        tracemalloc.start()
        result = session.infer({"x": sample})["y"]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert result.shape == (3, 1024, 1000)
    assert peak < result.nbytes + 64 * 1024
