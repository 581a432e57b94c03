"""Pictures of any size to the size that the model takes, against Pillow."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from npuspec.bundle.program import Preprocess, Program
from npuspec.diagnostics import InputError
from npuspec.runtime import Engine, Session
from npuspec.runtime.feed import check_sample, choose_variant
from npuspec.runtime.fill import Filler
from runtime.toys import compiled, data, echo, program

PAD = -1.5
Bytes = NDArray[np.uint8]


def photo(height: int, width: int, channels: int = 3) -> Bytes:
    down, across = np.mgrid[:height, :width]
    waves = [128 + 60 * np.sin(down / (5 + c)) + 60 * np.cos(across / (7 - c)) for c in range(channels)]
    return np.stack(waves, -1).astype(np.uint8)


def pillow(picture: Bytes, height: int, width: int) -> Bytes:
    planes = [
        Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR) for plane in picture.T.swapaxes(1, 2)
    ]
    return np.stack([np.asarray(plane) for plane in planes], -1)


def toy(resize: Any, *axes: str | int, dtype: str = "float32", **more: Any) -> Program:
    """Return the program of a model of channels first that is given channels last, normalised to (x - 10) / 2."""
    mean, scale = ((), ()) if dtype == "uint8" else ((10.0,), (2.0,))
    steps = Preprocess(dtype="uint8", order=(2, 0, 1), channels=0, resize=resize, mean=mean, scale=scale)
    sizes = ({"width": 40}, {"width": 80}) if "width" in axes else ({},)
    return program(
        data(axes=axes, dtype=dtype, preprocess=steps, **{"pad_value": PAD, **more}), sizes=sizes, outputs=()
    )


def fed(made: Program, picture: Bytes) -> tuple[NDArray[Any], dict[str, int]]:
    """Return what the model is fed, channels last, and the picture's size in each dimension."""
    arrays, sizes = check_sample(made, {"x": picture})
    shape = choose_variant(made, sizes).shapes["x"]
    buffer = np.full(shape, 77, made.inputs[0].dtype)
    Filler(made)({"x": buffer}, [arrays])
    return buffer[0].transpose(1, 2, 0), sizes


def seen(resized: Bytes) -> NDArray[np.float64]:
    return (resized.astype(np.float64) - 10) / 2


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    channels=st.sampled_from([1, 3, 4]),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
)
def test_a_picture_is_stretched_to_both_sides(height: int, width: int, channels: int, dtype: str) -> None:
    picture = photo(height, width, channels)
    found, _ = fed(toy("stretch", channels, 24, 36, dtype=dtype), picture)
    np.testing.assert_allclose(found, seen(pillow(picture, 24, 36)), atol=0.6)  # one byte, and what float16 rounds


@settings(deadline=None, max_examples=40)
@given(height=st.integers(1, 90), width=st.integers(1, 90), dtype=st.sampled_from(["float16", "float32", "float64"]))
def test_a_letterbox_is_in_the_middle_with_padding_around(height: int, width: int, dtype: str) -> None:
    picture = photo(height, width)
    factor = min(24 / height, 36 / width)
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    top, left = (24 - rows) // 2, (36 - columns) // 2
    wanted = np.full((24, 36, 3), PAD)
    wanted[top : top + rows, left : left + columns] = seen(pillow(picture, rows, columns))
    found, _ = fed(toy("letterbox", 3, 24, 36, dtype=dtype), picture)
    np.testing.assert_allclose(found, wanted, atol=0.6)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize(("height", "width", "becomes"), [(48, 60, 30), (12, 30, 60), (24, 40, 40), (1000, 1, 1)])
def test_where_one_side_varies_the_other_is_met_and_the_rest_padded(
    side: str, height: int, width: int, becomes: int
) -> None:
    picture = photo(height, width)
    found, sizes = fed(toy("letterbox", 3, 24, "width", pad_side=side), picture)
    assert sizes == {"width": becomes}
    assert found.shape == (24, 40 if becomes <= 40 else 80, 3)
    place = slice(becomes) if side == "right" else slice(found.shape[1] - becomes, None)
    np.testing.assert_allclose(found[:, place], seen(pillow(picture, 24, becomes)), atol=0.5)
    found[:, place] = PAD
    assert (found == PAD).all()


def test_bytes_stay_bytes_where_the_model_takes_them() -> None:
    picture = photo(48, 48)
    found, _ = fed(toy("letterbox", 3, 24, 36, dtype="uint8", pad_value=114), picture)
    np.testing.assert_allclose(found[:, 6:30].astype(int), pillow(picture, 24, 24), atol=1)
    assert (found[:, :6] == 114).all()
    assert (found[:, 30:] == 114).all()


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_a_picture_of_the_model_s_size_is_not_touched(resize: str) -> None:
    picture = photo(24, 36)
    found, _ = fed(toy(resize, 3, 24, 36), picture)
    assert (found == seen(picture)).all()


def test_channels_may_come_first_and_in_reverse_order() -> None:
    steps = Preprocess(dtype="uint8", order=(1, 2, 0), channels=2, swap_channels=True, resize="stretch")
    made = program(data(axes=(24, 36, 3), preprocess=steps), sizes=({},), outputs=())
    picture = photo(50, 70)
    arrays, _ = check_sample(made, {"x": picture.transpose(2, 0, 1)})
    buffer = np.empty((1, 24, 36, 3), np.float32)
    Filler(made)({"x": buffer}, [arrays])
    np.testing.assert_allclose(buffer[0], pillow(picture, 24, 36)[..., ::-1], atol=1)


@pytest.mark.parametrize(
    ("shape", "axes", "why"),
    [
        ((24, 36, 4), (3, 24, 36), "has 4 channels, and 3 are needed"),
        ((0, 36, 3), (3, 24, 36), "has 0 x 36 pixels, and a side has from 1 to 65535"),
        ((1, 65536, 3), (3, 24, 36), "has 1 x 65536 pixels"),
        ((1, 3000, 3), (3, 24, "width"), "would have 24 x 72000 pixels once it is resized"),
    ],
)
def test_a_picture_that_can_not_be_resized_is_refused(
    shape: tuple[int, ...], axes: tuple[str | int, ...], why: str
) -> None:
    with pytest.raises(InputError) as caught:
        check_sample(toy("letterbox", *axes), {"x": np.zeros(shape, np.uint8)})
    assert caught.value.code == "wrong-shape"
    assert why in caught.value.diagnostics[0].message


def test_what_is_too_long_once_it_is_resized_is_refused_before_it_is() -> None:
    made = toy("letterbox", 3, 24, "width")
    with pytest.raises(InputError, match="the sample is 96 long in `width`") as caught:
        check_sample(made, {"x": np.zeros((2, 8, 3), np.uint8)})
    assert caught.value.code == "sample-too-long"
    with pytest.raises(InputError) as caught:
        check_sample(made, {"x": np.zeros((8, 3), np.uint8)})
    assert caught.value.diagnostics[0].message == "input `x` must have shape [any, any, 3] uint8, not [8, 3]"


def test_a_session_takes_pictures_of_all_sizes() -> None:
    steps = Preprocess(dtype="uint8", order=(2, 0, 1), channels=0, resize="letterbox")
    made = program(data(axes=(3, 24, 36), preprocess=steps), sizes=({},))
    with Session(Engine(made, compiled(made, echo), device="CPU")) as session:
        for height, width in ((24, 36), (48, 72), (5, 9), (300, 20)):
            found = session.infer({"x": photo(height, width)})["x fed"]
            assert found.shape == (1, 3, 24, 36)
            assert found.max() > 0
