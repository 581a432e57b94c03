"""Tasks for the children, which are found through PYTHONPATH."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def importable_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [str(Path(__file__).parent / "tasks"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(Path(p).absolute()) for p in found if p))
