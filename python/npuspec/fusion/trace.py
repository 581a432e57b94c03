"""What a compiler's schedule executes for each layer."""

import re
from collections import defaultdict
from pathlib import Path

from npuspec.compilers.schedule import ENGINES, Event, covered, read_schedule
from npuspec.fusion.model import Executed, Node

_CARRIES = "DMA"
_CONVERTS = re.compile(r"/converted_to_(\w+)")
_MOVES = re.compile(r"/[^?]*(perm|reorder|transpose)", re.IGNORECASE)
_DTYPES = {"f16": "float16", "f32": "float32", "si32": "int32", "si64": "int64", "si8": "int8", "ui8": "uint8"}


def read_trace(path: Path) -> Executed:
    """Return what a schedule executes; a layer's time is that in which any engine is at work on it.

    Raises:
        StageError: `no-compiler`: there is no schedule, or it can't be read.

    """
    layers: dict[str, list[Event]] = defaultdict(list)
    for event in read_schedule(path):
        if event.is_task:
            layers[event.layer].append(event)
    ends = [task.end for tasks in layers.values() for task in tasks]
    return Executed(nodes=tuple(_node(name, tasks) for name, tasks in layers.items()), whole_us=max(ends, default=0.0))


def _node(name: str, tasks: list[Event]) -> Node:
    """Return what becomes of a layer; one that is only carried about isn't executed, and has no operations."""
    computing = [task for task in tasks if task.cat != _CARRIES]
    kind = tasks[0].name.partition("?t_")[2].partition("/")[0]
    engines = " and ".join(sorted({ENGINES[task.cat] for task in computing})) or _CARRIES
    converts: dict[str, list[Event]] = defaultdict(list)
    for task in tasks:
        if found := _CONVERTS.search(task.name):
            converts[_DTYPES.get(found[1], found[1])].append(task)
    return Node(
        name=name,
        operations=(name,) if computing else (),
        type=f"{kind} on {engines}",
        us=covered(tasks),
        counted=not computing or any(task.dur for task in computing),
        # What the engine that carries it does by the way takes no time of its own.
        converts={dtype: covered(found) for dtype, found in converts.items() if any(t in computing for t in found)},
        moves_us=covered(task for task in computing if _MOVES.search(task.name)),
    )
