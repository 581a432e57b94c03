"""What a session ran is counted, and what padding wasted."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from runtime.toys import along, compiled, data, doubled, program

from npuspec.bench.served import LEAST, Sample, serve, thinned
from npuspec.bundle.program import Load
from npuspec.runtime import Engine

SIZES: tuple[dict[str, int], ...] = ({"time": 4}, {"time": 8})
TOY = program(data(), outputs=(along(),), sizes=SIZES)
BATCHED = program(data(), outputs=(along(),), sizes=SIZES, batch=3)
PATIENT = Load(batch_wait_ms=10_000)
"""A batch that isn't full waits for so long that the test shows it."""


def engine(toy: Any = TOY) -> Engine:
    return Engine(toy, compiled(toy, doubled), device="CPU")


def samples(*lengths: int) -> list[Sample]:
    return [({"x": np.ones(size, np.float32)}, size) for size in lengths]


def test_padding_is_what_the_lengths_leave_of_their_variants() -> None:
    found = serve(engine(), Load(), samples(2, 6), 0.01, variant=None)
    assert found.samples == "lengths"
    assert found.padding == pytest.approx(1 / 3)
    assert found.rows == 1
    assert found.drawn == 2
    assert found.elements_per_second == pytest.approx(4 * found.samples_per_second)
    assert found.computed_per_second == pytest.approx(6 * found.samples_per_second)
    assert found.latency.count >= 2
    assert found.latency.count % 2 == 0


def test_only_whole_batches_run() -> None:
    """Of neither variant are there as many lengths as a batch has rows."""
    found = serve(engine(BATCHED), PATIENT, samples(2, 4, 6, 8), 0.01, variant=None)
    assert found.rows == 1
    assert found.padding == pytest.approx(1 - 20 / 24)
    assert found.samples_per_second > 1


def test_a_variant_that_is_filled_wastes_nothing() -> None:
    for toy in (TOY, BATCHED):
        found = serve(engine(toy), PATIENT, samples(8), 0.01, variant="time8")
        assert (found.samples, found.variant, found.padding, found.rows) == ("filled", "time8", 0, 1)
        assert found.elements_per_second == pytest.approx(8 * found.samples_per_second)
        assert found.computed_per_second == found.elements_per_second


def test_so_few_run_as_fit_the_time_and_lie_as_all_do() -> None:
    """In next to no time as few as there may be, and one of each."""
    lengths = sorted([1, 2, 3, 4] * 50 + [6, 8] * 28)
    found = serve(engine(), Load(), samples(*lengths), 1e-9, variant=None)
    few = [seen for _, seen in thinned(samples(*lengths), LEAST)]
    assert found.drawn == found.latency.count == LEAST == len(few)
    assert found.padding == pytest.approx(1 - sum(few) / sum(4 if size <= 4 else 8 for size in few))
    assert Counter(few)[1] in (3, 4)
    assert found.padding == pytest.approx(1 - sum(lengths) / sum(4 if s <= 4 else 8 for s in lengths), abs=0.03)


def test_all_run_where_they_fit_the_time() -> None:
    assert serve(engine(), Load(), samples(*[3] * 40), 2, variant=None).drawn == 40
