"""How the command line ends where no verb has a say: bugs of ours, interruptions, closed pipes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ASR_SPEC, npuspec

# A bug, as any module may have one: what `check` calls divides by zero.
WITH_A_BUG = "import npuspec.plan\nnpuspec.plan.check = lambda *_: 1 / 0\nfrom npuspec.cli import main\nmain()\n"


def run_with_a_bug(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITH_A_BUG, "check", "s.toml"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1", **variables},
    )


def test_a_bug_of_ours_is_an_internal_error_and_no_traceback() -> None:
    done = run_with_a_bug()
    assert done.returncode == 70
    assert done.stderr == (
        "error[internal-error]: npuspec itself failed: ZeroDivisionError: division by zero\n"
        "  = help: report it, with what NPUSPEC_TRACEBACK=1 shows\n"
    )


def test_its_traceback_is_shown_on_request() -> None:
    done = run_with_a_bug(NPUSPEC_TRACEBACK="1")
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.rstrip().endswith("ZeroDivisionError: division by zero")


def test_an_interruption_is_said_and_is_exit_code_130(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "npuspec", "plan", str(ASR_SPEC)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "NPUSPEC_CACHE": str(tmp_path)}
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("downloading")
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "interrupted: what was finished is kept" in rest
    assert "Traceback" not in rest


def test_a_reader_that_closes_its_end_of_the_pipe_is_no_error() -> None:
    command = [sys.executable, "-m", "npuspec", "explain", "wrong-pin"]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 1


@pytest.mark.parametrize(
    "call", [["plan", "s.toml"], ["apply", "s.toml"], ["run", "b", "-i", "x=y"], ["doctor", "b"], ["bench", "b"]]
)
def test_a_device_that_chooses_by_itself_is_told_for_what_it_does(call: list[str]) -> None:
    ran = npuspec(*call, "--device", "AUTO:NPU,CPU")
    assert ran.code == 2
    assert "on the CPU until that has compiled" in ran.err
    assert "Name one of NPU, CPU." in ran.err
