"""A compiled model by itself: latency and throughput, measured as OpenVINO's benchmark_app measures them."""

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any

import openvino as ov

from npuspec.bench.figures import Rate, latency_of
from npuspec.bundle.program import Program
from npuspec.runtime.feed import Array
from npuspec.runtime.fill import Filler
from npuspec.runtime.overflow import Pieces

WINDOW = 0.1
"""Seconds of a window."""
_ALIKE = 0.02
"""Two windows' medians that differ by no more are the same."""
_WINDOWS = 20
"""So many windows are waited for, at most."""


class Model:
    """A variant on a device, whose infer requests hold a sample in each row.

    Args:
        compiled: the variant's model.
        program: what it takes.
        sample: what it is filled with.

    """

    def __init__(self, compiled: ov.CompiledModel, program: Program, sample: Mapping[str, Array]) -> None:
        self._compiled = compiled
        self._names = [port.name for port in program.inputs]
        self._fill = Filler(program)
        self._rows = [piece.arrays for piece in Pieces(program)(sample)] * program.batch
        self._request = self._filled(compiled.create_infer_request())

    def _filled(self, request: Any) -> Any:
        self._fill({name: request.get_tensor(name).data for name in self._names}, self._rows)
        return request

    def run(self, seconds: float) -> list[float]:
        """Run one inference after the other for some time, once at least; return the time that each took."""
        times: list[float] = []
        end = perf_counter() + seconds
        while not times or perf_counter() < end:
            self._request.infer(share_outputs=True)
            times.append(self._request.latency)
        return times

    def single(self, seconds: float) -> Rate:
        """Measure one inference at a time."""
        begin = perf_counter()
        times = self.run(seconds)
        return self._rate(1, times, perf_counter() - begin)

    def many(self, seconds: float, requests: int = 0) -> Rate:
        """Measure so many inferences at a time, or as many as the device finds best, until all have ended."""
        queue = ov.AsyncInferQueue(self._compiled, requests)
        for request in queue:
            self._filled(request)
        self._flood(queue, WINDOW)
        begin = perf_counter()
        times = self._flood(queue, seconds)
        return self._rate(len(queue), times, perf_counter() - begin)

    def _flood(self, queue: Any, seconds: float) -> list[float]:
        """Start an inference wherever one has ended, for some time; return the time that each took.

        Each request has its turn, and none is left to run alone in the end.
        """
        times: list[float] = []
        started: set[int] = set()
        end = perf_counter() + seconds
        while not started or perf_counter() < end or (len(times) + len(started)) % len(queue):
            idle = queue.get_idle_request_id()
            if idle in started:
                times.append(queue[idle].latency)
            started.add(idle)
            queue.start_async()
        queue.wait_all()
        return times + [queue[number].latency for number in started]

    def _rate(self, requests: int, times: list[float], seconds: float) -> Rate:
        return Rate(
            requests=requests,
            batches=len(times),
            seconds=seconds,
            samples_per_second=len(times) * len(self._rows) / seconds,
            latency=latency_of(times),
        )


def settle(medians: Iterable[float]) -> bool:
    """Take medians of windows until two that follow each other are alike; tell whether that came in time."""
    before: float | None = None
    for number, median in enumerate(medians, 1):
        if before is not None and abs(median - before) <= _ALIKE * before:
            return True
        if number == _WINDOWS:
            break
        before = median
    return False
