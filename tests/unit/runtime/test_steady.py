"""Wherever Ctrl-C comes, a lock that is entered is left, and a future and a thread go on."""

import threading
from concurrent.futures import _base
from contextlib import suppress
from itertools import count
from weakref import WeakSet

from npuspec.runtime import steady
from npuspec.runtime.steady import Promise, Steady, Worker
from runtime.pressed import is_interrupted

TRACED = {module.__file__ for module in (steady, threading, _base)}


def is_free(condition: threading.Condition) -> bool:
    """Tell whether another thread can enter it."""
    entered = threading.Event()

    def enter() -> None:
        if condition.acquire(timeout=2):
            entered.set()
            condition.release()

    threading.Thread(target=enter, daemon=True).start()
    return entered.wait(3)


def wait_briefly(condition: threading.Condition) -> None:
    with condition:
        condition.wait(0.001)


def test_a_condition_is_free_wherever_waiting_for_it_was_interrupted() -> None:
    for at in count():
        condition = Steady()
        goes_on = is_interrupted(lambda: wait_briefly(condition), at, TRACED)  # noqa: B023  it is called at once
        assert is_free(condition), f"step {at} keeps the lock"
        if not goes_on:
            assert at > 5
            return


def test_pythons_own_is_not() -> None:
    for at in count():
        condition = threading.Condition()
        try:
            goes_on = is_interrupted(lambda: wait_briefly(condition), at, TRACED)  # noqa: B023
        except RuntimeError:  # it was released twice
            return
        if not is_free(condition):
            return
        assert goes_on


def test_a_promise_is_kept_wherever_waiting_for_it_was_interrupted() -> None:
    for at in count():
        promise = Promise[int]()
        with suppress(TimeoutError):
            is_interrupted(lambda: promise.result(0.001), at, TRACED)  # noqa: B023
        setting = threading.Thread(target=promise.set_result, args=[5], daemon=True)
        setting.start()
        setting.join(10)
        assert promise.result(0) == 5, f"step {at} keeps the lock"
        if at > 60:
            return


def test_a_thread_runs_wherever_starting_it_was_interrupted() -> None:
    started = 0
    for at in range(40):
        ran, own = threading.Event(), WeakSet[threading.Thread]()
        worker = Worker(ran.set, "test", own)
        is_interrupted(worker.start, at, TRACED)
        if worker.is_alive() or worker.ident is not None:
            started += 1
            assert ran.wait(10), f"step {at} keeps the thread from running"
    assert started > 10
