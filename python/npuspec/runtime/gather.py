"""Requests that wait: gathered into batches of a variant, the oldest first, by as many threads as batches may run."""

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from math import inf
from threading import RLock, Thread, current_thread
from time import perf_counter
from typing import TypeVar
from weakref import WeakSet

from npuspec.diagnostics import Diagnostic, QueueFull
from npuspec.runtime.deadlines import Timeouts
from npuspec.runtime.request import Part, Request, Result, closed, expired
from npuspec.runtime.stats import Recorder
from npuspec.runtime.steady import UNTOLD, Steady
from npuspec.runtime.workers import Workers

log = logging.getLogger("npuspec")

Item = TypeVar("Item")
Done = TypeVar("Done")
Run = Callable[[str, list[Part]], None]
End = Callable[[], object]


class Gatherer:
    """A bounded queue for each variant, out of which batches are made.

    A batch is due when it is full, or when its first piece has waited long enough. Of those that are due, the one whose
    first piece is the oldest runs first, so no variant waits for another's rush. Threads end when there is nothing to
    do; there is a task for each batch that could be made, and which one a task makes is decided as it starts.

    Args:
        run: runs a batch of pieces that have begun, and ends their requests.
        recorder: counts requests before they end.
        variants: their names.
        rows: of a batch.
        threads: how many batches may be under way.
        most: how many requests may wait.
        wait: how long a piece waits for its batch to be full, in seconds.

    """

    def __init__(
        self,
        run: Run,
        recorder: Recorder,
        variants: Iterable[str],
        *,
        rows: int,
        threads: int,
        most: int,
        wait: float,
    ) -> None:
        self._run = run
        self._recorder = recorder
        self._rows = rows
        self._most = most
        self._wait = wait
        self._lines: dict[str, deque[Part]] = {name: deque() for name in variants}
        self._waiting = 0
        self._tasks = 0  # that have no batch yet; never fewer than batches could be made
        self._closed = False
        self._dropped: list[Request] = []  # which closing has still to cancel
        self._own: WeakSet[Thread] = WeakSet()
        self._lock = RLock()
        self._due_now, self._room = Steady(self._lock), Steady(self._lock)
        self._workers = Workers(threads, "npuspec", self._own, owner=self)
        self._callers = Workers(1, "npuspec-callers", self._own, owner=self)
        self._timeouts = Timeouts(self.take_out, self._own)
        self.cancelled = self.expired = self.refused = 0

    @property
    def threads(self) -> int:
        """How many batches may be under way."""
        return self._workers.most

    @property
    def is_within(self) -> bool:
        """Whether the caller is one of the own threads, as callbacks of futures are: it can't wait for them."""
        return current_thread() in self._own

    @property
    def waiting(self) -> int:
        """How many requests haven't begun."""
        return self._waiting

    def put(self, request: Request, *, block: bool) -> None:
        """Let a request wait for its turn.

        Args:
            request: one that no other thread knows yet.
            block: wait for room, until the request's deadline.

        Raises:
            InputError: `session-closed`.
            QueueFull: there is no room.
            RequestTimeout: nor was there in time.

        """
        try:
            with self._lock:
                if self._has_place(request, block=block):
                    self._line_up(request)
        except BaseException:
            if request.state == "waiting":
                request.future.cancel()
                self.take_out(request)
            raise
        if request.deadline is not None:
            self._timeouts.watch(request, request.deadline)

    def _has_place(self, request: Request, *, block: bool) -> bool:
        """Take a place in the queue; raises as `put` does. False if the request is over."""
        try:
            self._wait_for_room(request, block=block)
            if request.future.cancelled():
                self._begins(request, [])
            elif request.state == "outside":
                if self._closed:
                    request.state = "over"
                    raise closed()
                request.state = "waiting"
                self._waiting += 1
        finally:
            if request.state != "waiting":
                self._room.notify()  # this one may have been told of a place, and takes none
        return request.state == "waiting"

    def _line_up(self, request: Request) -> None:
        for index, piece in enumerate(request.pieces):
            line = self._lines[piece.fit.variant]
            if len(line) % self._rows == 0 and self._tasks <= sum(
                [-(-len(each) // self._rows) for each in self._lines.values()]
            ):
                self.call(self._work)
                self._tasks += 1
            line.append((request, index))
            if len(line) % self._rows == 0:
                self._due_now.notify()

    def _wait_for_room(self, request: Request, *, block: bool) -> None:
        while self._waiting >= self._most and not self._closed and request.state == "outside":
            left = inf if request.deadline is None else request.deadline - perf_counter()
            if not block:
                message = f"{self._most} requests wait already, and no more may"
                raise QueueFull(Diagnostic("queue-full", message, "try again later, or let `submit` wait for room"))
            if left <= 0:
                self.expired += 1
                request.state = "over"
                raise expired()
            self._room.wait(min(left, UNTOLD))

    def resize(self, threads: int) -> None:
        """Let another number of batches be under way; what has its thread already keeps it."""
        self._workers.most = threads

    def put_later(self, request: Request) -> None:
        """Let a request wait for room behind those that do so already, and go on; its future tells what is wrong."""
        if request.deadline is not None:
            self._timeouts.watch(request, request.deadline)
        self._callers.submit(partial(self._put_late, request))

    def _put_late(self, request: Request) -> None:
        try:
            self.put(request, block=True)
        except Exception as error:  # noqa: BLE001  whatever it is, whoever waits has to learn of it
            if request.future.set_running_or_notify_cancel():
                _quietly(request.future.set_exception, error)

    def call(self, work: Callable[[], Done]) -> Future[Done]:
        """Let a thread do something in its turn. Raises InputError, `session-closed`."""
        return self._workers.submit(work)

    def _work(self) -> None:
        """Make one batch, once one is due, and run it."""
        batch, ends = None, list[End]()
        with self._lock:
            try:
                while batch is None and any(self._lines.values()):
                    due, seconds = self._due()
                    if due is None:
                        self._due_now.wait(seconds)
                    else:
                        batch = self._pop(due, ends)
            finally:
                self._tasks -= 1
        _end(ends)
        if batch is not None:
            self._run(*batch)

    def _due(self) -> tuple[str | None, float]:
        """Return the variant whose batch is due, or how long it takes until there is one."""
        oldest = [(line[0][0].since, name) for name, line in self._lines.items() if line]
        latest = perf_counter() - self._wait
        due = [
            (since, name)
            for since, name in oldest
            if since <= latest or len(self._lines[name]) >= self._rows or self._closed
        ]
        return (min(due)[1], 0) if due else (None, min(oldest)[0] - latest)

    def _pop(self, variant: str, ends: list[End]) -> tuple[str, list[Part]] | None:
        """Take a batch out of a line; None where nobody wants what is in it any more."""
        line = self._lines[variant]
        parts: list[Part] = []
        while line and len(parts) < self._rows:
            part = line.popleft()
            if self._begins(part[0], ends):
                parts.append(part)
        return (variant, parts) if parts else None

    def _begins(self, request: Request, ends: list[End]) -> bool:
        """Tell whether a request is to run; what is to be done otherwise, without the lock, goes to `ends`."""
        if not request.has_begun:
            if request.state == "waiting":
                self._waiting -= 1
                self._room.notify()
            request.state = "over"
            if not _is_wanted(request.future):
                self.cancelled += 1
            elif request.deadline is not None and request.deadline <= perf_counter():
                self.expired += 1
                ends.append(partial(request.future.set_exception, expired()))
            else:
                request.state = "running"
                self._recorder.began(perf_counter() - request.since)
        return request.state == "running"

    def take_out(self, request: Request) -> None:
        """Let a request that hasn't begun wait no more: it is over by its future's cancellation, or late."""
        ends: list[End] = []
        with self._lock:
            if request.state == "waiting":
                for index, piece in enumerate(request.pieces):
                    with suppress(ValueError):  # Ctrl-C came before it was there
                        self._lines[piece.fit.variant].remove((request, index))
            if not request.has_begun:
                self._begins(request, ends)
        _end(ends)

    def finish(self, part: Part, result: Result | Exception) -> None:
        """Take the result of a piece, or why there is none; end its request if it is over by that, and count it."""
        request, index = part
        with self._lock:
            if request.state == "over":
                return
            if isinstance(result, Exception):
                request.state = "over"
            else:
                request.put(index, result)
                if request.left:
                    return
                request.state = "over"
        if not isinstance(result, Exception):
            try:
                result = request.whole()
            except Exception as error:  # noqa: BLE001  whatever it is, whoever waits has to learn of it
                result = error
        if isinstance(result, Exception):
            self._recorder.failed(1)
            _quietly(request.future.set_exception, result)
        else:
            self._recorder.done(perf_counter() - request.since)
            _quietly(request.future.set_result, result)

    def close(self, *, cancel: bool) -> None:
        """Refuse later requests, and wait until those that wait have run, or have been cancelled."""
        with self._lock:
            self._closed = True
            for request in [request for line in self._lines.values() for request, _ in line] if cancel else []:
                if request.state == "waiting":
                    self._dropped.append(request)
                    request.state = "over"
                    self._waiting -= 1
                    self.cancelled += 1
            self._due_now.notify_all()
            self._room.notify_all()
        while self._dropped:  # or whoever closes after Ctrl-C
            request = self._dropped[-1]
            _quietly(request.future.cancel)
            _is_wanted(request.future)
            self._dropped.remove(request)
        for workers in (self._callers, self._workers):
            workers.close()
        self._timeouts.close()


def in_order(items: Iterable[Item], begin: Callable[[Item], Future[Done]], most: int) -> Generator[Done, None, None]:
    """Begin with items, so many at a time; yield what comes of them in their order, cancel what nobody waits for."""
    begun: deque[Future[Done]] = deque()
    try:
        for item in items:
            if len(begun) >= most:
                yield begun.popleft().result()
            begun.append(begin(item))
        while begun:
            yield begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()


def _end(ends: Iterable[End]) -> None:
    for end in ends:
        _quietly(end)


def _is_wanted(future: Future[Result]) -> bool:
    try:
        return future.set_running_or_notify_cancel()
    except RuntimeError:  # whoever has it has ended it
        return False


def _quietly(end: Callable[..., object], *result: object) -> None:
    """End a future, whatever its callbacks raise: others wait for the same thread."""
    try:
        end(*result)
    except BaseException:
        log.exception("a callback of a request's future failed")
