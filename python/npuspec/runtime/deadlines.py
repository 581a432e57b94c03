"""When requests should have begun."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from threading import TIMEOUT_MAX, Thread
from time import perf_counter
from weakref import WeakMethod, WeakSet, ref

from npuspec.runtime.request import Request
from npuspec.runtime.steady import Steady, Worker

FEW = 1024
"""Deadlines, among which those that concern nobody any more aren't looked for."""


class Timeouts:
    """Tells, in a thread of its own, when a request should have begun. There is none before there is a deadline.

    Args:
        expire: is told of a request; a method, whose object isn't kept.
        own: the session's threads, which this one joins.

    """

    def __init__(self, expire: Callable[[Request], None], own: WeakSet[Thread]) -> None:
        self._expire = WeakMethod(expire, self._wake)  # nor does the thread keep the session
        self._own = own
        self._most = FEW
        self._heap: list[tuple[float, int, ref[Request]]] = []
        self._numbers = count()
        self._changed = Steady()
        self._thread: Worker | None = None
        self._closed = False

    def watch(self, request: Request, deadline: float) -> None:
        """Tell of a request at this time (`time.perf_counter`), if it is still there and hasn't begun."""
        with self._changed:
            if (self._thread is None or not self._thread.is_alive()) and not self._closed:
                self._thread = Worker(self._wait, "npuspec-timeouts", self._own)
                self._thread.start()
            if len(self._heap) >= self._most:
                self._heap = [each for each in self._heap if (one := each[2]()) is not None and not one.has_begun]
                heapify(self._heap)
                self._most = max(FEW, 2 * len(self._heap))
            heappush(self._heap, (deadline, next(self._numbers), ref(request)))
            if self._heap[0][0] == deadline:
                self._changed.notify()

    def _wait(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (not self._heap or self._heap[0][0] > perf_counter()):
                    self._changed.wait(min(TIMEOUT_MAX, self._heap[0][0] - perf_counter()) if self._heap else None)
                    if self._expire() is None:
                        return
                if self._closed:
                    return
                request, expire = heappop(self._heap)[2](), self._expire()
            if request is not None and expire is not None:
                expire(request)
            del request, expire

    def close(self) -> None:
        """Tell of none any more, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()

    def _wake(self, _: object) -> None:
        with self._changed:  # Ctrl-C may have come as one started, and another was
            self._changed.notify_all()
