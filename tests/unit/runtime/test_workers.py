"""Threads that work for an owner: no more than they may be, and gone with it."""

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import AbstractContextManager
from weakref import WeakSet

import pytest

from npuspec.diagnostics import DeviceError, InputError
from npuspec.runtime.workers import Workers
from runtime.faulty import until

Block = Callable[[], AbstractContextManager[object]]


class Owner:
    """Whose threads they are."""

    def __init__(self, most: int = 2) -> None:
        self.own = WeakSet[threading.Thread]()
        self.workers = Workers(most, "test", self.own, owner=self)


def test_work_is_done_in_its_order_by_so_many_threads_as_may_be() -> None:
    owner, gate, order = Owner(3), threading.Event(), list[int]()

    def work(number: int) -> str:
        order.append(number)
        gate.wait(60)
        return threading.current_thread().name

    done = [owner.workers.submit(lambda number=number: work(number)) for number in range(9)]  # type: ignore[misc]
    until(lambda: len(order) == 3)
    assert len(owner.own) == 3
    gate.set()
    assert {future.result(60) for future in done} == {"test"}
    assert sorted(order[:3]) == [0, 1, 2]
    assert sorted(order) == [*range(9)]
    owner.workers.close()
    assert not any(thread.is_alive() for thread in owner.own)


def test_more_may_be_allowed_meanwhile() -> None:
    owner, gate = Owner(1), threading.Event()
    first = owner.workers.submit(lambda: gate.wait(60))
    owner.workers.most = 2
    until(first.running)
    one, other = owner.workers.submit(lambda: True), owner.workers.submit(lambda: gate.wait(60))
    gate.set()
    wait([first, one, other], 60)
    owner.workers.submit(lambda: 1).result(60)
    assert len(owner.own) == 2
    owner.workers.close()


def test_what_goes_wrong_is_the_futures_and_the_thread_goes_on() -> None:
    owner = Owner(1)
    for error in (ValueError("bad"), SystemExit(3), KeyboardInterrupt()):

        def fail(error: BaseException = error) -> None:
            raise error

        assert owner.workers.submit(fail).exception(60) is error
    assert owner.workers.submit(lambda: 5).result(60) == 5
    owner.workers.close()


def test_what_was_given_is_done_before_closing_ends_and_nothing_after() -> None:
    owner, gate = Owner(1), threading.Event()
    done = [owner.workers.submit(lambda: gate.wait(60)) for _ in range(3)]
    cancelled = owner.workers.submit(lambda: gate.wait(60))
    assert cancelled.cancel()
    threading.Timer(0.05, gate.set).start()
    owner.workers.close()
    assert all(future.result(0) for future in done)
    with pytest.raises(InputError, match="closed"):
        owner.workers.submit(lambda: 1)
    owner.workers.close()


def test_closing_waits_for_threads_that_others_start_meanwhile() -> None:
    for number in range(30):
        owner = Owner(3)
        done = [owner.workers.submit(lambda last=each == 3: time.sleep(0.02 if last else 0)) for each in range(4)]  # type: ignore[misc]
        if number % 2:
            wait(done[:1], 60)
        owner.workers.close()
        assert all(future.done() for future in done)
        assert not any(thread.is_alive() for thread in owner.own)


def test_where_no_thread_is_to_be_had_that_is_said(no_threads: Block) -> None:
    owner = Owner()
    with no_threads(), pytest.raises(DeviceError, match="can't start new thread") as caught:
        owner.workers.submit(lambda: 1)
    assert caught.value.code == "no-thread"
    assert owner.workers.submit(lambda: 1).result(60) == 1
    owner.workers.close()


def test_threads_go_with_their_owner() -> None:
    owner = Owner()
    wait([owner.workers.submit(lambda: 1) for _ in range(5)], 60)
    threads = [*owner.own]
    assert threads
    del owner
    until(lambda: gc.collect() >= 0 and not any(thread.is_alive() for thread in threads))


AT_EXIT = """
import os, sys, threading, time
from weakref import WeakSet
from npuspec.runtime.workers import Workers

class Owner: pass
owner = Owner()
workers = Workers(2, "test", WeakSet(), owner=owner)
for number in range(4):
    workers.submit(lambda number=number: (time.sleep(0.05), os.write(1, b"%d " % number)))
if not os.fork():
    workers.close()
    sys.exit(7)  # neither does the child wait for threads that it hasn't
assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
"""


def test_a_process_that_ends_waits_for_what_was_given() -> None:
    paths = f"import sys\nsys.path[:0] = {sys.path}\n"
    ran = subprocess.run(
        [sys.executable, "-c", paths + AT_EXIT], capture_output=True, text=True, timeout=60, check=True
    )
    assert sorted(ran.stdout.split()) == ["0", "1", "2", "3"]
