"""Starts in processes of their own: cold, with no compiled model that was kept, and warm."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from npuspec.bench.figures import Start, Starts
from npuspec.bench.place import Placed
from npuspec.child import run_task


def measure_starts(placed: Placed, count: int, tell: Callable[[int], object]) -> Starts:
    """Start a bundle cold and then warm, several times in turn.

    Args:
        placed: the bundle, and where it runs.
        count: how many starts there are of each.
        tell: is told how many pairs there were.

    """
    cold: list[dict[str, Any]] = []
    warm: list[dict[str, Any]] = []
    sample = placed.sample({name: dim.maximum for name, dim in placed.program.dims.items()})
    for number in range(count):
        with TemporaryDirectory() as scratch:
            given = Path(scratch, "sample.npz")
            np.savez(given, *sample.values())
            arguments = {
                "bundle": str(placed.path.absolute()),
                "device": placed.device,
                "cache": str(Path(scratch, "cache")),
                "sample": str(given),
                "names": [*sample],
            }
            for taken in (cold, warm):
                begin = perf_counter()
                answer = run_task("npuspec.bench.start:start", arguments | {"cold": taken is cold})
                taken.append({**answer, "process": (perf_counter() - begin) * 1e3})
        tell(number + 1)
    return Starts(cold=_medians(cold), warm=_medians(warm))


def _medians(taken: list[dict[str, Any]]) -> Start:
    times = {name: median(each[name] for each in taken) for name in ("process", "imports", "load", "first")}
    return Start(count=len(taken), origins=taken[-1]["origins"], **times)
