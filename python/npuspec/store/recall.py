"""What was found out about a spec, kept for as long as nothing that was looked at has changed.

Files are told apart by what the file system knows of them, as `make` and `git status` do, and not by their content:
this spares the reading, and with it the import of everything that reads. What is kept here is only ever shown to
people; whatever is computed or shipped goes by content.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parent.parent
_FRESH = 2_000_000_000  # ns; a file that is younger may change again without its times showing it
_KEPT = "recall"

_seen: ContextVar[set[str] | None] = ContextVar("seen", default=None)


@contextmanager
def watching() -> Iterator[set[str]]:
    """Collect the path of everything that is looked at meanwhile; who watches around this sees it too."""
    seen: set[str] = set()
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)
        look(*seen)


def look(*paths: str | Path) -> None:
    """Note that what follows depends on these files and folders, or on their absence."""
    if (seen := _seen.get()) is not None:
        seen.update(os.path.abspath(path) for path in paths)  # noqa: PTH100  a link is watched itself


def recall(root: Path, question: list[str]) -> Any:
    """Return what was kept for a question, or None if there is nothing or something has changed since."""
    try:
        kept = json.loads(_place(root, question).read_bytes())
        if all(_state(path) == state for path, state in kept["states"].items()):
            look(*kept["states"])
            return kept["answer"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass
    return None


def keep(root: Path, question: list[str], seen: Iterable[str], answer: Any) -> None:
    """Keep an answer together with the state of everything that it depends on."""
    states = {path: _state(path) for path in sorted(seen)}
    oldest = time.time_ns() - _FRESH
    if any(state is not None and max(state[-2:]) > oldest for state in states.values()):
        return
    place = _place(root, question)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"states": states, "answer": answer}, file)
        os.replace(name, place)  # noqa: PTH105
    except OSError:
        return  # it is only found out again


def _place(root: Path, question: list[str]) -> Path:
    """Return where the answer is kept: it goes by the question, by this program, and by what is installed beside it."""
    key = json.dumps([_program(), question])
    return root / _KEPT / f"{sha256(key.encode()).hexdigest()}.json"


@cache
def _program() -> list[Any]:
    own = [[entry.path, entry.stat().st_mtime_ns] for entry in _files(_PACKAGE)]
    return [sys.version, own, [[path, _state(path)] for path in sys.path]]


def _files(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name != "__pycache__":
                yield from _files(entry.path) if entry.is_dir() else [entry]


def _state(path: str) -> list[int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return [found.st_mode, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
