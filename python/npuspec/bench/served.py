"""Samples through a session, as an application runs them: what padding costs is in these figures."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from time import perf_counter

import numpy as np

from npuspec.bench.bare import WINDOW
from npuspec.bench.figures import Served, latency_of
from npuspec.bundle.program import Load
from npuspec.runtime import Engine, Session
from npuspec.runtime.feed import Array

Sample = tuple[Mapping[str, Array], int]
"""A sample, and how many elements of it are seen."""
LEAST = 16
"""Samples of given lengths that run, however long that takes."""
_WARM = 4
"""Samples of these that run before, to see how long they take."""
_SEED = 0


def serve(engine: Engine, load: Load, samples: Sequence[Sample], seconds: float, *, variant: str | None) -> Served:
    """Stream samples for some time, and then infer them one by one for as long.

    All of them run as often as each other, in a mixed order; and in the stream each as often as a batch has rows, so
    that no variant is left with a batch that isn't full.

    Args:
        engine: what runs; it is closed in the end.
        load: how it is served.
        samples: as they rise in length; of many so many run as fit the time.
        seconds: for each of the two.
        variant: which they fill; None for given lengths.

    """
    rows = engine.program.batch
    with Session(engine, load=load) as before, Session(engine, load=load) as session:
        done, taken = _stream(before, _mixed(thinned(samples, _WARM) * rows), WINDOW)
        drawn = thinned(samples, max(LEAST, int(done / taken * seconds / rows)))
        done, taken = _stream(session, _mixed(drawn * rows), seconds)
        stats = session.stats()
        times = _infer(session, _mixed(drawn), seconds)
    elements = done / taken * sum(seen for _, seen in drawn) / len(drawn)
    return Served(
        samples="lengths" if variant is None else "filled",
        variant=variant,
        drawn=len(drawn),
        latency=latency_of(times),
        samples_per_second=done / taken,
        elements_per_second=elements,
        computed_per_second=elements / (1 - stats.padding),
        padding=stats.padding,
        rows=stats.rows,
    )


def thinned(samples: Sequence[Sample], most: int) -> list[Sample]:
    """Return so many samples, at even steps through all of them; or all, where there are no more."""
    number = min(most, len(samples))
    return [samples[(2 * index + 1) * len(samples) // (2 * number)] for index in range(number)]


def _mixed(samples: list[Sample]) -> list[Sample]:
    return [samples[index] for index in np.random.default_rng(_SEED).permutation(len(samples))]


def _cycles(samples: Sequence[Sample], seconds: float) -> Iterator[Mapping[str, Array]]:
    """Yield all samples, over and over, as long as all of them fit into the time once more; once at least."""
    begin = perf_counter()
    for cycle in count(1):
        for sample, _ in samples:
            yield sample
        if (perf_counter() - begin) * (cycle + 1) / cycle > seconds:
            return


def _stream(session: Session, samples: Sequence[Sample], seconds: float) -> tuple[int, float]:
    """Return how many samples ran, and how many seconds that took."""
    begin = perf_counter()
    done = sum(1 for _ in session.stream(_cycles(samples, seconds)))
    return done, perf_counter() - begin


def _infer(session: Session, samples: Sequence[Sample], seconds: float) -> list[float]:
    """Return how many milliseconds each sample took."""
    times: list[float] = []
    for sample in _cycles(samples, seconds):
        begin = perf_counter()
        session.infer(sample)
        times.append((perf_counter() - begin) * 1e3)
    return times
