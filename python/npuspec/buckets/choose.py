"""The sizes that cost the least, exactly: by dynamic programming over the lengths that occur.

A sample goes to the smallest size that holds it. So between two lengths that occur, every size serves the same samples,
and only the cheapest of them is worth having: as many places are left as lengths differ, whatever the cost looks like.
With best(m, j) for m sizes that serve the j shortest,

    best(m, j) = min over i < j of  best(m - 1, i) + (samples up to j - samples up to i) * cost(j)

For a fixed j these are lines in cost(j), with slopes that fall as i rises. The lower envelope of such lines is kept on
a stack and searched by bisection, so that n places take n log n steps for each size. Costs are whole numbers of a
common unit: nothing is rounded, and what is equal is equal.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from math import lcm


@dataclass(frozen=True, slots=True)
class Choice:
    """Sizes, rising, and the expected cost of one sample with them."""

    sizes: tuple[int, ...]
    cost: Fraction


def choose(counts: Mapping[int, int], costs: Mapping[int, Fraction], most: int) -> list[Choice]:
    """Return the cheapest single size, and behind it each larger number of sizes that costs less than all before it.

    The last choice with at most k sizes is the cheapest with at most k; of those that cost the same, it has the fewest.

    Args:
        counts: how often each length occurs, at least one length.
        costs: the sizes that may be chosen, one of which holds the longest length, and what a sample costs in each.
        most: of sizes; at least 1.

    """
    sizes, served = _places(counts, costs)
    unit = lcm(*(costs[size].denominator for size in sizes))
    prices = [int(costs[size] * unit) for size in sizes]
    total = [*accumulate(served, initial=0)]
    best: list[int] = [samples * price for samples, price in zip(total[1:], prices, strict=True)]
    row, ways = [0, *best], list[list[int]]()
    choices = [Choice((sizes[-1],), Fraction(row[-1], unit * total[-1]))]
    for number in range(2, min(most, len(sizes)) + 1):
        row, way = _with_one_more(row, total, prices, number)
        ways.append(way)
        cost = Fraction(row[-1], unit * total[-1])
        if cost < choices[-1].cost:
            choices.append(Choice(_walk(ways, sizes), cost))
    return choices


def _places(counts: Mapping[int, int], costs: Mapping[int, Fraction]) -> tuple[list[int], list[int]]:
    """Return the sizes that are worth having, rising, and how many samples come with each beyond the one before."""
    rising = sorted(costs)
    served = Counter[int]()
    for length, count in counts.items():
        served[bisect_left(rising, length)] += count
    starts = sorted(served)
    spans = pairwise([*starts, len(rising)])
    return [min(rising[a:b], key=costs.__getitem__) for a, b in spans], [served[start] for start in starts]


def _with_one_more(
    row: Sequence[int], total: Sequence[int], prices: Sequence[int], number: int
) -> tuple[list[int], list[int]]:
    """Return best(number, j) for each j, from the row of one size less, and where each came from; 0 where j is less."""

    def value(i: int, price: int) -> int:
        return row[i] - total[i] * price

    best, way = [0] * len(row), [0] * len(row)
    lines: list[int] = []
    for j in range(number, len(row)):
        new = j - 1
        while len(lines) > 1 and _is_hidden(lines[-2], lines[-1], new, row, total):
            lines.pop()
        lines.append(new)
        low, high, price = 0, len(lines) - 1, prices[j - 1]
        while low < high:
            middle = (low + high) // 2
            if value(lines[middle + 1], price) < value(lines[middle], price):
                low = middle + 1
            else:
                high = middle
        way[j] = lines[low]
        best[j] = value(lines[low], price) + total[j] * price
    return best, way


def _is_hidden(a: int, b: int, c: int, row: Sequence[int], total: Sequence[int]) -> bool:
    """Tell whether line b is nowhere below both lines a and c."""
    return (row[c] - row[b]) * (total[b] - total[a]) <= (row[b] - row[a]) * (total[c] - total[b])


def _walk(ways: Sequence[Sequence[int]], sizes: Sequence[int]) -> tuple[int, ...]:
    """Return the sizes of the last row's last place."""
    at = len(sizes)
    found = [sizes[at - 1]]
    for way in reversed(ways):
        at = way[at]
        found.append(sizes[at - 1])
    return tuple(reversed(found))
