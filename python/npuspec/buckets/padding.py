"""What given sizes make of given lengths."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bucket:
    """A size, and what is padded to it."""

    size: int
    samples: int
    filled: int
    """The places of all these samples that hold no padding."""


def fill(counts: Mapping[int, int], sizes: Sequence[int]) -> tuple[Bucket, ...]:
    """Put each length into the smallest size that holds it; what is longer than the last one fills that.

    Args:
        counts: how often each length occurs.
        sizes: rising, at least one.

    """
    samples, filled = [0] * len(sizes), [0] * len(sizes)
    for length, count in counts.items():
        index = min(bisect_left(sizes, length), len(sizes) - 1)
        samples[index] += count
        filled[index] += count * min(length, sizes[index])
    return tuple(Bucket(*row) for row in zip(sizes, samples, filled, strict=True))


def padding(buckets: Iterable[Bucket]) -> float:
    """Return the share of all computed places that is padding, from 0 to 1; 0 where nothing is computed."""
    given = tuple(buckets)
    places = sum(bucket.size * bucket.samples for bucket in given)
    return 1 - sum(bucket.filled for bucket in given) / places if places else 0.0
