"""When requests should have begun."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from threading import Condition, Lock, Thread, current_thread
from time import perf_counter
from weakref import WeakMethod, WeakSet, ref

from npuspec.runtime.request import Request

FEW = 1024
"""Deadlines, among which those that concern nobody any more aren't looked for."""
LONG = 10.0
"""Seconds after which the thread that waits for deadlines looks whether there is still a session."""


class Timeouts:
    """Tells, in a thread of its own, when a request should have begun. There is none before there is a deadline.

    Args:
        expire: is told of a request; a method, whose object isn't kept.
        own: the session's threads, which this one joins.

    """

    def __init__(self, expire: Callable[[Request], None], own: WeakSet[Thread]) -> None:
        self._expire = WeakMethod(expire)  # nor does the thread keep the session
        self._own = own
        self._most = FEW
        self._heap: list[tuple[float, int, ref[Request]]] = []
        self._numbers = count()
        self._lock = Lock()
        self._changed = Condition(self._lock)
        self._thread: Thread | None = None
        self._closed = False

    def watch(self, request: Request, deadline: float) -> None:
        """Tell of a request at this time (`time.perf_counter`), if it is still there and hasn't begun."""
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = Thread(target=self._wait, name="npuspec-timeouts", daemon=True)
                self._thread.start()
            if len(self._heap) >= self._most:
                self._heap = [each for each in self._heap if (one := each[2]()) is not None and not one.has_begun]
                heapify(self._heap)
                self._most = max(FEW, 2 * len(self._heap))
            heappush(self._heap, (deadline, next(self._numbers), ref(request)))
            if self._heap[0][0] == deadline:
                self._changed.notify()

    def _wait(self) -> None:
        enter(self._own)
        while True:
            with self._lock:
                while not self._closed and (not self._heap or self._heap[0][0] > perf_counter()):
                    self._changed.wait(min(LONG, self._heap[0][0] - perf_counter()) if self._heap else LONG)
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
        with self._lock:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()


def enter(own: WeakSet[Thread]) -> None:
    """Put the calling thread among a session's own."""
    own.add(current_thread())
