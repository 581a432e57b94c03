"""Schedules that a compiler writes, and what is none."""

import json
from pathlib import Path
from typing import Any

import pytest

from npuspec.compilers.schedule import busy_of, covered, read_schedule
from npuspec.diagnostics import StageError


def task(name: str, engine: str, begin: float, duration: float) -> dict[str, Any]:
    return {"name": name, "cat": engine, "ph": "X", "ts": begin, "dur": duration, "pid": 1, "tid": 2}


def written(folder: Path, *events: dict[str, Any]) -> Path:
    path = folder / "trace.json"
    path.write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ns"}))
    return path


def test_engines_that_work_at_once_count_once(tmp_path: Path) -> None:
    lane = {"ph": "M", "name": "thread_name", "pid": 1, "tid": 2, "args": {"name": "DPU"}}
    tasks = [task("a?t_Add/x", "DPU", 2, 4), task("a?t_Add/y", "DPU", 0, 4), task("b", "DMA", 10, 1)]
    events = read_schedule(written(tmp_path, lane, *tasks, task("a", "Layer", 0, 99)))
    assert busy_of(events) == {"DMA": 1, "DPU": 6, "SHAVE": 0}
    assert covered(event for event in events if event.is_task) == 7
    assert [event.layer for event in events if event.is_task] == ["a", "a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"traceEvents": [1]}', "[" * 100_000, '{"traceEvents": [{}]}'),
        *(
            '{"traceEvents": [{"name": "a", "ph": "X", "cat": "DPU", ' + when + "}]}"
            for when in ('"ts": 1, "dur": -1', '"ts": 1, "dur": 1e999', '"ts": "0", "dur": 1', '"ts": 1', '"dur": 1')
        ),
    ],
)
def test_what_is_no_schedule_is_said(text: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text(text)
    with pytest.raises(StageError, match="wrote a schedule that can't be read") as caught:
        read_schedule(path)
    assert caught.value.code == "no-compiler"


def test_a_compiler_without_a_schedule_tells_nothing(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="writes no schedule"):
        read_schedule(tmp_path / "none")
