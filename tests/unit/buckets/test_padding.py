"""What sizes make of lengths."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from npuspec.buckets import Bucket, fill, padding


def test_a_length_goes_to_the_smallest_size_that_holds_it_and_a_longer_one_fills_the_largest() -> None:
    assert fill({0: 1, 4: 2, 5: 3, 9: 4}, (4, 8)) == (Bucket(4, 3, 8), Bucket(8, 7, 15 + 32))


def test_what_is_padding_is_a_share_of_all_places() -> None:
    assert padding(fill({2: 3, 8: 1}, (4, 8))) == 1 - (6 + 8) / (12 + 8)
    assert padding(fill({}, (4, 8))) == 0
    assert padding(fill({9: 5}, (4, 8))) == 0
    assert padding(fill({0: 5}, (4, 8))) == 1


@given(
    st.lists(st.integers(0, 40), max_size=30),
    st.sets(st.integers(1, 30), min_size=1, max_size=5).map(sorted),
)
def test_every_sample_is_counted_once(lengths: list[int], sizes: list[int]) -> None:
    buckets = fill({length: lengths.count(length) for length in lengths}, sizes)
    held = [sizes[min(bisect_left(sizes, length), len(sizes) - 1)] for length in lengths]
    assert [b.samples for b in buckets] == [held.count(size) for size in sizes]
    assert sum(b.filled for b in buckets) == sum(min(n, sizes[-1]) for n in lengths)
    assert 0 <= padding(buckets) <= 1
