"""What tests of sessions share."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from npuspec.runtime.steady import Worker
from runtime.faulty import Device


@pytest.fixture
def cache_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that no other test uses."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("NPUSPEC_CACHE", str(folder))
    return folder


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[object]]:
    """Make a block in which the system gives no more threads."""

    @contextmanager
    def block() -> Iterator[None]:
        def refuse(_: Worker) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(Worker, "start", refuse)
            yield

    return block


@pytest.fixture
def held() -> Iterator[Device]:
    """A device on which no inference ends before its gate is set."""
    device = Device()
    device.gate.clear()
    yield device
    device.gate.set()
