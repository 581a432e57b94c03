"""What tests of sessions share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.faulty import Device


@pytest.fixture
def cache_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that no other test uses."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("NPUSPEC_CACHE", str(folder))
    return folder


@pytest.fixture
def held() -> Iterator[Device]:
    """A device on which no inference ends before its gate is set."""
    device = Device()
    device.gate.clear()
    yield device
    device.gate.set()
