"""A schedule becomes lanes of tasks; what is too short to be told apart is drawn as one."""

import json
from pathlib import Path
from typing import Any

import pytest
from compilers import toys
from compilers.test_command import MADE, command
from msgspec import convert

from npuspec.compilers import find_compiler
from npuspec.compilers.schedule import Event
from npuspec.diagnostics import StageError
from npuspec.report.model import Task, Timeline
from npuspec.report.timeline import compile_timeline, joined, tasks_of


def named(what: str, name: str, pid: int, tid: int | None = None) -> dict[str, Any]:
    where = {"pid": pid} if tid is None else {"pid": pid, "tid": tid}
    return {"ph": "M", "name": f"{what}_name", "args": {"name": name}, **where}


def done(name: str, cat: str, pid: int, tid: int, begin: float, dur: float) -> dict[str, Any]:
    return {"ph": "X", "name": name, "cat": cat, "pid": pid, "tid": tid, "ts": begin, "dur": dur}


EVENTS = [
    *(named("process", "DMA", 0), named("thread", "DMA 0 DDR", 0, 0)),
    *(named("process", "Cluster (0)", 1), named("thread", "DPU", 1, 2), named("thread", "DPU Variants", 1, 3)),
    *(named("thread", "Shave", 1, 4), named("thread", "Shave", 1, 5)),
    *(done("conv", "DPU", 1, 2, 5.0, 9.0), done("conv", "DPU", 1, 3, 5.0, 9.0), done("load", "DMA", 0, 0, 0.0, 5.0)),
    *(
        done("exp", "Shave", 1, 4, 14.0, 1.0),
        done("exp", "Shave", 1, 5, 14.0, 1.0),
        done("nothing", "DPU", 1, 2, 0.0, 0.0),
    ),
    *(done("whole", "Layer", 5, 9, 0.0, 15.0), done("lost", "DMA", 7, 8, 0.0, 1.0)),
]


def trace(events: list[dict[str, Any]]) -> bytes:
    return json.dumps({"traceEvents": events}).encode()


def compiled(folder: Path, does: str) -> Timeline:
    found = find_compiler(command(folder, compile_=f"{does}; echo '{MADE}'"))
    assert found is not None
    return compile_timeline(found, folder / "model.xml", "4000", {}, "time8")


def test_lanes_are_called_as_the_trace_says_and_never_alike() -> None:
    tasks = tasks_of(convert(EVENTS, list[Event]))
    assert [(task.engine, task.kind, task.begin, task.end, task.name) for task in tasks] == [
        ("DMA 0 DDR", "DMA", 0.0, 5.0, "load"),
        ("Cluster (0) DPU", "DPU", 5.0, 14.0, "conv"),
        ("Cluster (0) Shave 1", "SHAVE", 14.0, 15.0, "exp"),
        ("Cluster (0) Shave 2", "SHAVE", 14.0, 15.0, "exp"),
        ("DMA 8", "DMA", 0.0, 1.0, "lost"),
    ]


def test_short_neighbours_of_one_lane_are_one() -> None:
    tasks = [Task("a", "DMA", 0.1 * n, 0.1 * n + 0.05, f"n{n}", 1) for n in range(3)]
    tasks += [Task("a", "DMA", 1000.0, 2400.0, "long", 1), Task("b", "DMA", 0.0, 0.1, "other", 1)]
    found = [*joined(tasks)]
    assert [(task.engine, task.name, task.count) for task in found] == [
        ("a", "n0 … n2", 3),
        ("a", "long", 1),
        ("b", "other", 1),
    ]
    assert found[0].end == pytest.approx(0.25)
    assert not [*joined([])]


def test_a_command_s_schedule_is_read(tmp_path: Path) -> None:
    (tmp_path / "made").write_bytes(trace(EVENTS))
    found = compiled(tmp_path, f"cp {tmp_path / 'made'} $6")
    assert (found.compiler, found.latency_us, found.all_tasks) == ("toy 1", 7.5, 5)
    assert found.engines[:2] == ("DMA 0 DDR", "Cluster (0) DPU")
    assert found.busy_us == {"DMA": 5.0, "DPU": 9.0, "SHAVE": 1.0}


@pytest.mark.parametrize("does", [":", "echo 'no JSON' > $6"])
def test_without_a_schedule_it_is_the_command_s_fault(tmp_path: Path, does: str) -> None:
    with pytest.raises(StageError, match="schedule") as caught:
        compiled(tmp_path, does)
    assert caught.value.code == "no-compiler"


def test_the_real_compiler_s_schedule_is_drawn(npu_compiler: Path, tmp_path: Path) -> None:
    compiler = find_compiler(str(npu_compiler))
    assert compiler is not None
    found = compile_timeline(compiler, toys.write(toys.fine(), tmp_path), "4000", {}, "static")
    assert {task.kind for task in found.tasks} >= {"DMA", "DPU"}
    assert any(engine.startswith("DMA 0") for engine in found.engines)
    assert found.all_tasks == sum(task.count for task in found.tasks)
