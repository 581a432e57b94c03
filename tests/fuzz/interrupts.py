"""Press Ctrl-C all the time, while a session is called in each way: it goes on, closes, and keeps no infer request.

    python tests/fuzz/interrupts.py --seconds 60
    python tests/fuzz/interrupts.py --way submit --way stream

A timer's signal raises KeyboardInterrupt somewhere in each call, once. Two other threads infer meanwhile, and hold each
answer against the right one. Then the session has to infer, to submit and to close.
"""

import argparse
import faulthandler
import gc
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from runtime.faulty import until
from runtime.toys import along, compiled, data, doubled, program

from npuspec import InputError
from npuspec.runtime import Engine, Session

TOY = program(data(finite=True), sizes=({"time": 8}, {"time": 64}), outputs=(along(),))
LONGEST = 400e-6  # seconds after which the signal comes; most calls take less
HANGS = 60

Sample = dict[str, Any]


def refused(session: Session, _: Sample) -> None:
    """Infer what isn't finite."""
    with suppress(InputError):
        session.infer({"x": np.full(5, np.nan, np.float32)})


WAYS: dict[str, Callable[[Session, Sample], Any]] = {
    "infer": lambda session, sample: session.infer(sample)["y"],
    "shown": lambda session, sample: session.infer(sample, copy=False)["y"].copy(),
    "refused": refused,
    "submit": lambda session, sample: session.submit(sample).result()["y"],
    "timeout": lambda session, sample: session.submit(sample, timeout=30).result()["y"],
    "many": lambda session, sample: session.infer_many([sample] * 3)[1]["y"],
    "stream": lambda session, sample: list(session.stream([sample] * 4))[2]["y"],
}


class Others:
    """Threads that infer meanwhile, and hold each answer against the right one."""

    def __init__(self, session: Session, count: int) -> None:
        self._session = session
        self._over, self._wrong = threading.Event(), list[int]()
        self._threads = [threading.Thread(target=self._infer, args=[1000 * number]) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def _infer(self, start: int) -> None:
        while not self._over.is_set():
            sample = np.arange(start, start + 1 + start % 64, dtype=np.float32)
            if not np.array_equal(self._session.infer({"x": sample})["y"], 2 * sample):
                self._wrong.append(start)
            start += 1

    def end(self) -> None:
        """Raise AssertionError if an answer was wrong."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        assert not self._wrong


def run(way: str, *, seconds: float, requests: int, seed: int) -> tuple[int, int]:
    """Call a session in one way, and return how often, and how many of the calls were interrupted.

    Raises:
        AssertionError: an answer is wrong, or an infer request is kept.

    """
    rng, armed, sample = random.Random(seed), False, np.zeros(1, np.float32)
    session = Session(Engine(TOY, compiled(TOY, doubled), device="CPU", requests=requests))
    gc.collect()  # what is collected later swallows the interrupt that comes meanwhile
    faulthandler.dump_traceback_later(seconds + HANGS, exit=True)
    calls = interrupted = 0

    def press(*_: object) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise KeyboardInterrupt

    others = Others(session, 0 if way == "shown" else 2)  # what is shown is valid until another infers
    before = signal.signal(signal.SIGALRM, press)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sample = np.arange(rng.randint(1, 64), dtype=np.float32)
        try:
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, LONGEST))
            armed = True
            found = WAYS[way](session, {"x": sample})
            armed = False
            assert found is None or np.array_equal(found, 2 * sample)
        except KeyboardInterrupt:
            interrupted += 1
        calls += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    others.end()
    for result in (session.infer({"x": sample}), session.submit({"x": sample}).result(HANGS)):
        assert np.array_equal(result["y"], 2 * sample)
    pools = session._serving.engine.pools.values()
    until(lambda: not any(slot.hold.is_taken for pool in pools for slot in pool._slots))
    assert session.stats().waiting == 0
    session.close()
    faulthandler.cancel_dump_traceback_later()
    return calls, interrupted


def main() -> int:
    """Press for as long as it is told to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--way", action="append", choices=WAYS, help="how it is called; each in turn, if left out")
    parser.add_argument("--seconds", type=float, default=30, help="for each way (30)")
    parser.add_argument("--requests", type=int, default=1, help="infer requests of each variant (1)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for way in arguments.way or WAYS:
        calls, interrupted = run(way, seconds=arguments.seconds, requests=arguments.requests, seed=arguments.seed)
        print(f"{way}: {calls} calls, {interrupted} interrupted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
