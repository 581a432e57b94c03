"""Samples through a session, as an application runs them: what padding costs is in these figures."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from time import perf_counter
from typing import Any

from npuspec.bench.bare import WINDOW
from npuspec.bench.figures import Served, latency_of
from npuspec.runtime import Session
from npuspec.runtime.feed import Array

Sample = tuple[Mapping[str, Array], int]
"""A sample, and how many elements of it are seen."""


def serve(session: Session, samples: Sequence[Sample], seconds: float, *, variant: str | None) -> Served:
    """Stream samples for some time, and then infer them one by one for as long.

    Args:
        session: which has run nothing yet: what it counts is put down.
        samples: which are repeated.
        seconds: for each of the two.
        variant: which they fill; None for given lengths.

    """
    _stream(session, samples, WINDOW)
    done, taken = _stream(session, samples, seconds)
    stats = session.stats()
    elements = sum(samples[number % len(samples)][1] for number in range(done)) / taken
    return Served(
        samples="lengths" if variant is None else "filled",
        variant=variant,
        latency=latency_of(_infer(session, samples, seconds)),
        samples_per_second=done / taken,
        elements_per_second=elements,
        computed_per_second=elements / (1 - stats.padding),
        padding=stats.padding,
        rows=stats.rows,
    )


def _stream(session: Session, samples: Sequence[Sample], seconds: float) -> tuple[int, float]:
    """Return how many samples ran, and how many seconds that took."""
    begin = perf_counter()

    def until() -> Iterator[Mapping[str, Any]]:
        for sample, _ in cycle(samples):
            yield sample
            if perf_counter() >= begin + seconds:
                return

    done = sum(1 for _ in session.stream(until()))
    return done, perf_counter() - begin


def _infer(session: Session, samples: Sequence[Sample], seconds: float) -> list[float]:
    """Return how many milliseconds each sample took."""
    times: list[float] = []
    end = perf_counter() + seconds
    for sample, _ in cycle(samples):
        begin = perf_counter()
        session.infer(sample)
        times.append((perf_counter() - begin) * 1e3)
        if perf_counter() >= end:
            break
    return times
