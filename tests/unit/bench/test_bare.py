"""A compiled model runs on what its requests were filled with, as often as is counted."""

from itertools import chain, count, repeat

import numpy as np
import pytest
from runtime.toys import CORE, along, data, doubled, echo, length, mask, program

from npuspec.bench.bare import Model, settle

TOY = program(data(), length(), mask(), batch=2)


def test_every_inference_is_counted() -> None:
    toy = program(data(), outputs=(along(),), batch=2)
    model = Model(CORE.compile_model(doubled(toy, toy.variants[0]), "CPU"), toy, {"x": np.ones(8, np.float32)})
    assert len(model.run(0)) == 1
    single, many = model.single(0.01), model.many(0.01)
    for rate in (single, many):
        assert rate.batches == rate.latency.count
        assert rate.samples_per_second == pytest.approx(2 * rate.batches / rate.seconds)
        assert 0 < rate.latency.minimum <= rate.latency.median <= rate.latency.maximum
    assert single.requests == 1
    assert single.seconds >= 0.01


def test_as_many_run_at_a_time_as_the_device_finds_best() -> None:
    toy = program(data(), outputs=(along(),))
    compiled = CORE.compile_model(doubled(toy, toy.variants[0]), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
    many = Model(compiled, toy, {"x": np.ones(8, np.float32)}).many(0.01)
    assert many.requests == compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
    assert many.batches % many.requests == 0


def test_as_many_run_at_a_time_as_are_asked_for() -> None:
    toy = program(data(), outputs=(along(),))
    compiled = CORE.compile_model(doubled(toy, toy.variants[0]), "CPU")
    assert Model(compiled, toy, {"x": np.ones(8, np.float32)}).many(0.01, 3).requests == 3


def test_every_row_of_every_input_is_filled() -> None:
    model = Model(CORE.compile_model(echo(TOY, TOY.variants[0]), "CPU"), TOY, {"x": np.arange(1, 7, dtype=np.float32)})
    model.run(0)
    fed = {name: model._request.get_tensor(f"{name} fed").data[0] for name in "xnm"}
    np.testing.assert_array_equal(fed["x"], [[1, 2, 3, 4, 5, 6, 0, 0]] * 2)
    np.testing.assert_array_equal(fed["n"], [6, 6])
    np.testing.assert_array_equal(fed["m"], [[1, 1, 1, 1, 1, 1, 0, 0]] * 2)


def test_it_has_settled_when_two_windows_are_alike() -> None:
    windows = iter([10.0, 8.0, 7.0, 6.95, 1.0])
    assert settle(windows)
    assert next(windows) == 1.0


def test_what_never_settles_is_given_up() -> None:
    windows = chain.from_iterable(repeat((1.0, 2.0)))
    assert not settle(windows)
    counted = count(1)
    assert not settle(2.0 ** next(counted) for _ in repeat(None))
    assert next(counted) == 21
