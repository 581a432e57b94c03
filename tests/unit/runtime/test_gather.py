"""Requests that are gathered: batches are full where they can be, nothing is lost, nothing is seen of the filling."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, wait
from functools import partial
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from npuspec import QueueFull, RequestTimeout
from npuspec.bundle.program import Load
from npuspec.diagnostics import InputError
from npuspec.runtime import Engine, Session
from runtime.faulty import Device, until
from runtime.toys import along, compiled, data, doubled, program

TOY = program(data(), batch=4, sizes=({"time": 4}, {"time": 8}), outputs=(along(),))
MODELS = compiled(TOY, doubled)
LONG = 60.0


def ramp(size: int, first: float = 1) -> dict[str, Any]:
    return {"x": np.arange(first, size + first, dtype=np.float32)}


def open_on(device: Device | None = None, **load: Any) -> Session:
    models = {name: device.model(model) if device else model for name, model in MODELS.items()}
    return Session(
        Engine(TOY, models, device="CPU", requests=load.pop("requests", None)),
        load=Load(**{"batch_wait_ms": 2, **load}),
    )


def check(sample: dict[str, Any], result: dict[str, Any]) -> None:
    np.testing.assert_array_equal(result["y"], 2 * sample["x"])


def occupied(session: Session, held: Device) -> Future[Any]:
    """Return a request that runs, alone, until the gate is set; no other begins meanwhile."""
    begun, future = held.begun, session.submit(ramp(2))
    until(lambda: held.begun == begun + 1)
    return future


def test_batches_of_each_variant_are_full() -> None:
    samples = [ramp(size) for size in (1, 8, 4, 5, 3, 7, 2, 6, 1, 2, 3, 4)]
    with open_on(batch_wait_ms=60_000) as session:
        for sample, future in zip(samples, [session.submit(sample) for sample in samples], strict=True):
            check(sample, future.result(LONG))
        stats = session.stats()
    assert (stats.batches, stats.rows, stats.done, stats.waiting) == ({"CPU": 3}, 1.0, 12, 0)
    assert stats.padding == pytest.approx(1 - (20 + 26) / (2 * 16 + 32))


def test_a_batch_that_is_not_full_runs_when_it_has_waited() -> None:
    with open_on(batch_wait_ms=300) as session:
        begin = time.perf_counter()
        futures = [session.submit(ramp(size)) for size in (3, 2)]
        for size, future in zip((3, 2), futures, strict=True):
            check(ramp(size), future.result(LONG))
            assert future.result().keys() == {"y"}
        assert time.perf_counter() - begin > 0.3
        stats = session.stats()
    assert (stats.batches, stats.rows) == ({"CPU": 1}, 0.5)
    assert stats.phases["queue"].count == 2
    assert stats.phases["queue"].p50 > 0.2


def test_no_variant_waits_for_the_rush_of_another(held: Device) -> None:
    done: list[int] = []
    with open_on(held, requests=1) as session:
        occupied(session, held)
        futures = [session.submit(ramp(2)) for _ in range(8)]
        futures += [session.submit(ramp(8))]
        futures += [session.submit(ramp(2)) for _ in range(200)]
        for number, future in enumerate(futures):
            future.add_done_callback(partial(lambda number, _: done.append(number), number))
        held.gate.set()
        wait(futures, LONG)
        until(lambda: len(done) == len(futures))
    assert done.index(8) <= 8 + 8  # behind those that came before it, and what was full when it came


def test_a_full_queue_refuses_or_makes_wait(held: Device) -> None:
    with open_on(held, requests=1, queue=4) as session:
        running = occupied(session, held)
        waiting = [session.submit(ramp(2)) for _ in range(4)]
        with pytest.raises(QueueFull, match="4 requests wait already") as caught:
            session.submit(ramp(2), block=False)
        assert caught.value.code == "queue-full"
        with pytest.raises(RequestTimeout):
            session.submit(ramp(2), timeout=0.01)
        late: list[Future[Any]] = []
        thread = threading.Thread(target=lambda: late.append(session.submit(ramp(3))))
        thread.start()
        thread.join(0.05)
        assert not late
        held.gate.set()
        thread.join(LONG)
        for future in (running, *waiting):
            check(ramp(2), future.result(LONG))
        check(ramp(3), late[0].result(LONG))
        stats = session.stats()
    assert (stats.refused, stats.expired, stats.done) == (1, 1, 6)


def test_what_has_not_begun_in_time_is_not_run(held: Device) -> None:
    with open_on(held, requests=1) as session:
        running = occupied(session, held)
        late = session.submit(ramp(2), timeout=0.02)
        patient = session.submit(ramp(3), timeout=LONG)
        with pytest.raises(RequestTimeout, match="hasn't begun") as caught:
            late.result(LONG)
        assert caught.value.code == "request-timeout"
        assert not running.done()
        held.gate.set()
        check(ramp(3), patient.result(LONG))
        stats = session.stats()
    assert (stats.expired, stats.done, stats.batches) == (1, 2, {"CPU": 2})


def test_what_is_cancelled_before_it_begins_is_not_run(held: Device) -> None:
    with open_on(held, requests=1) as session:
        running = occupied(session, held)
        waiting = [session.submit(ramp(2, first)) for first in range(9)]
        assert all(future.cancel() for future in waiting[::2])
        assert not running.cancel()
        held.gate.set()
        for first in range(1, 9, 2):
            check(ramp(2, first), waiting[first].result(LONG))
        with pytest.raises(CancelledError):
            waiting[0].result(LONG)
    stats = session.stats()
    assert (stats.cancelled, stats.done, stats.waiting) == (5, 5, 0)
    assert stats.batches == {"CPU": 2}


def test_closing_ends_what_was_submitted_or_cancels_it(held: Device) -> None:
    for cancel in (False, True):
        session = open_on(held, requests=1)
        held.gate.clear()
        running = occupied(session, held)
        waiting = [session.submit(ramp(3)) for _ in range(5)]
        closing = threading.Thread(target=lambda c=cancel, s=session: s.close(cancel=c))
        closing.start()
        if cancel:
            wait(waiting, LONG)
        held.gate.set()
        closing.join(LONG)
        check(ramp(2), running.result(0))
        for future in waiting:
            assert future.cancelled() is cancel
            if not cancel:
                check(ramp(3), future.result(0))
        with pytest.raises(InputError, match="closed"):
            session.submit(ramp(2))


def test_a_sample_that_is_refused_concerns_no_other_in_its_batch() -> None:
    toy = program(data(finite=True), batch=4, outputs=(along(),))
    with Session(Engine(toy, compiled(toy, doubled), device="CPU")) as session:
        samples = [ramp(2), {"x": np.array([1, np.nan], np.float32)}, ramp(3), ramp(4)]
        futures = [session.submit(sample) for sample in samples]
        for sample, future in zip(samples, futures, strict=True):
            if np.isnan(sample["x"]).any():
                with pytest.raises(InputError, match="NaN"):
                    future.result(LONG)
            else:
                check(sample, future.result(LONG))


def test_a_sample_in_chunks_is_whole_again() -> None:
    toy = replace(TOY, dims={"time": replace(TOY.dims["time"], overflow="chunk")})
    with Session(Engine(toy, compiled(toy, doubled), device="CPU")) as session:
        samples = [ramp(size) for size in (50, 3, 17, 8)]
        for sample, future in zip(samples, [session.submit(sample) for sample in samples], strict=True):
            check(sample, future.result(LONG))
            check(sample, session.infer(sample))


def test_a_stream_takes_little_ahead_and_keeps_the_order() -> None:
    taken = 0

    def samples() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield ramp(number % 8 + 1, number)

    most = 0
    with open_on(queue=64) as session:
        for number, result in enumerate(session.stream(samples())):
            check(ramp(number % 8 + 1, number), result)
            most = max(most, taken - number)
        assert number == 999
    assert 8 < most <= 65


def test_a_stream_that_is_left_cancels_what_it_took(held: Device) -> None:
    def close_gate(_: object) -> bool:
        held.gate.clear()
        return False

    with open_on(held, requests=1, queue=64) as session:
        results = session.stream(ramp(2, first) for first in range(1000))
        held.fails = close_gate  # the first batch ends, and no other before the stream is left
        held.gate.set()
        check(ramp(2, 0), next(results))
        begun = held.begun
        results.close()
        held.gate.set()
    stats = session.stats()
    assert stats.cancelled > 0
    assert stats.done + stats.cancelled <= 64
    assert held.begun <= begun + 3


def test_a_stream_says_what_is_wrong_where_it_is() -> None:
    with open_on() as session:
        with pytest.raises(InputError, match="9 long"):
            list(session.stream([ramp(2), ramp(3), ramp(9), ramp(1)]))
        check(ramp(4), session.infer(ramp(4)))


def test_asyncio_awaits_many_at_once() -> None:
    async def everything(session: Session) -> None:
        samples = [ramp(size % 8 + 1, size) for size in range(100)]
        results = await asyncio.gather(*(session.ainfer(sample) for sample in samples))
        for sample, result in zip(samples, results, strict=True):
            check(sample, result)

    with open_on(queue=8) as session:  # most have to wait for room, and the event loop doesn't
        asyncio.run(everything(session))
        assert session.stats().done == 100


def test_what_asyncio_cancels_does_not_run(held: Device) -> None:
    async def given_up(session: Session) -> None:
        occupied(session, held)
        for _ in range(6):  # some wait in the queue, others for room in it
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(session.ainfer(ramp(3)), 0.01)
        held.gate.set()

    with open_on(held, requests=1, queue=4) as session:
        asyncio.run(given_up(session))
    stats = session.stats()
    assert (stats.done, stats.batches, stats.waiting) == (1, {"CPU": 1}, 0)
    assert stats.cancelled >= 4  # and who waited for room isn't let in any more


def test_threads_and_requests_are_gone_after_closing() -> None:
    before = threading.active_count()
    session = open_on()
    wait([session.submit(ramp(2), timeout=LONG) for _ in range(50)], LONG)
    assert threading.active_count() > before
    session.close()
    session.close()
    assert threading.active_count() == before
    assert not any(pool._slots for pool in session._serving.engine.pools.values())
