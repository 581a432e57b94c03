"""Padding by several threads, beside others, and after a fork."""

import os
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
from test_pad import SIDES, Side, reference

from arrays import in_threads
from npuspec._native import NonFiniteError, pad


@pytest.mark.parametrize("side", SIDES)
def test_threads_change_nothing(side: Side) -> None:
    samples = [np.arange(n * 1000, dtype="f4").reshape(n, 1000) for n in (700, 0, 699, 1, 350)]
    for threads in (1, 2, 3, 16):
        out, mask = np.empty((5, 700, 1000), "f4"), np.empty((5, 700), "?")
        pad(samples, out, side=side, value=-1, mask=mask, threads=threads)
        assert out.tobytes() == reference(samples, out, side, -1).tobytes()
        assert mask.sum(1).tolist() == [700, 0, 699, 1, 350]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_of_several_values_that_are_not_finite_the_first_is_named(threads: int) -> None:
    samples = [np.zeros(1000, "f4") for _ in range(1000)]
    for number in (999, 700, 301, 300):
        samples[number][number % 7 :] = np.nan
        for _ in range(5):
            with pytest.raises(NonFiniteError) as caught:
                pad(samples, np.empty((1000, 1100), "f4"), finite=True, threads=threads)
            assert (caught.value.sample, caught.value.index) == (number, number % 7)


def test_32_threads_at_once_share_samples() -> None:
    small = [np.arange(n, dtype="i8") for n in (5, 0, 128, 77)]
    large = [np.arange(n * 300, dtype="f4").reshape(n, 300) for n in (900, 0, 1000, 3)]
    wanted = [
        reference(samples, np.empty(shape, dtype), "right", 0).tobytes()
        for samples, shape, dtype in (
            (small, (4, 128), "i8"),
            (large, (4, 1000, 300), "f4"),
        )
    ]

    def work(_: int) -> None:
        for _ in range(10):
            first, mask, second = np.empty((4, 128), "i8"), np.empty((4, 128), "i8"), np.empty((4, 1000, 300), "f4")
            pad(small, first, mask=mask)
            pad(large, second, threads=2)
            assert [first.tobytes(), second.tobytes()] == wanted
            assert mask.sum(1).tolist() == [5, 0, 128, 77]

    in_threads(work)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_fork_pads_as_well() -> None:
    samples = [np.arange(n * 1000, dtype="f4").reshape(n, 1000) for n in (600, 599)]
    out = np.empty((2, 600, 1000), "f4")
    pad(samples, out, threads=2)
    wanted = out.tobytes()
    child = os.fork()
    if child == 0:
        out[:] = -1
        pad(samples, out, threads=2)
        os._exit(out.tobytes() != wanted)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_sizes_may_change_while_others_run() -> None:
    samples, out = [np.ones((1000, 1000), "f4"), np.ones((1000, 1000), "f4")], np.empty((2, 1000, 1000), "f4")
    stop = threading.Event()

    def reshape() -> None:
        while not stop.is_set():
            for sample in samples:
                sample.shape = (500, 2000)
                sample.shape = (1000, 1000)

    thread = threading.Thread(target=reshape)
    thread.start()
    try:
        for _ in range(20):
            with suppress(ValueError):  # it met the other shape
                pad(samples, out)
                assert (out == 1).all()
    finally:
        stop.set()
        thread.join()


def test_other_threads_run_meanwhile() -> None:
    samples, out = [np.ones((4096, 2048), "f4").T], np.empty((1, 2048, 4096), "f4")
    stop = threading.Event()
    ticks: list[float] = []

    def tick() -> None:
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0005)

    thread = threading.Thread(target=tick)
    thread.start()
    spans = []
    for _ in range(5):
        start = time.perf_counter()
        pad(samples, out, finite=True)
        spans.append((start, time.perf_counter()))
    stop.set()
    thread.join()
    # With the GIL held, no more than one or two could happen before a call begins and after it ends.
    assert max(sum(start < tick < end for tick in ticks) for start, end in spans) > 4
