"""A difference is one that is large enough, and that the rounds are sure of."""

import random

import pytest

from npuspec.bench.decide import LEAST, Decision, decide


def around(middle: float, spread: float) -> list[float]:
    """Return 24 ratios that lie evenly around one, each as far from it as its counterpart."""
    steps = [(number - 11.5) / 11.5 for number in range(24)]
    return [middle * (1 + spread) ** step for step in steps]


def test_what_is_the_same_is_no_difference() -> None:
    assert decide([1.0] * 24) == Decision(1.0, 1.0, 1.0, "no difference")
    assert decide(around(1.0, 0.05)).verdict == "no difference"


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(0.9, "faster"), (0.97, "faster"), (1.03, "slower"), (1.5, "slower"), (1.012, "slower")]
)
def test_the_first_is_faster_if_it_takes_less(ratio: float, verdict: str) -> None:
    found = decide(around(ratio, 0.01))
    assert found.verdict == verdict
    assert found.low < ratio < found.high


@pytest.mark.parametrize("ratio", [0.992, 1.008])
def test_what_is_too_small_is_no_difference_however_sure(ratio: float) -> None:
    found = decide([ratio] * 24)
    assert (found.low, found.high, found.verdict) == (ratio, ratio, "no difference")


def test_what_is_large_and_unsure_is_no_difference() -> None:
    found = decide(around(1.1, 0.5))
    assert found.low < 1 < found.high
    assert found.verdict == "no difference"


def test_rounds_that_something_disturbed_change_nothing() -> None:
    calm = [0.9] * 24
    assert decide([*calm[:-4], 50.0, 50.0, 0.01, 0.01]) == decide(calm)


def test_exchanging_the_two_exchanges_the_verdict() -> None:
    ratios = around(0.9, 0.1)
    one, other = decide(ratios), decide([1 / ratio for ratio in ratios])
    assert (one.verdict, other.verdict) == ("faster", "slower")
    assert [one.low, one.high] == pytest.approx([1 / other.high, 1 / other.low])


def test_the_interval_is_that_of_the_sign_test() -> None:
    """For 24 values the sixth from either end: beyond them the median lies once in 151 times."""
    found = decide([float(number) for number in range(24)])
    assert (found.low, found.high) == (5.0, 18.0)
    assert decide([float(number) for number in range(LEAST)])[1:3] == (0.0, 7.0)


def test_too_few_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        decide([1.0] * (LEAST - 1))


def test_noise_alone_seldom_makes_a_difference() -> None:
    """Of 2000 comparisons of a thing with itself; one in 100 may be wrong by the interval."""
    rng = random.Random(0)
    alarms = sum(
        decide([rng.lognormvariate(0, 0.1) / rng.lognormvariate(0, 0.1) for _ in range(24)]).verdict != "no difference"
        for _ in range(2000)
    )
    assert alarms <= 25
