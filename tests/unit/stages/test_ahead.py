"""What a compiler command says and leaves behind is taken for no more than it is."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from compilers import toys
from compilers.test_command import command

from helpers import ends
from npuspec.child import run_task
from npuspec.compilers import find_compiler
from npuspec.diagnostics import StageError
from npuspec.stages.ahead import run

MADE = """{"protocol": 1, "ok": true, "estimated_latency_us": 7.5, "uncosted_operations": []}"""


def arguments(folder: Path, compiler: str, *, batch: int = 1) -> dict[str, Any]:
    """Return what the stage is asked, with a model that a compiler takes."""
    found = find_compiler(compiler)
    assert found is not None
    for name in ("shaped", "made"):
        (folder / name).mkdir()
    toys.write(toys.fine(), folder / "shaped")
    return {
        "parameters": {"platform": "4000", "properties": {}, "batch": batch},
        "inputs": [str(folder / "shaped")],
        "output": str(folder / "made"),
        "model": "",
        "data": None,
        "compiler": found.as_json(),
    }


def asked(folder: Path, does: str) -> dict[str, Any]:
    """Return what the stage makes of a command that does this: `$4` is the blob, `$6` the trace."""
    run(arguments(folder, command(folder, compile_=f"{does}; echo '{MADE}'")), lambda *_: None)
    return dict(json.loads((folder / "made" / "estimate.json").read_bytes()))


def test_the_real_compiler_s_schedule_tells_how_busy_each_engine_is(npu_compiler: Path, tmp_path: Path) -> None:
    run(arguments(tmp_path, str(npu_compiler)), lambda *_: None)
    estimate = json.loads((tmp_path / "made" / "estimate.json").read_bytes())
    assert set(estimate["busy_us"]) == {"DMA", "DPU", "SHAVE"}
    assert 0 < estimate["busy_us"]["DPU"] <= estimate["latency_us"] * 2
    assert estimate["blob_bytes"] == (tmp_path / "made" / "model.blob").stat().st_size


def test_engines_that_work_at_once_count_once(tmp_path: Path) -> None:
    tasks = [("DPU", 0, 4), ("DPU", 2, 4), ("DMA", 10, 1), ("M", 0, 99)]
    events = [{"ph": "X", "cat": cat, "ts": begin, "dur": dur} for cat, begin, dur in tasks] + [{"ph": "M"}]
    (tmp_path / "trace").write_text(json.dumps({"traceEvents": events}))
    found = asked(tmp_path, f"echo blob > $4; cp {tmp_path / 'trace'} $6")
    assert found["busy_us"] == {"DMA": 1, "DPU": 6, "SHAVE": 0}


@pytest.mark.parametrize(
    "does",
    [":", "ln -s /etc/hostname $4", "mkdir $4", "touch $4"],
    ids=["nothing", "a link", "a folder", "an empty file"],
)
def test_what_is_no_blob_is_never_taken_for_one(tmp_path: Path, does: str) -> None:
    with pytest.raises(StageError, match="wrote no blob") as caught:
        asked(tmp_path, does)
    assert caught.value.code == "no-compiler"


@pytest.mark.parametrize(
    "trace",
    [
        "no JSON",
        "[]",
        "{}",
        '{"traceEvents": ' + "[" * 100_000,
        '{"traceEvents": [{"ph": "X", "cat": "DPU", "ts": "soon", "dur": 1}]}',
        '{"traceEvents": [{"ph": "X", "cat": "DPU", "ts": 0, "dur": NaN}]}',
        '{"traceEvents": [{"ph": "X", "cat": "DPU", "ts": 0}]}',
    ],
)
def test_a_schedule_that_is_none_is_the_command_s_fault(tmp_path: Path, trace: str) -> None:
    (tmp_path / "trace").write_text(trace)
    with pytest.raises(StageError, match="schedule") as caught:
        asked(tmp_path, f"echo blob > $4; cp {tmp_path / 'trace'} $6")
    assert caught.value.code == "no-compiler"


STARTED = """
import json, sys
from npuspec.child import run_task
run_task("npuspec.stages.ahead:run", json.loads(sys.argv[1]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_compiler_ends_with_whoever_asked_for_it(tmp_path: Path, number: signal.Signals) -> None:
    pid = tmp_path / "pid"
    told = arguments(tmp_path, command(tmp_path, compile_=f"sleep 600 & echo $! > {pid}; wait"))
    process = subprocess.Popen([sys.executable, "-c", STARTED, json.dumps(told)], stderr=subprocess.DEVNULL)
    while not pid.exists() or not pid.read_text().strip():
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(30) != 0
    assert ends(pid)


def test_a_stage_hands_its_faults_on(tmp_path: Path) -> None:
    told = arguments(tmp_path, command(tmp_path, compile_=f"echo '{MADE}'"))
    with pytest.raises(StageError, match="wrote no blob"):
        run_task("npuspec.stages.ahead:run", told)
