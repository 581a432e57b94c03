"""Percentiles are times that were measured."""

import pytest
from openvino.tools.benchmark.benchmark import percentile

from npuspec.bench.figures import latency_of


def test_percentiles_are_by_nearest_rank() -> None:
    found = latency_of([float(number) for number in range(200, 0, -1)])
    assert (found.count, found.mean, found.minimum, found.maximum) == (200, 100.5, 1, 200)
    assert (found.median, found.p90, found.p95, found.p99) == (100, 180, 190, 198)


def test_one_time_is_all_of_them() -> None:
    found = latency_of([3.0])
    assert {found.mean, found.minimum, found.median, found.p90, found.p95, found.p99, found.maximum} == {3.0}


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 99])
def test_they_are_benchmark_apps(count: int) -> None:
    times = [float(number**2) for number in range(count)]
    found = latency_of(times)
    assert [found.median, found.p90, found.p95, found.p99] == [percentile(times, p) for p in (50, 90, 95, 99)]
