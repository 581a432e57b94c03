"""The schedule that a compiler writes: JSON in the form of Chrome's traces, with a task of an engine for each event.

A task is called `LAYER?t_TYPE/STEP/STEP…`. What was fused into another operation has none.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from npuspec.diagnostics import Diagnostic, StageError

ENGINES = {"DPU": "DPU", "DMA": "DMA", "Shave": "SHAVE"}
"""What the trace calls them, and what they are called."""
_MOST = 2**28  # bytes; what is longer is cut, and no JSON

_Time = Annotated[float, Meta(ge=0, le=1e15)]


class Event(Struct, frozen=True):
    """A line of a schedule: a task where `ph` is X, and what a lane is called where it is M."""

    ph: str
    name: str = ""
    cat: str = ""
    ts: _Time = -1.0
    dur: _Time = -1.0
    pid: int = 0
    tid: int = 0
    args: dict[str, Any] = {}

    def __post_init__(self) -> None:
        """Refuse a task that doesn't say when it is done."""
        if self.is_task and min(self.ts, self.dur) < 0:
            raise ValueError("a task has no `ts` or no `dur`")

    @property
    def is_task(self) -> bool:
        """Whether an engine does something; other events are lanes' names, and layers as a whole."""
        return self.ph == "X" and self.cat in ENGINES

    @property
    def layer(self) -> str:
        """The operation for which it is done."""
        return self.name.partition("?t_")[0]

    @property
    def end(self) -> float:
        """When it is done."""
        return self.ts + self.dur


class _Schedule(Struct):
    events: list[Event] = msgspec.field(name="traceEvents")


def read_schedule(trace: Path) -> list[Event]:
    """Return all events of a schedule.

    Raises:
        StageError: `no-compiler`: there is no schedule, or it can't be read.

    """
    try:
        with trace.open("rb") as file:
            return msgspec.json.decode(file.read(_MOST), type=_Schedule).events
    except FileNotFoundError:
        raise StageError(unfit("writes no schedule, and nothing else tells what an NPU would execute")) from None
    except (OSError, ValueError, RecursionError) as error:
        raise StageError(unfit(f"wrote a schedule that can't be read: {error}")) from None


def busy_of(events: Iterable[Event]) -> dict[str, float]:
    """Return how many microseconds any unit of each kind of engine is at work."""
    tasks = [event for event in events if event.is_task]
    return {told: covered(task for task in tasks if task.cat == cat) for cat, told in sorted(ENGINES.items())}


def covered(tasks: Iterable[Event]) -> float:
    """Return the length that tasks cover together."""
    total, end = 0.0, float("-inf")
    for task in sorted(tasks, key=lambda task: task.ts):
        total += max(0.0, task.end - max(task.ts, end))
        end = max(end, task.end)
    return round(total, 3)


def unfit(what: str) -> Diagnostic:
    """Return the fault of a compiler that doesn't do what it says, or whose schedule is none."""
    return Diagnostic("no-compiler", f"the compiler {what}", "name one that keeps to docs/npu-compiler-protocol.md")
