"""Ctrl-C is pressed all the time, while a session is called in each way: a second of each, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from interrupts import WAYS

PROGRAM = Path(__file__).with_name("interrupts.py")


@pytest.mark.parametrize("way", WAYS)
def test_a_session_goes_on_wherever_it_is_interrupted(way: str) -> None:
    program = (
        f"import runpy, sys; sys.path[:0] = {sys.path}; sys.argv = {[str(PROGRAM), '--way', way, '--seconds', '1']}"
    )
    ran = subprocess.run(
        [sys.executable, "-c", f"{program}; runpy.run_path(sys.argv[0], run_name='__main__')"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    _, calls, _, interrupted, _ = ran.stdout.split()
    assert 0 < int(interrupted) <= int(calls)
