"""The sizes that are chosen are the cheapest there are: held against every combination."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuspec.buckets import Choice, choose, interpolate, polynomial

MOST = 5

sizes = st.sets(st.integers(1, 24), min_size=1, max_size=10).map(sorted)
measured = st.floats(1e-3, 1e3).map(Fraction)
coefficients = st.lists(st.fractions(0, 9, max_denominator=1000), min_size=1, max_size=4)


def lengths(longest: int) -> st.SearchStrategy[dict[int, int]]:
    return st.dictionaries(st.integers(0, longest), st.integers(1, 10**6), min_size=1, max_size=12)


@st.composite
def any_cost(draw: st.DrawFn) -> tuple[dict[int, int], dict[int, Fraction]]:
    """Costs that rise and fall as they like, with many that are equal."""
    found = draw(sizes)
    costs = {size: draw(measured | st.integers(1, 4).map(Fraction)) for size in found}
    return draw(lengths(found[-1])), costs


@st.composite
def convex_cost(draw: st.DrawFn) -> tuple[dict[int, int], dict[int, Fraction]]:
    found = draw(sizes)
    return draw(lengths(found[-1])), polynomial([Fraction(1, 7), *draw(coefficients)], found)


@st.composite
def measured_cost(draw: st.DrawFn) -> tuple[dict[int, int], dict[int, Fraction]]:
    found = draw(sizes)
    points = {size: draw(st.floats(0.01, 100)) for size in sorted({found[0], found[len(found) // 2], found[-1]})}
    return draw(lengths(found[-1])), interpolate(points, found)


def expected(counts: Mapping[int, int], costs: Mapping[int, Fraction], chosen: Sequence[int]) -> Fraction:
    """Return what a sample costs: each goes to the smallest size that holds it."""
    total = sum(count * costs[chosen[bisect_left(chosen, length)]] for length, count in counts.items())
    return Fraction(total) / sum(counts.values())


def cheapest(counts: Mapping[int, int], costs: Mapping[int, Fraction], most: int) -> tuple[Fraction, int]:
    """Return the least cost with at most so many sizes, and the fewest sizes that have it, by trying them all."""
    return min(
        (expected(counts, costs, chosen), number)
        for number in range(1, most + 1)
        for chosen in combinations(sorted(costs), number)
        if chosen[-1] >= max(counts)
    )


@settings(max_examples=400, deadline=None)
@given(any_cost() | convex_cost() | measured_cost())
def test_no_combination_is_cheaper_and_none_as_cheap_has_fewer_sizes(
    given_: tuple[dict[int, int], dict[int, Fraction]],
) -> None:
    counts, costs = given_
    choices = choose(counts, costs, MOST)
    for most in range(1, MOST + 1):
        choice = [c for c in choices if len(c.sizes) <= most][-1]
        assert (choice.cost, len(choice.sizes)) == cheapest(counts, costs, most)
        assert choice.cost == expected(counts, costs, choice.sizes)
    assert choose(dict(reversed(counts.items())), dict(reversed(costs.items())), MOST) == choices


@given(any_cost())
def test_sizes_rise_within_a_choice_and_costs_fall_from_one_to_the_next(
    given_: tuple[dict[int, int], dict[int, Fraction]],
) -> None:
    choices = choose(*given_, MOST)
    assert all(sorted(set(c.sizes)) == [*c.sizes] for c in choices)
    assert len(choices[0].sizes) == 1
    assert all(a.cost > b.cost and len(a.sizes) < len(b.sizes) for a, b in pairwise(choices))


def test_the_largest_size_holds_the_longest_length() -> None:
    assert choose({3: 1000, 9: 1}, polynomial([0, 1], range(4, 13, 4)), 1) == [Choice((12,), Fraction(12))]


def test_a_larger_size_that_is_cheaper_is_taken() -> None:
    costs = {4: Fraction(9), 5: Fraction(2), 8: Fraction(10)}
    assert [c.sizes for c in choose({4: 1, 8: 1}, costs, 3)] == [(8,), (5, 8)]


def test_sizes_that_save_nothing_are_not_chosen() -> None:
    assert [c.sizes for c in choose({1: 5, 2: 5, 3: 5}, dict.fromkeys((1, 2, 3), Fraction(1)), 3)] == [(3,)]


def test_a_length_of_nothing_goes_to_the_smallest() -> None:
    assert [c.sizes for c in choose({0: 3, 2: 1}, polynomial([0, 1], (1, 2)), 2)] == [(2,), (1, 2)]


@pytest.mark.parametrize("tie", [0.1 + 0.2, 0.3])
def test_costs_that_differ_in_their_last_bit_differ(tie: float) -> None:
    costs = {1: Fraction(0.3), 2: Fraction(tie)}
    assert len(choose({1: 1, 2: 1}, costs, 2)) == (2 if tie > 0.3 else 1)
