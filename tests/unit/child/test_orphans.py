"""A child never outlives its parent."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import ends

PARENT = """
import sys
from npuspec.child import run_task
try:
    run_task("child_tasks:" + sys.argv[1], {"pid": sys.argv[2]}, lambda *_: print("started", flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def start(task: str, pid: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, task, str(pid)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


@pytest.mark.parametrize("task", ["wait", "wait_in_native_code"])
def test_a_killed_parent_takes_its_child_along(task: str, tmp_path: Path) -> None:
    parent = start(task, tmp_path / "pid")
    parent.kill()
    parent.communicate()
    assert ends(tmp_path / "pid")


@pytest.mark.parametrize("task", ["wait", "wait_in_native_code"])
def test_an_interrupted_parent_ends_its_child_before_it_goes_on(task: str, tmp_path: Path) -> None:
    parent = start(task, tmp_path / "pid")
    parent.send_signal(signal.SIGINT)
    out, _ = parent.communicate(timeout=60)
    assert (out, parent.returncode) == ("interrupted\n", 0)
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()
