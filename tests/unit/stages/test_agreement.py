"""The figures of agreement, held against ones computed by hand."""

import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.typing import NDArray

from npuspec.bundle.program import Extent, Output
from npuspec.diagnostics import StageError
from npuspec.stages.agreement import Agreement, Comparison, measure
from npuspec.stages.placed import Placed

INF = np.inf


def figures(of: Any, against: Any, dtype: str = "float32") -> dict[str, Any]:
    return measure(np.array(of, dtype), np.array(against, dtype), "here").figures()


def together(*parts: Agreement) -> Agreement:
    total = Agreement()
    for part in parts:
        total.add(part)
    return total


def test_a_frame_agrees_where_the_largest_value_is_in_the_same_place() -> None:
    found = figures([[1, 2, 3], [3, 2, 1], [0, 5, 1]], [[0, 0, 9], [1, 2, 3], [4, 5, 3]])
    assert found["frames"] == 3
    assert found["frame-agreement"] == 2 / 3
    assert found["max-abs-difference"] == 6


def test_the_cosine_is_that_of_all_values_of_all_samples_together() -> None:
    total = together(
        measure(np.array([[1.0, 0.0]]), np.array([[0.6, 0.8]]), "a"),
        measure(np.array([[3.0, 4.0]]), np.array([[3.0, 4.0]]), "b"),
    )
    wanted = (0.6 + 25) / math.sqrt((1 + 25) * (1 + 25))
    assert total.figures() == {
        "frames": 2,
        "frame-agreement": 0.5,
        "top-1-agreement": 0.5,
        "cosine": pytest.approx(wanted),
        "sqnr": pytest.approx(10 * math.log10((1 + 25) / 0.8)),
        "max-abs-difference": pytest.approx(0.8),
    }


def test_samples_are_counted_by_frames_not_by_files() -> None:
    same = np.eye(2)
    long, short = measure(np.tile(same, (50, 1)), np.tile(same, (50, 1)), "long"), measure(same[:1], same[1:], "short")
    assert [(one.agreeing, one.frames) for one in (long, short)] == [(100, 100), (0, 1)]
    assert together(long, short).share == 100 / 101


@pytest.mark.parametrize(
    ("left", "right", "cosine"),
    [([0, 0], [0, 0], 1.0), ([0, 0], [1, 0], 0.0), ([1, 0], [0, 0], 0.0), ([1, 2], [-1, -2], -1.0), ([2], [5], 1.0)],
)
def test_the_cosine_of_zeros_and_opposites(left: list[float], right: list[float], cosine: float) -> None:
    assert figures(left, right)["cosine"] == pytest.approx(cosine)


@pytest.mark.parametrize("shape", [(0,), (0, 5), (4, 0), (0, 0)])
def test_an_empty_output_has_no_frames_and_no_agreement(shape: tuple[int, ...]) -> None:
    found = figures(np.zeros(shape), np.zeros(shape))
    assert found == {
        "frames": 0,
        "frame-agreement": 0.0,
        "top-1-agreement": 0.0,
        "cosine": 1.0,
        "sqnr": 200.0,
        "max-abs-difference": 0.0,
    }


def test_one_number_is_one_frame() -> None:
    assert figures(3, 3, "int64")["frame-agreement"] == 1
    assert figures(3, 4, "int64")["frame-agreement"] == 0


@pytest.mark.parametrize("side", ["of", "against"])
def test_nan_is_refused_with_the_place(side: str) -> None:
    good, bad = np.zeros((2, 2)), np.array([[0, np.nan], [0, 0]])
    with pytest.raises(StageError, match="here: the output holds NaN") as caught:
        measure(bad if side == "of" else good, good if side == "of" else bad, "here")
    assert caught.value.code == "not-finite"


@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (4,), (2, 2, 1), ()])
def test_another_shape_is_refused_with_both(shape: tuple[int, ...]) -> None:
    with pytest.raises(StageError, match=r"here: shape \[2, 2\] against") as caught:
        measure(np.zeros((2, 2)), np.zeros(shape), "here")
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
    assert found["sqnr"] == -200


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


@pytest.mark.parametrize(
    ("of", "against", "sqnr"),
    [
        ([1, 2], [1, 2], 200),
        ([0, 0], [0, 0], 200),
        ([1e-30, 0], [0, 0], -200),
        ([0, 0], [3, 4], 0),
        ([2], [1], 0),
        ([11], [1], -20),
        ([1.1], [1], 20),
    ],
)
def test_the_ratio_of_signal_to_noise_is_finite(of: list[float], against: list[float], sqnr: float) -> None:
    assert figures(of, against, "float64")["sqnr"] == pytest.approx(sqnr)


_SHAPES = nps.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=6)
_VALUES = st.floats(-1e4, 1e4, width=32)


