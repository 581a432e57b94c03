"""Sessions in a process that was forked: their threads are the parent's, and neither are OpenVINO's there."""

import os
from collections.abc import Mapping
from typing import Any, NoReturn, Protocol
from weakref import WeakSet

from npuspec.diagnostics import Diagnostic, InputError


class Forkable(Protocol):
    """What is told in the child of a fork."""

    def leave_to_parent(self) -> None:
        """Refuse everything from now on."""


_OPEN: WeakSet[Forkable] = WeakSet()


def watch(session: Forkable) -> None:
    """Tell a session if the process is forked, for as long as it lives."""
    _OPEN.add(session)


def refuse(_: Mapping[str, Any]) -> NoReturn:
    """Say to a caller that the session isn't this process's. Raises InputError, `session-forked`."""
    message = "this session was opened before the process was forked, and its threads are the parent's"
    raise InputError(Diagnostic("session-forked", message, "load the bundle in each process that is to use it"))


def _tell() -> None:
    for session in _OPEN:
        session.leave_to_parent()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_tell)
