"""The search for the rule of an output's length: right on the whole range, or a sentence that says why not."""

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from npuspec.bundle.program import Extent
from npuspec.facts.extents import find_extent, shortest

MOST_ASKS = 100  # two bisections of 31 steps at most, and a few places


class Model:
    """A length as a function of a size, and how often it was asked."""

    def __init__(self, length: Callable[[int], int | None]) -> None:
        self.length = length
        self.asked = 0

    def __call__(self, n: int) -> int | None:
        self.asked += 1
        return self.length(n)


def find(length: Callable[[int], int | None], low: int, high: int, stated: Extent | None = None) -> Extent | str | None:
    model = Model(length)
    found = find_extent(model, dim="time", axis=1, low=low, sizes=[high], stated=stated)
    assert model.asked <= MOST_ASKS
    return found


def agrees(found: Extent | str | None, length: Callable[[int], int], low: int, high: int) -> bool:
    """Tell whether a rule is the truth for every size, or for 5000 of them in a long range."""
    assert not isinstance(found, str), found
    sizes = {*range(low, high + 1, max(1, (high - low) // 5000)), high}
    return all((length(low) if found is None else found.of(n)) == length(n) for n in sizes)


@settings(deadline=None)
@given(
    divisor=st.integers(1, 5000),
    offset=st.integers(-5000, 5000),
    low=st.integers(5000, 20_000),
    run=st.integers(0, 1_000_000),
)
@example(divisor=320, offset=320, low=201, run=79_799)
@example(divisor=2, offset=0, low=1, run=1)
@example(divisor=5000, offset=-5000, low=5000, run=0)
def test_a_floor_division_is_found_and_right_on_the_whole_range(divisor: int, offset: int, low: int, run: int) -> None:
    def length(n: int) -> int:
        return (n + offset) // divisor

    assert agrees(find(length, low, low + run), length, low, low + run)


@settings(deadline=None)
@given(
    scale=st.integers(1, 1000), offset=st.integers(-1000, 1000), low=st.integers(1, 1000), run=st.integers(0, 100_000)
)
def test_a_multiple_is_found_and_right_on_the_whole_range(scale: int, offset: int, low: int, run: int) -> None:
    low = max(low, -(offset // scale))  # no length is below 0

    def length(n: int) -> int:
        return scale * n + offset

    assert agrees(find(length, low, low + run), length, low, low + run)


@settings(deadline=None)
@given(strides=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 8)), min_size=1, max_size=5))
def test_a_chain_of_strided_layers_is_one_floor_division(strides: list[tuple[int, int]]) -> None:
    def length(n: int) -> int:
        for kernel, stride in strides:
            n = (n + kernel - 1 - kernel) // stride + 1
        return n

    assert agrees(find(length, 100, 60_000), length, 100, 60_000)


@pytest.mark.parametrize("length", [0, 7])
def test_a_constant_is_no_rule(length: int) -> None:
    assert find(lambda _: length, 1, 10_000) is None


def test_one_size_alone_shows_no_dependence() -> None:
    assert find(lambda n: n, 64, 64) is None


@pytest.mark.parametrize(
    "length",
    [
        lambda n: n * n // 7,
        lambda n: int(n**0.5),
        lambda n: (3 * n + 1) // 2,
        lambda n: n // 3 + n // 5,
        lambda n: n if n < 5000 else 2 * n,
        lambda n: 10_000 - n,
        lambda n: n % 1000,
        lambda n: min(n, 5000),
        lambda n: n.bit_length(),
    ],
    ids=["square", "root", "three halves", "two strides", "bend", "falling", "saw", "cap", "logarithm"],
)
def test_what_follows_no_floor_division_is_said_in_a_sentence(length: Callable[[int], int]) -> None:
    found = find(length, 1, 10_000)
    assert isinstance(found, str)
    assert found.startswith("axis 1 from `time`: lengths such as {1: ")
    assert found.endswith("follow no floor division")


def test_sizes_without_an_output_are_said() -> None:
    assert (
        find(lambda n: None if n < 10 else n, 1, 100)
        == "axis 1 from `time`: sizes between 1 and 100 have no output shape"
    )


def test_a_stated_rule_is_taken_where_the_model_agrees() -> None:
    stated = Extent(dim="time", axis=1, scale=3, offset=1, divisor=2)
    assert find(lambda n: (3 * n + 1) // 2, 1, 10_000, stated) == stated


def test_a_stated_rule_is_kept_even_if_the_length_is_constant_on_this_range() -> None:
    stated = Extent(dim="time", axis=1, offset=0, divisor=1000)
    assert find(lambda n: n // 1000, 1, 900, stated) == stated


def test_a_stated_rule_is_refused_where_the_model_disagrees() -> None:
    stated = Extent(dim="time", axis=1, offset=0, divisor=320)
    found = find(lambda n: (n + 320) // 320, 1, 80_000, stated)
    assert found == "axis 1 from `time`: stated as 0 for 1, but the model gives 1"


@given(minimum=st.integers(1, 80_000))
def test_the_shortest_size_is_the_first_that_has_shapes(minimum: int) -> None:
    assert shortest(lambda n: {} if n >= minimum else "too short", 80_000) == minimum


def test_a_rule_that_is_wrong_at_a_size_of_the_spec_is_none() -> None:
    def bent(n: int) -> int:
        return n // 4 + (n == 1237)

    assert isinstance(find_extent(bent, dim="time", axis=1, low=1, sizes=[4000], stated=None), Extent)
    found = find_extent(bent, dim="time", axis=1, low=1, sizes=[1237, 4000], stated=None)
    assert isinstance(found, str)
    assert "follow no floor division" in found