@settings(deadline=None)
@given(st.data(), st.lists(_SHAPES, min_size=1, max_size=4))
def test_figures_are_those_of_numpys_formulas_over_all_samples(
    data: st.DataObject, shapes: list[tuple[int, ...]]
) -> None:
    pairs = [tuple(data.draw(nps.arrays(np.float32, shape, elements=_VALUES)) for _ in range(2)) for shape in shapes]
    found = together(*(measure(of, against, "here") for of, against in pairs)).figures()
    of, against = (np.concatenate([p[i].ravel() for p in pairs]).astype(np.float64) for i in (0, 1))
    tops = [np.concatenate([p[i].argmax(-1).ravel() for p in pairs]) for i in (0, 1)]
    assert found["frames"] == tops[0].size
    assert found["frame-agreement"] == found["top-1-agreement"] == (tops[0] == tops[1]).mean()
    assert found["max-abs-difference"] == np.abs(of - against).max()
    noise, signal = ((against - of) ** 2).sum(), (against**2).sum()
    if noise and signal:
        assert found["sqnr"] == pytest.approx(np.clip(10 * np.log10(signal / noise), -200, 200))
    if norm := float(np.linalg.norm(of) * np.linalg.norm(against)):
        assert found["cosine"] == pytest.approx(of @ against / norm, abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 9), st.integers(1, 9), st.integers(1, 5))
def test_frames_that_are_missing_disagree_and_count_as_zeros(there: int, more: int, classes: int) -> None:
    rng = np.random.default_rng(there)
    against = rng.standard_normal((there + more, classes)).astype(np.float32)
    one = measure(against[:there], against, "here", short={0})
    assert (one.agreeing, one.frames) == (there, there + more)
    filled = np.concatenate([against[:there], np.zeros((more, classes), np.float32)])
    assert one.max_abs_difference == pytest.approx(np.abs(filled - against).max())


def test_zeros_that_fill_a_row_of_classes_are_never_its_largest() -> None:
    one = measure(np.array([[-3.0, -2.0]]), np.array([[-3.0, -2.0, -9.0]]), "here", short={1})
    assert (one.agreeing, one.frames) == (1, 1)


@pytest.mark.parametrize(("shape", "short"), [((4, 4), {0}), ((3, 4), {1}), ((5, 5), {0}), ((4,), {0})])
def test_only_axes_that_follow_the_sample_may_be_shorter_and_none_longer(
    shape: tuple[int, ...], short: set[int]
) -> None:
    with pytest.raises(StageError) as caught:
        measure(np.zeros(shape), np.zeros((4, 5)), "here", short=short)
    assert caught.value.code == "output-shape"


@pytest.mark.parametrize(("of", "differs"), [(1000.0, False), (1000.09, False), (1000.2, True)])
def test_what_rounding_explains_is_no_difference(of: float, differs: bool) -> None:
    assert measure(np.array([of, 0.0]), np.array([1000.0, 0.0]), "here").differs is differs


def placed(name: str, variant: str, *, overflows: bool = False) -> Placed:
    return Placed(name, {}, {}, {}, variant, overflows)


def rows(*agree: bool) -> NDArray[Any]:
    """A frame of two classes for each: what agrees with (1, 0), and what doesn't."""
    return np.array([[1.0, 0.0] if yes else [0.0, 1.0] for yes in agree])


def test_samples_count_in_their_variant_and_those_beyond_all_stand_apart() -> None:
    compared = Comparison("static", "original", Output(name="y", dtype="float32", extents=(Extent(dim="t", axis=1),)))
    compared.add(placed("a", "t2"), rows(True, True), rows(True, True))
    compared.add(placed("b", "t4"), rows(True, False, False), rows(True, True, True))
    compared.add(placed("c", "t4", overflows=True), rows(True, True), rows(*[True] * 5))
    row = compared.row()
    assert (row["of"], row["against"], row["output"], row["frames"]) == ("static", "original", "y", 10)
    assert row["frame-agreement"] == 0.5
    assert {name: one["frame-agreement"] for name, one in row["variants"].items()} == {"t2": 1, "t4": 1 / 3}
    assert (row["overflowing"]["frames"], row["overflowing"]["frame-agreement"]) == (5, 0.4)
    assert row["samples"]["c"] == {"agreeing": 2, "frames": 5}
    assert "padded" not in row


def test_what_padding_costs_is_told_beside_the_same_samples_in_their_own_variants() -> None:
    compared = Comparison("static", "original", Output(name="y", dtype="float32", extents=()))
    for name, variant in (("a", "t2"), ("b", "t4")):
        compared.add(placed(name, variant), rows(True, True), rows(True, True))
    compared.add_padded("t2", placed("a", "t2"), rows(False, False), rows(True, True))  # its own: not looked at again
    compared.add_padded("t4", placed("a", "t2"), rows(True, False), rows(True, True))
    compared.add_padded("t4", placed("b", "t4"), rows(True, True), rows(True, True))
    row = compared.row()
    assert {n: (f["frames"], f["frame-agreement"]) for n, f in row["padded"].items()} == {"t2": (2, 1), "t4": (4, 0.75)}
    assert {n: (f["frames"], f["frame-agreement"]) for n, f in row["natural"].items()} == {"t2": (2, 1), "t4": (4, 1)}


def test_a_fault_names_the_sample_the_output_and_the_models() -> None:
    compared = Comparison("static", "original", Output(name="y", dtype="float32", extents=()))
    with pytest.raises(StageError, match=r"`a\.wav`, output `y`, static against original") as caught:
        compared.add(placed("a.wav", "static"), np.zeros(3), np.zeros(4))
    assert caught.value.code == "output-shape"
