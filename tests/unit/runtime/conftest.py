"""What tests of sessions share."""

from pathlib import Path

import pytest


@pytest.fixture
def cache_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that no other test uses."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("NPUSPEC_CACHE", str(folder))
    return folder
