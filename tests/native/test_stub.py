"""The stub says what the module is."""

import subprocess
import sys
from pathlib import Path


def test_the_stub_matches_the_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mypy.stubtest", "npuspec._native"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
