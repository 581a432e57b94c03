"""20,000 mutants of specs: whatever the text is, it ends in faults of ours, soon, and in little memory."""

import json
import subprocess
import sys
from pathlib import Path

from mutate import KINDS

RUN = Path(__file__).parent / "run.py"
COUNT, BUDGET = 20_000, 240  # seconds: a few times what it takes on one quiet core


def test_no_mutant_of_a_spec_ends_in_a_traceback_a_hang_or_much_memory(tmp_path: Path) -> None:
    command = [sys.executable, str(RUN), f"--count={COUNT}", f"--budget={BUDGET}", f"--keep={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["done"] == COUNT, summary["seconds"]
    assert set(summary["kinds"]) == set(KINDS)
