"""Costs by a formula and between measured sizes."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npuspec.buckets import interpolate, polynomial, spread


def test_a_polynomial_has_its_constant_first_and_is_exact() -> None:
    assert polynomial([Fraction(40), 1, Fraction("0.002")], [1, 10]) == {1: Fraction("41.002"), 10: Fraction("50.2")}


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=50, unique=True).map(sorted), st.integers(2, 12))
def test_points_are_some_of_the_sizes_with_both_ends(sizes: list[int], count: int) -> None:
    points = spread(sizes, count)
    assert sorted(set(points)) == points
    assert set(points) <= set(sizes)
    assert (points[0], points[-1]) == (sizes[0], sizes[-1])
    assert len(points) == min(count, len(sizes))


@pytest.mark.parametrize(("size", "cost"), [(2, "1.5"), (3, "2.25"), (4, "3"), (5, "2.75"), (8, "2")])
def test_between_points_the_cost_is_on_a_straight_line(size: int, cost: str) -> None:
    assert interpolate({2: 1.5, 4: 3.0, 8: 2.0}, [size]) == {size: Fraction(cost)}


def test_one_point_is_the_cost_of_its_size() -> None:
    assert interpolate({7: 0.25}, [7]) == {7: Fraction(1, 4)}
