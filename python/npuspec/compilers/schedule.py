"""The schedule that a compiler writes: JSON in the form of Chrome's traces, with a task of an engine for each event."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from npuspec.diagnostics import Diagnostic, StageError

ENGINES = {"DPU": "DPU", "DMA": "DMA", "Shave": "SHAVE"}
"""What the trace calls them, and what they are called."""


def busy_of(trace: Path) -> dict[str, float]:
    """Return how many microseconds of the schedule any unit of each kind of engine is at work.

    Raises:
        StageError: `no-compiler`: it is no schedule.

    """
    spans = defaultdict(list)
    try:
        for event in json.loads(trace.read_bytes())["traceEvents"]:
            if event["ph"] == "X" and event.get("cat") in ENGINES:
                spans[ENGINES[event["cat"]]].append(_span(event))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StageError(unfit(f"wrote a schedule that can't be read: {error!r}")) from None
    return {engine: round(_covered(spans[engine]), 3) for engine in sorted(ENGINES.values())}


def _span(event: Mapping[str, Any]) -> tuple[float, float]:
    begin, duration = float(event["ts"]), float(event["dur"])
    if not isfinite(begin + duration):
        raise ValueError(f"a task takes {duration} from {begin} on")
    return begin, begin + duration


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length that spans cover together."""
    total, end = 0.0, float("-inf")
    for begin, stop in sorted(spans):
        total += max(0.0, stop - max(begin, end))
        end = max(end, stop)
    return total


def unfit(what: str) -> Diagnostic:
    """Return the fault of a compiler that doesn't do what it says, or whose schedule is none."""
    return Diagnostic("no-compiler", f"the compiler {what}", "look at the command that --compiler names")
