"""Wherever Ctrl-C comes, a lock that is entered is left, and a future and a thread go on."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import _base
from contextlib import suppress
from itertools import count
from opcode import opname
from types import FrameType
from typing import Any
from weakref import WeakSet

from npuspec.runtime import steady
from npuspec.runtime.steady import Promise, Steady, Worker

TRACED = {module.__file__ for module in (steady, threading, _base)}


def is_interrupted(run: Callable[[], object], at: int) -> bool:
    """Run something as if Ctrl-C were pressed before the given step of it; False where there are fewer.

    Python looks for signals as it enters a function, and after it has called one of C's.
    """
    steps, called = count(), "CALL"

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal called
        if frame.f_code.co_filename not in TRACED:
            return None
        frame.f_trace_opcodes = True
        if event == "call" or (event == "opcode" and called == "CALL"):
            called = ""
            if next(steps) == at:
                raise KeyboardInterrupt
        if event == "opcode":
            called = "CALL" if opname[frame.f_code.co_code[frame.f_lasti]].startswith("CALL") else ""
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


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
        goes_on = is_interrupted(lambda: wait_briefly(condition), at)  # noqa: B023  it is called at once
        assert is_free(condition), f"step {at} keeps the lock"
        if not goes_on:
            assert at > 5
            return


def test_pythons_own_is_not() -> None:
    for at in count():
        condition = threading.Condition()
        try:
            goes_on = is_interrupted(lambda: wait_briefly(condition), at)  # noqa: B023
        except RuntimeError:  # it was released twice
            return
        if not is_free(condition):
            return
        assert goes_on


def test_a_promise_is_kept_wherever_waiting_for_it_was_interrupted() -> None:
    for at in count():
        promise = Promise[int]()
        with suppress(TimeoutError):
            is_interrupted(lambda: promise.result(0.001), at)  # noqa: B023
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
        is_interrupted(worker.start, at)
        if worker.is_alive() or worker.ident is not None:
            started += 1
            assert ran.wait(10), f"step {at} keeps the thread from running"
    assert started > 10
