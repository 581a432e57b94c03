"""What a session ran is counted, and what padding wasted."""

import numpy as np
import pytest
from runtime.toys import along, compiled, data, doubled, program

from npuspec.bench.served import serve
from npuspec.runtime import Engine, Session

TOY = program(data(), outputs=(along(),), sizes=({"time": 4}, {"time": 8}))


def test_padding_is_what_the_lengths_leave_of_their_variants() -> None:
    samples = [({"x": np.ones(size, np.float32)}, size) for size in (2, 6)]
    with Session(Engine(TOY, compiled(TOY, doubled), device="CPU")) as session:
        found = serve(session, samples, 0.01, variant=None)
        assert session.stats().failed == 0
    assert found.samples == "lengths"
    assert found.padding == pytest.approx(1 / 3, abs=0.05)  # the last round may end after the first of the two
    assert found.rows == 1
    assert found.computed_per_second == pytest.approx(found.elements_per_second / (1 - found.padding))
    assert 2 <= found.elements_per_second / found.samples_per_second <= 6
    assert found.latency.count >= 1


def test_a_variant_that_is_filled_wastes_nothing() -> None:
    with Session(Engine(TOY, compiled(TOY, doubled), device="CPU")) as session:
        found = serve(session, [({"x": np.ones(8, np.float32)}, 8)], 0.01, variant="time8")
    assert (found.samples, found.variant, found.padding, found.rows) == ("filled", "time8", 0, 1)
    assert found.elements_per_second == pytest.approx(8 * found.samples_per_second)
    assert found.computed_per_second == found.elements_per_second
