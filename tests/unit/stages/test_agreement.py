"""The figures of agreement, held against ones computed by hand."""

import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from npuspec.diagnostics import StageError
from npuspec.stages.agreement import Agreement, compare

INF = np.inf


def figures(of: Any, against: Any, dtype: str = "float32") -> dict[str, Any]:
    total = Agreement()
    total.add(np.array(of, dtype), np.array(against, dtype), "here")
    return total.figures()


def test_a_frame_agrees_where_the_largest_value_is_in_the_same_place() -> None:
    found = figures([[1, 2, 3], [3, 2, 1], [0, 5, 1]], [[0, 0, 9], [1, 2, 3], [4, 5, 3]])
    assert found["frames"] == 3
    assert found["frame-agreement"] == 2 / 3
    assert found["max-abs-difference"] == 6


def test_the_cosine_is_that_of_all_values_of_all_samples_together() -> None:
    total = Agreement()
    total.add(np.array([[1.0, 0.0]]), np.array([[0.6, 0.8]]), "a")
    total.add(np.array([[3.0, 4.0]]), np.array([[3.0, 4.0]]), "b")
    wanted = (0.6 + 25) / math.sqrt((1 + 25) * (1 + 25))
    assert total.figures() == {
        "frames": 2,
        "frame-agreement": 0.5,
        "cosine": pytest.approx(wanted),
        "max-abs-difference": pytest.approx(0.8),
    }


def test_samples_are_counted_by_frames_not_by_files() -> None:
    total = Agreement()
    same = np.eye(2)
    assert total.add(np.tile(same, (50, 1)), np.tile(same, (50, 1)), "long") == (100, 100)
    assert total.add(same[:1], same[1:], "short") == (0, 1)
    assert total.figures()["frame-agreement"] == 100 / 101


@pytest.mark.parametrize(
    ("left", "right", "cosine"),
    [([0, 0], [0, 0], 1.0), ([0, 0], [1, 0], 0.0), ([1, 0], [0, 0], 0.0), ([1, 2], [-1, -2], -1.0), ([2], [5], 1.0)],
)
def test_the_cosine_of_zeros_and_opposites(left: list[float], right: list[float], cosine: float) -> None:
    assert figures(left, right)["cosine"] == pytest.approx(cosine)


@pytest.mark.parametrize("shape", [(0,), (0, 5), (4, 0), (0, 0)])
def test_an_empty_output_has_no_frames_and_no_agreement(shape: tuple[int, ...]) -> None:
    found = figures(np.zeros(shape), np.zeros(shape))
    assert found == {"frames": 0, "frame-agreement": 0.0, "cosine": 1.0, "max-abs-difference": 0.0}


def test_one_number_is_one_frame() -> None:
    assert figures(3, 3, "int64")["frame-agreement"] == 1
    assert figures(3, 4, "int64")["frame-agreement"] == 0


@pytest.mark.parametrize("side", ["of", "against"])
def test_nan_is_refused_with_the_place(side: str) -> None:
    good, bad = np.zeros((2, 2)), np.array([[0, np.nan], [0, 0]])
    with pytest.raises(StageError, match="here: the output holds NaN") as caught:
        Agreement().add(bad if side == "of" else good, good if side == "of" else bad, "here")
    assert caught.value.code == "not-finite"


@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (4,), (2, 2, 1), ()])
def test_another_shape_is_refused_with_both(shape: tuple[int, ...]) -> None:
    with pytest.raises(StageError, match=r"here: shape \[2, 2\] against") as caught:
        Agreement().add(np.zeros((2, 2)), np.zeros(shape), "here")
    assert caught.value.code == "output-shape"
    assert str(list(shape)) in str(caught.value)


def test_logarithms_of_zero_on_both_sides_are_no_difference() -> None:
    found = figures([[-INF, -1.0, -INF]], [[-INF, -1.5, -INF]])
    assert found["frame-agreement"] == 1
    assert found["max-abs-difference"] == 0.5
    assert found["cosine"] == 1


@pytest.mark.parametrize("right", [0.0, INF])
def test_an_infinity_on_one_side_is_the_largest_difference_that_can_be_written(right: float) -> None:
    found = figures([[-INF, -1.0]], [[right, -1.0]])
    assert found["max-abs-difference"] == sys.float_info.max


def test_what_is_largest_in_its_dtype_overflows_nothing() -> None:
    largest = float(np.finfo(np.float32).max)
    found = figures([[largest, -largest]] * 100, [[-largest, largest]] * 100)
    assert found["cosine"] == pytest.approx(-1)
    assert found["max-abs-difference"] == pytest.approx(2 * largest)


def test_what_is_smallest_in_its_dtype_is_no_zero() -> None:
    assert figures([1e-45, 0], [0, 1e-45])["cosine"] == 0
    assert figures([1e-45], [1e-45])["cosine"] == pytest.approx(1)


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3), min_size=1, max_size=20))
def test_what_is_held_against_itself_agrees_fully(rows: list[list[float]]) -> None:
    found = figures(rows, rows)
    assert found["frame-agreement"] == 1
    assert found["max-abs-difference"] == 0
    assert found["cosine"] == pytest.approx(1)


def outputs(*values: float) -> list[Mapping[str, NDArray[Any]]]:
    return [{"y": np.array([[value, 0.5]]), "z": np.array([value])} for value in values]


def test_every_pair_and_output_is_compared_sample_by_sample() -> None:
    models = {"original": outputs(1, 1), "static": outputs(1, 0), "quantized": outputs(0, 0)}
    pairs = [("static", "original"), ("quantized", "static")]
    rows = compare(models, pairs, ["y"], ["a.wav", "b.wav"])
    assert [(row["of"], row["against"], row["output"]) for row in rows] == [(*pair, "y") for pair in pairs]
    assert [row["frame-agreement"] for row in rows] == [0.5, 0.5]
    assert rows[0]["samples"] == {"a.wav": {"agreeing": 1, "frames": 1}, "b.wav": {"agreeing": 0, "frames": 1}}
    assert rows[1]["samples"] == {"a.wav": {"agreeing": 0, "frames": 1}, "b.wav": {"agreeing": 1, "frames": 1}}


def test_a_fault_names_the_sample_the_output_and_the_models() -> None:
    models: dict[str, list[Mapping[str, NDArray[Any]]]]
    models = {"original": outputs(1), "static": [{"y": np.array([[1.0]])}]}
    with pytest.raises(StageError, match=r"`a\.wav`, output `y`, static against original") as caught:
        compare(models, [("static", "original")], ["y"], ["a.wav"])
    assert caught.value.code == "output-shape"
