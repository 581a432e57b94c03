"""What was found out about a spec, kept for as long as nothing that was looked at has changed.

Files are told apart by what the file system knows of them, as `make` and `git status` do, and not by their content:
this spares the reading, and with it the import of everything that reads. What is kept here is only ever shown to
people; whatever is computed or shipped goes by content.
"""

import json
import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parent.parent
_FRESH = 2_000_000_000  # ns; a file that is younger may change again without its times showing it
_KEPT = "recall"
_MOST = 500  # answers that are kept
_MOST_BYTES = 64 * 1024 * 1024
_NOWHERE = 0  # in place of a mode: a link to nothing

State = list[int | str] | None


@dataclass(slots=True)
class Seen:
    """What was looked at since a moment: each path with the state in which it was first met."""

    since: int
    states: dict[str, State] = field(default_factory=dict)
    unsure: bool = False

    def add(self, states: Mapping[str, State]) -> None:
        """Add what was met elsewhere; a state that is known already is the earlier one, and stays."""
        self.states = {**states, **self.states}


_seen: ContextVar[Seen | None] = ContextVar("seen", default=None)


@contextmanager
def watching() -> Iterator[Seen]:
    """Collect everything that is looked at meanwhile; who watches around this sees it too."""
    seen = Seen(time.time_ns())
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)
        if (around := _seen.get()) is not None:
            around.add(seen.states)
            around.unsure |= seen.unsure


def look(*paths: str | Path) -> None:
    """Note that what follows depends on these files and folders, or on their absence; to be said before it is read."""
    if (seen := _seen.get()) is None:
        return
    for path in paths:
        place = str(Path(path).absolute())  # `..` stays in it: it may follow a link
        if place not in seen.states:
            seen.states[place] = _state(place)


def distrust() -> None:
    """Note that what follows may be otherwise another time, whatever was looked at: a process may be killed."""
    if (seen := _seen.get()) is not None:
        seen.unsure = True


def recall(root: Path, question: list[str]) -> Any:
    """Return what was kept for a question, or None if there is nothing or something has changed since."""
    try:
        with _place(root, question).open("rb") as file:
            if os.fstat(file.fileno()).st_size > _MOST_BYTES:
                return None
            digest, _, body = file.read().partition(b"\n")
        if sha256(body).hexdigest().encode() != digest:
            return None
        kept = json.loads(body)
    except (OSError, ValueError):
        return None
    if any(_state(path) != state for path, state in kept["states"].items()):
        return None
    if (seen := _seen.get()) is not None:
        seen.add(kept["states"])
    return kept["answer"]


def keep(root: Path, question: list[str], seen: Seen, answer: Any) -> None:
    """Keep an answer together with the state of everything that it depends on.

    Nothing is kept where that state may change unseen: of files that changed a moment before or since, and of pipes.
    """
    if seen.unsure:
        return
    for path, state in seen.states.items():
        if state != _state(path) or not (state is None or _is_settled(state, seen.since)):
            return
    from npuspec.store.replace import replace_file  # noqa: PLC0415  only where there is something to write

    body = json.dumps({"states": dict(sorted(seen.states.items())), "answer": answer}).encode()
    try:
        place = _place(root, question)
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_file(place, sha256(body).hexdigest().encode() + b"\n" + body)
        _forget_oldest(place.parent)
    except OSError:
        return  # it is only found out again


def _is_settled(state: list[int | str], since: int) -> bool:
    if state[0] == _NOWHERE:
        return True
    mode, *_, modified, changed, _ = state
    is_still = stat.S_ISREG(int(mode)) or stat.S_ISDIR(int(mode))
    return is_still and max(int(modified), int(changed)) <= since - _FRESH


def _forget_oldest(folder: Path) -> None:
    """Take out the oldest answers beyond those that are kept: most are of files that have changed since."""
    with os.scandir(folder) as entries:
        found = [(entry.stat().st_mtime_ns, entry.path) for entry in entries]
    for _, path in sorted(found, reverse=True)[_MOST:]:
        os.unlink(path)  # noqa: PTH108


def _place(root: Path, question: list[str]) -> Path:
    """Return where the answer is kept: it goes by the question, by this program, and by what is installed beside it."""
    key = json.dumps([question, _program()])
    return root / _KEPT / f"{sha256(key.encode()).hexdigest()}"


@cache
def _program() -> list[Any]:
    """Return the state of this program as it was when it was first asked for, which is before it finds anything out."""
    beside = [[path, _state(path or os.curdir)] for path in sys.path]
    return [sys.version, [[path, _state(path)] for path in _files(_PACKAGE)], beside]


def _files(folder: str | Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name != "__pycache__":
                yield from _files(entry.path) if entry.is_dir(follow_symlinks=False) else [entry.path]


def _state(path: str) -> State:
    """Return what tells a file from every other and from itself at another time, and where a link leads to."""
    way = ""
    try:
        way = os.path.realpath(path) if os.path.islink(path) else ""  # noqa: PTH114
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return [_NOWHERE, way] if way else None
    return [found.st_mode, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, way]
