"""Schedules of an NPU's compiler."""

import json
from pathlib import Path

import pytest

from npuspec.diagnostics import StageError
from npuspec.fusion.trace import read_trace


def task(name: str, engine: str, begin: float, duration: float) -> dict[str, object]:
    return {"name": name, "cat": engine, "ph": "X", "ts": begin, "dur": duration, "pid": 1, "tid": 2}


def written(folder: Path, *tasks: dict[str, object]) -> Path:
    path = folder / "trace.json"
    meta = {"name": "process_name", "ph": "M", "pid": 1, "args": {"name": "DMA"}}
    path.write_text(json.dumps({"traceEvents": [meta, *tasks], "displayTimeUnit": "ns"}))
    return path


def test_a_layer_is_at_work_while_any_engine_is(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        task("conv?t_Convolution/cluster_0", "DPU", 0, 4),
        task("conv?t_Convolution/cluster_1", "DPU", 2, 4),
        task("conv?t_Convolution/fused_constant", "DMA", 10, 1),
        task("conv", "Layer", 0, 11),
        task("act?t_HSwish/tile_0", "Shave", 12, 0),
    )
    executed = read_trace(path)
    assert executed.whole_us == 12
    conv, act = executed.nodes
    assert (conv.name, conv.operations, conv.type, conv.us, conv.counted) == (
        *("conv", ("conv",), "Convolution on DPU", 7, True),
    )
    assert (act.type, act.us, act.counted) == ("HSwish on SHAVE", 0, False)


def test_what_is_only_carried_about_runs_nothing(tmp_path: Path) -> None:
    [node] = read_trace(written(tmp_path, task("x?t_Parameter/converted_to_f16", "DMA", 0, 2))).nodes
    assert (node.operations, node.converts) == ((), {})


def test_converts_and_moves_have_their_own_time(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        task("y?t_Result/converted_to_f32/tile_0", "Shave", 0, 2),
        task("y?t_Result/converted_to_f32/tile_0", "DMA", 2, 1),
        task("conv?t_Convolution/reorder_in_0/PermuteQuantize/cluster_0", "DPU", 4, 3),
        task("conv?t_Convolution/cluster_0", "DPU", 7, 5),
    )
    result, conv = read_trace(path).nodes
    assert result.converts == {"float32": 3}
    assert (conv.us, conv.moves_us) == (8, 3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"traceEvents": [1]}',
        '{"traceEvents": [{"name": "a", "ph": "X", "cat": "DPU", "ts": 1, "dur": -1}]}',
        '{"traceEvents": [{"name": "a", "ph": "X", "cat": "DPU", "ts": 1, "dur": 1e999}]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_schedule_is_said(text: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text(text)
    with pytest.raises(StageError, match="wrote a schedule that can't be read") as caught:
        read_trace(path)
    assert caught.value.code == "no-compiler"


def test_a_compiler_without_a_schedule_tells_nothing(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="writes no schedule"):
        read_trace(tmp_path / "none")
