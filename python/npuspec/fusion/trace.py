"""Read the schedule that an NPU's compiler writes: JSON in the form of Chrome's traces, its tasks named by layer.

A task is called `LAYER?t_TYPE/STEP/STEP…`. What was fused into another operation has none.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from npuspec.diagnostics import Diagnostic, StageError
from npuspec.fusion.model import Executed, Node

_MOST = 2**28  # bytes; what is longer is cut, and no JSON
_COMPUTE = {"DPU": "DPU", "Shave": "SHAVE"}
_CONVERTS = re.compile(r"/converted_to_(\w+)")
_MOVES = re.compile(r"/[^?]*(perm|reorder|transpose)", re.IGNORECASE)
_DTYPES = {"f16": "float16", "f32": "float32", "si32": "int32", "si64": "int64", "si8": "int8", "ui8": "uint8"}

_Time = Annotated[float, Meta(ge=0, le=1e15)]


class _Event(Struct):
    name: str
    ph: str
    cat: str = ""
    ts: _Time = 0.0
    dur: _Time = 0.0


class _Trace(Struct):
    events: list[_Event] = msgspec.field(name="traceEvents")


def read_trace(path: Path) -> Executed:
    """Return what a schedule executes; a layer's time is that in which any engine is at work on it.

    Raises:
        StageError: `no-compiler`: there is no schedule, or it can't be read.

    """
    try:
        with path.open("rb") as file:
            events = msgspec.json.decode(file.read(_MOST), type=_Trace).events
    except FileNotFoundError:
        raise StageError(_unfit("writes no schedule, and nothing else tells what an NPU would execute")) from None
    except (OSError, ValueError, RecursionError) as error:
        raise StageError(_unfit(f"wrote a schedule that can't be read: {error}")) from None
    layers: dict[str, list[_Event]] = defaultdict(list)
    for event in events:
        if event.ph == "X" and event.cat in {*_COMPUTE, "DMA"}:
            layers[event.name.partition("?t_")[0]].append(event)
    ends = [event.ts + event.dur for tasks in layers.values() for event in tasks]
    return Executed(nodes=tuple(_node(name, tasks) for name, tasks in layers.items()), whole_us=max(ends, default=0.0))


def _node(name: str, tasks: list[_Event]) -> Node:
    """Return what becomes of a layer; one that is only carried about isn't executed, and has no operations."""
    computing = [task for task in tasks if task.cat in _COMPUTE]
    kind = tasks[0].name.partition("?t_")[2].partition("/")[0]
    engines = " and ".join(sorted({_COMPUTE[task.cat] for task in computing})) or "DMA"
    converts: dict[str, list[_Event]] = defaultdict(list)
    for task in tasks:
        if found := _CONVERTS.search(task.name):
            converts[_DTYPES.get(found[1], found[1])].append(task)
    return Node(
        name=name,
        operations=(name,) if computing else (),
        type=f"{kind} on {engines}",
        us=_covered(tasks),
        counted=not computing or any(task.dur for task in computing),
        # What the engine that carries it does by the way takes no time of its own.
        converts={dtype: _covered(found) for dtype, found in converts.items() if any(t in computing for t in found)},
        moves_us=_covered(task for task in computing if _MOVES.search(task.name)),
    )


def _covered(tasks: Iterable[_Event]) -> float:
    """Return the length that tasks cover together."""
    total, end = 0.0, float("-inf")
    for begin, stop in sorted((task.ts, task.ts + task.dur) for task in tasks):
        total += max(0.0, stop - max(begin, end))
        end = max(end, stop)
    return round(total, 3)


def _unfit(what: str) -> Diagnostic:
    return Diagnostic("no-compiler", f"the compiler {what}", "name one that keeps to docs/npu-compiler-protocol.md")
