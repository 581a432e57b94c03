"""How long a bundle takes: to be loaded in a process of its own, and to run samples one at a time or many at once."""

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npuspec.child import Progress
    from npuspec.runtime.feed import Array
    from npuspec.runtime.session import Session

_WARMING = 2
_LEAST, _MOST = 21, 500  # inferences one at a time
_SECONDS = 2.0  # that they take, unless there would be too few


def start(arguments: Mapping[str, Any], _progress: "Progress") -> float:
    """Load a bundle on a device, and return the milliseconds from before its runtime and OpenVINO are imported.

    Of use only as the first task of a process.
    """
    begin = time.perf_counter()
    from npuspec.runtime.start import load  # noqa: PLC0415  it is part of what is timed

    with load(arguments["bundle"], device=arguments["device"]):
        return (time.perf_counter() - begin) * 1e3


def alone(session: "Session", sample: "Mapping[str, Array]") -> list[float]:
    """Run a sample again and again, one at a time, and return the milliseconds of each."""
    times: list[float] = []
    for _ in range(_WARMING):
        session.infer(sample)
    end = time.perf_counter() + _SECONDS
    while len(times) < _LEAST or (len(times) < _MOST and time.perf_counter() < end):
        begin = time.perf_counter()
        session.infer(sample)
        times.append((time.perf_counter() - begin) * 1e3)
    return times


def together(session: "Session", sample: "Mapping[str, Array]") -> float:
    """Run a sample again and again, as many at a time as the session takes, and return how many a second."""
    warming = session.program.batch * _LEAST
    for _ in session.stream(islice(_again(sample, _SECONDS), warming)):
        pass
    begin = time.perf_counter()
    count = sum(1 for _ in session.stream(_again(sample, _SECONDS)))
    return count / (time.perf_counter() - begin)


def _again(sample: "Mapping[str, Array]", seconds: float) -> "Iterator[Mapping[str, Array]]":
    """Yield a sample once, and until the time is over."""
    end = time.perf_counter() + seconds
    yield sample
    while time.perf_counter() < end:
        yield sample
