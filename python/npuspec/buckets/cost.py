"""What a sample costs in a size: by a formula, or between sizes that were measured. Exact, in any one unit."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

_DIGITS = 6  # of a measured cost behind the point: nanoseconds, where it is in milliseconds


def polynomial(coefficients: Sequence[Fraction | int], sizes: Iterable[int]) -> dict[int, Fraction]:
    """Return a polynomial's value at each size; the constant coefficient comes first."""
    found = {}
    for size in sizes:
        value = Fraction(0)
        for coefficient in reversed(coefficients):
            value = value * size + coefficient
        found[size] = value
    return found


def spread(sizes: Sequence[int], count: int) -> list[int]:
    """Return at most `count` of the rising sizes, at least 2, evenly spread, with the first and the last of them."""
    last = len(sizes) - 1
    return sorted({sizes[last * step // (count - 1)] for step in range(count)})


def interpolate(points: Mapping[int, float], sizes: Iterable[int]) -> dict[int, Fraction]:
    """Return the cost at each size, in a straight line from one measured point to the next.

    Args:
        points: sizes with their measured cost, rising.
        sizes: none outside of the points.

    """
    known = [*points]
    costs = [Fraction(round(cost * 10**_DIGITS), 10**_DIGITS) for cost in points.values()]
    found = {}
    for size in sizes:
        right = min(bisect_right(known, size), len(known) - 1)
        left = max(right - 1, 0)
        way = Fraction(size - known[left], known[right] - known[left]) if right > left else Fraction(0)
        found[size] = costs[left] + way * (costs[right] - costs[left])
    return found
