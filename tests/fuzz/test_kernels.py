"""Random arguments of the kernels, a few seconds of them: right to the bit, or refused with nothing written."""

import random
from collections import Counter

from kernels import try_one

COUNT = 6_000


def test_arguments_are_right_to_the_bit_or_refused_with_nothing_written() -> None:
    outcomes = Counter(try_one(random.Random(number)) for number in range(COUNT))
    for outcome in (
        "pad done",
        "unpad done",
        "repack done",
        "normalize done",
        "resize done",
        "not finite",
        "ValueError",
        "TypeError",
        "BufferError",
    ):
        assert outcomes[outcome] > 5, outcomes
