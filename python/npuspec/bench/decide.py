"""Whether two are different, from the ratios of several rounds.

Requests that follow each other are alike, so a round counts as one observation, however many requests it has. The
interval is the one between two of the ordered ratios that the sign test gives for their median: it supposes nothing of
how they are distributed, and a round that something else disturbed moves it by one place at most.
"""

from collections.abc import Sequence
from math import comb, exp, fabs, log
from statistics import median
from typing import NamedTuple

from npuspec.bench.figures import Verdict

CONFIDENCE = 0.99
"""Of each interval, at least."""
NOTABLE = 0.01
"""What differs by less is no difference, however sure it is."""
LEAST = 8
"""Rounds below which no interval has the confidence."""


class Decision(NamedTuple):
    """A ratio, the interval around it, and what follows."""

    ratio: float
    low: float
    high: float
    verdict: Verdict


def decide(ratios: Sequence[float]) -> Decision:
    """Return what follows from the ratios of rounds, each of the first's latency by the second's.

    Args:
        ratios: LEAST at least.

    """
    ordered, count = sorted(ratios), len(ratios)
    rank = max(rank for rank in range(count // 2) if _outside(count, rank) <= 1 - CONFIDENCE)
    ratio, low, high = median(ordered), ordered[rank], ordered[count - 1 - rank]
    verdict: Verdict = "faster" if ratio < 1 else "slower"
    if low <= 1 <= high or exp(fabs(log(ratio))) < 1 + NOTABLE:
        verdict = "no difference"
    return Decision(ratio, low, high, verdict)


def _outside(count: int, rank: int) -> float:
    """Return how likely the median is no value between the ordered ones at `rank`, from either end."""
    return sum(comb(count, below) for below in range(rank + 1)) / 2 ** float(count - 1)
