"""Locks, futures and threads that Ctrl-C leaves whole.

Python enters a condition in several steps, and Ctrl-C may come between any two: the lock then stays taken for good, or
is released twice. So it is with a future that is waited for, and with a thread that starts.
"""

from collections.abc import Callable
from concurrent.futures import Future
from operator import attrgetter
from threading import Condition, RLock, Thread, current_thread
from typing import Any, TypeVar
from weakref import WeakSet

Done = TypeVar("Done")
UNTOLD = 0.1
"""Seconds after which whoever waits looks by itself: Ctrl-C, or the end of the stack, may keep it from being told."""


class Steady(Condition):
    """A condition that is entered and left in one step, and is still the waiter's when Ctrl-C ends its wait."""

    __enter__: Any = property(attrgetter("_lock.__enter__"))
    __exit__: Any = property(attrgetter("_lock.__exit__"))

    def __init__(self, lock: Any = None) -> None:
        super().__init__(RLock() if lock is None else lock)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until notified, or for so many seconds."""
        try:
            return super().wait(timeout)
        except BaseException:
            if not self._is_owned():  # type: ignore[attr-defined]
                self.acquire()
            raise


class Promise(Future[Done]):
    """A future that can be waited for in spite of Ctrl-C."""

    def __init__(self) -> None:
        super().__init__()
        self._condition = Steady()


class Worker(Thread):
    """A thread of a session's own, which is among those while it runs.

    Args:
        run: what it does.
        name: its name.
        own: the session's threads.

    """

    def __init__(self, run: Callable[[], object], name: str, own: WeakSet[Thread]) -> None:
        super().__init__(name=name, daemon=True)
        self._started._cond = Steady()  # type: ignore[attr-defined]  # noqa: SLF001  what starts it waits for that
        self._do, self._own = run, own

    def run(self) -> None:
        """Do it."""
        self._own.add(current_thread())
        self._do()
