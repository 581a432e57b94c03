"""Threads that work for a session, as those of `ThreadPoolExecutor` do; but Ctrl-C may come at any time."""

import atexit
import os
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread, current_thread
from typing import Any
from weakref import WeakSet, finalize

from npuspec.diagnostics import DeviceError, Diagnostic
from npuspec.runtime.request import closed
from npuspec.runtime.steady import Done, Promise, Worker

_Task = tuple[Future[Any], Callable[[], Any]]


class Workers:
    """Threads that do what they are given, in its order: so many as are busy and one more, and no more than `most`.

    They don't keep their owner. When it is gone they end, and have done what was given before; a process that ends
    waits for that.

    Attributes:
        most: how many there may be; what has its thread already keeps it.

    Args:
        most: how many there may be.
        name: of the threads.
        own: where they are put while they run.
        owner: whose they are; without, `end` is to be called.

    """

    def __init__(self, most: int, name: str, own: WeakSet[Thread], owner: object | None = None) -> None:
        self.most = most
        self._name, self._own = name, own
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._first: Worker | None = None
        self._threads: set[Thread] = set()
        self._idle = 0
        self._closed = False
        self._lock = Lock()
        self._process = os.getpid()
        if owner is not None:
            finalize(owner, self.end).atexit = False
        _ALL.add(self)

    def submit(self, work: Callable[[], Done]) -> Future[Done]:
        """Let a thread do something in its turn.

        Raises:
            InputError: `session-closed`.
            DeviceError: `no-thread`.

        """
        promise = Promise[Done]()
        with self._lock:
            if self._closed:
                raise closed()
            if self._first is None or not self._first.is_alive():
                self._first = self._new()
                try:
                    self._first.start()
                except RuntimeError as error:
                    help_ = "let this user have more threads: ulimit -u"
                    raise DeviceError(Diagnostic("no-thread", f"the session has no thread: {error}", help_)) from None
            self._tasks.put((promise, work))
        return promise

    def _new(self) -> Worker:
        return Worker(self._serve, self._name, self._own)

    def _serve(self) -> None:
        """Do what is given. Ctrl-C comes in the main thread alone: whatever counts is counted here."""
        with self._lock:
            self._threads.add(current_thread())
            self._idle += 1
        while (task := self._tasks.get()) is not None:
            with self._lock:
                self._idle -= 1
                if not self._idle and len(self._threads) < self.most:
                    another = self._new()
                    with suppress(RuntimeError):  # there are no more threads to be had
                        another.start()
                        self._threads.add(another)
            _do(*task)
            del task
            with self._lock:
                self._idle += 1
        self._tasks.put(None)  # for the others

    def end(self) -> None:
        """End when everything has been done; without a lock, which whoever collects garbage may have."""
        self._closed = True
        self._tasks.put(None)

    def close(self) -> None:
        """Refuse whatever comes later, and wait until everything has been done."""
        while self._process == os.getpid():
            with self._lock:  # a thread is known before the one that has started it ends
                self.end()
                threads = [each for each in (self._first, *self._threads) if each is not None and each.is_alive()]
            if not threads:
                break
            for thread in threads:
                thread.join()


def in_background(work: Callable[[], Done], name: str) -> Future[Done]:
    """Let a thread of its own, of this name, do something; a process that ends waits for that."""
    workers = Workers(1, name, WeakSet())
    try:
        return workers.submit(work)
    finally:
        workers.end()


def _do(promise: Future[Any], work: Callable[[], Any]) -> None:
    try:
        if promise.set_running_or_notify_cancel():
            promise.set_result(work())
    except BaseException as error:  # noqa: BLE001  whatever it is, whoever waits has to learn of it
        promise.set_exception(error)
    finally:
        del promise, work  # which the error's traceback would keep


_ALL: WeakSet[Workers] = WeakSet()


@atexit.register
def _end() -> None:
    for workers in [*_ALL]:
        workers.close()
