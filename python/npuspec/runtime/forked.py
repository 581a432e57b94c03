"""Sessions in a process that was forked, whose threads and OpenVINO's are the parent's, or that ends."""

import atexit
import os
from collections.abc import Mapping
from functools import cache
from typing import Any, NoReturn, Protocol
from weakref import WeakSet

from npuspec.diagnostics import Diagnostic, InputError


class Forkable(Protocol):
    """What is told in the child of a fork, and at the end of its process."""

    def leave_to_parent(self) -> None:
        """Refuse everything from now on."""

    def close(self) -> None:
        """End what was begun."""


_OPEN: WeakSet[Forkable] = WeakSet()


def watch(session: Forkable) -> None:
    """Tell a session if the process is forked, for as long as it lives, and close it where that ends."""
    _close_at_exit()
    _OPEN.add(session)


@cache
def _close_at_exit() -> None:
    atexit.register(_close)  # behind all others, so that it comes before them


def _close() -> None:
    for session in [*_OPEN]:
        session.close()


def refuse(_: Mapping[str, Any]) -> NoReturn:
    """Say to a caller that the session isn't this process's. Raises InputError, `session-forked`."""
    message = "this session was opened before the process was forked, and its threads are the parent's"
    raise InputError(Diagnostic("session-forked", message, "load the bundle in each process that is to use it"))


def _tell() -> None:
    for session in _OPEN:
        session.leave_to_parent()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_tell)
