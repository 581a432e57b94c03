"""The schedule that an NPU's compiler makes: which engine does what, and when. Nothing of it is measured."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from npuspec.compilers import Compiler
from npuspec.compilers.schedule import ENGINES, Event, busy_of, read_schedule
from npuspec.report.model import Task, Timeline
from npuspec.stages import BLOB

_POINTS = 2400  # into which the whole time is divided: what is shorter can't be told apart where it is drawn
_DETAILS = "Variants"  # a lane that shows again what another one does


def compile_timeline(
    compiler: Compiler, model: Path, platform: str, properties: Mapping[str, Any], variant: str
) -> Timeline:
    """Compile a model for a platform, and return the compiler's schedule.

    Raises:
        StageError: what the compiler raises, or `no-compiler` where it writes no schedule, or none that can be read.

    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        trace = Path(scratch, "trace.json")
        made = compiler.compile(model, platform, Path(scratch, BLOB), properties, trace)
        events = read_schedule(trace)
    tasks = tasks_of(events)
    return Timeline(
        platform=platform,
        variant=variant,
        compiler=compiler.identity,
        latency_us=made.latency_us,
        uncosted=made.uncosted,
        busy_us=busy_of(events),
        engines=tuple(dict.fromkeys(task.engine for task in tasks)),
        tasks=tuple(joined(tasks)),
        all_tasks=len(tasks),
    )


def tasks_of(events: Sequence[Event]) -> list[Task]:
    """Return the tasks of a schedule, lane by lane as it numbers them."""
    names = _lanes(events)
    done = [event for event in events if event.is_task and event.dur > 0]
    lanes = sorted({(event.pid, event.tid, event.cat) for event in done})
    called = _numbered([names.get((pid, tid)) or f"{cat} {tid}" for pid, tid, cat in lanes])
    engines = dict(zip(lanes, called, strict=True))
    order = {lane: number for number, lane in enumerate(lanes)}
    done.sort(key=lambda event: (order[event.pid, event.tid, event.cat], event.ts))
    return [
        Task(engine, ENGINES[event.cat], event.ts, event.end, event.name, 1)
        for event in done
        if _DETAILS not in (engine := engines[event.pid, event.tid, event.cat])
    ]


def joined(tasks: Iterable[Task]) -> Iterator[Task]:
    """Yield tasks of one lane behind the other; neighbours that are too short and too near to be told apart as one."""
    found = [*tasks]
    point = max((task.end for task in found), default=0.0) / _POINTS
    group: list[Task] = found[:1]
    for before, task in pairwise(found):
        if task.engine != before.engine or task.end - group[0].begin > point:
            yield _one(group)
            group = []
        group.append(task)
    if group:
        yield _one(group)


def _one(group: list[Task]) -> Task:
    first, last = group[0], max(group, key=lambda task: task.end)
    name = first.name if len(group) == 1 else f"{first.name} … {group[-1].name}"
    return Task(first.engine, first.kind, first.begin, last.end, name, len(group))


def _lanes(events: Iterable[Event]) -> dict[tuple[int, int], str]:
    """Return what each lane is called: `DMA 0 DDR`, `Cluster (0) DPU`."""
    processes: dict[int, str] = {}
    threads: dict[tuple[int, int], str] = {}
    for event in events:
        if event.ph == "M" and event.name == "process_name":
            processes[event.pid] = str(event.args.get("name", ""))
        elif event.ph == "M" and event.name == "thread_name":
            threads[event.pid, event.tid] = str(event.args.get("name", ""))
    return {
        lane: thread if thread.startswith(processes.get(lane[0], "")) else f"{processes[lane[0]]} {thread}"
        for lane, thread in threads.items()
    }


def _numbered(names: list[str]) -> list[str]:
    """Return names of which none is another's: those that are get numbers."""
    counts, seen = Counter(names), defaultdict[str, int](int)
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if counts[name] == 1 else f"{name} {seen[name]}")
    return found
