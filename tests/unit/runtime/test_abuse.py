"""What callers shouldn't do, and do: no request is lost by it, no answer is another's, and nothing stays."""

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from functools import partial
from typing import Any
from weakref import ref

import pytest
from msgspec.structs import replace

from npuspec import QueueFull, RequestTimeout
from npuspec.diagnostics import DeviceError, InputError
from npuspec.runtime import Engine, Session, deadlines
from runtime.faulty import Device, until
from runtime.test_gather import LONG, MODELS, TOY, check, occupied, open_on, ramp

CHUNKED = replace(TOY, dims={"time": replace(TOY.dims["time"], overflow="chunk")})


def open_chunked(device: Device) -> Session:
    return Session(Engine(CHUNKED, {name: device.model(model) for name, model in MODELS.items()}, device="CPU"))


def test_a_dictionary_that_is_filled_again_changes_no_request() -> None:
    with open_on(batch_wait_ms=20) as session:
        session.infer(ramp(3))  # its shape is known from now on
        sample, futures = {}, []
        for first in range(4):
            sample["x"] = ramp(3, first)["x"]
            futures.append(session.submit(sample))
        for first, future in enumerate(futures):
            check(ramp(3, first), future.result(LONG))


def test_an_array_that_changes_its_shape_concerns_no_other_in_its_batch() -> None:
    with open_on(batch_wait_ms=60_000) as session:
        session.infer(ramp(3))
        changed = ramp(3)
        futures = [session.submit(changed), *[session.submit(ramp(2, first)) for first in range(2)]]
        changed["x"].resize(100, refcheck=False)
        futures.append(session.submit(ramp(4)))
        assert isinstance(futures[0].exception(LONG), ValueError)
        for sample, future in zip((ramp(2, 0), ramp(2, 1), ramp(4)), futures[1:], strict=True):
            check(sample, future.result(LONG))
        assert session.stats().phases["queue"].count == 4


def test_closing_cancels_chunks_that_wait_and_ends_what_has_begun(held: Device) -> None:
    session = open_chunked(held)
    half = session.submit(ramp(400))
    until(half.running)
    waiting = session.submit(ramp(50))
    threading.Timer(0.05, held.gate.set).start()
    session.close(cancel=True)
    assert waiting.cancelled()
    check(ramp(400), half.result(LONG))
    stats = session.stats()
    assert (stats.cancelled, stats.done, stats.waiting) == (1, 1, 0)


@pytest.mark.parametrize("timeout", [float("inf"), 1e12])
def test_a_timeout_without_an_end_stops_no_other(held: Device, timeout: float) -> None:
    with open_on(held, requests=1, queue=2) as session:
        occupied(session, held)
        patient = session.submit(ramp(2), timeout=timeout)
        time.sleep(0.02)
        with pytest.raises(RequestTimeout):
            session.submit(ramp(2), timeout=0.01).result(LONG)
        session.submit(ramp(2))
        blocked = threading.Thread(target=lambda: session.submit(ramp(2), timeout=timeout).result(LONG))
        blocked.start()
        held.gate.set()
        blocked.join(LONG)
        check(ramp(2), patient.result(LONG))
        assert session.stats().done == 4


def test_who_is_told_of_room_and_does_not_want_it_passes_it_on(held: Device) -> None:
    async def leave(session: Session) -> threading.Thread:
        waiting = asyncio.create_task(session.ainfer(ramp(2)))
        await asyncio.sleep(0.05)
        behind = threading.Thread(target=lambda: got.append(session.submit(ramp(3)).result(LONG)), daemon=True)
        behind.start()
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return behind

    got: list[Any] = []
    with open_on(held, requests=1, queue=1) as session:
        occupied(session, held)
        session.submit(ramp(2))
        behind = asyncio.run(leave(session))
        held.gate.set()
        behind.join(LONG)
        check(ramp(3), got[0])


def test_where_no_thread_is_to_be_had_no_request_keeps_its_place(
    no_threads: Callable[[], AbstractContextManager[object]],
) -> None:
    async def await_one(session: Session) -> Any:
        return await session.ainfer(ramp(2))

    with open_on(queue=2) as session:
        with no_threads():
            for _ in range(3):
                for call in (
                    session.submit,
                    lambda _: asyncio.run(await_one(session)),
                    lambda x: session.infer_many([x, ramp(8)]),
                ):
                    with pytest.raises(DeviceError, match="can't start new thread"):
                        call(ramp(2))
        assert session.stats().waiting == 0
        check(ramp(2), session.submit(ramp(2)).result(LONG))


def test_a_future_that_its_caller_ends_concerns_no_other() -> None:
    with open_on(batch_wait_ms=60_000) as session:
        futures = [session.submit(ramp(2, first)) for first in range(3)]
        futures[1].set_result({})
        futures += [session.submit(ramp(2, first)) for first in (3, 4)]
        for first in (0, 2, 3, 4):
            check(ramp(2, first), futures[first].result(LONG))


def test_in_a_callback_many_are_inferred_where_there_is_one_thread() -> None:
    found: list[Any] = []
    with open_on(requests=1) as session:
        session.submit(ramp(2)).add_done_callback(
            lambda _: found.extend(session.infer_many([ramp(n) for n in (3, 8, 4)]))
        )
        until(lambda: len(found) == 3)
    for size, result in zip((3, 8, 4), found, strict=True):
        check(ramp(size), result)


@pytest.mark.parametrize("timeout", [0, -1])
def test_no_time_at_all_is_too_little(timeout: float) -> None:
    with open_on() as session, pytest.raises(RequestTimeout):
        session.submit(ramp(2), timeout=timeout).result(LONG)


def test_a_callback_may_close_the_session(held: Device) -> None:
    before = threading.active_count()
    for timeout in (None, 0.01):
        session = open_on(held, requests=1)
        held.gate.clear()
        future = occupied(session, held)
        if timeout:
            future = session.submit(ramp(2), timeout=timeout)
        later = session.submit(ramp(3))
        future.add_done_callback(partial(lambda session, _: session.close(), session))
        if timeout:
            wait([future], LONG)
        held.gate.set()
        check(ramp(3), later.result(LONG))
        until(lambda: threading.active_count() == before)
        with pytest.raises(InputError, match="closed"):
            session.submit(ramp(2))


def test_a_callback_that_ends_the_program_ends_no_other_request(held: Device) -> None:
    with open_on(held, batch_wait_ms=50) as session:
        futures = [session.submit(ramp(2)) for _ in range(4)]
        futures[0].add_done_callback(lambda _: sys.exit(3))
        held.gate.set()
        for future in futures:
            check(ramp(2), future.result(LONG))


def test_a_callback_does_not_wait_for_room_that_it_makes(held: Device) -> None:
    ends: list[Any] = []

    def submit_more(_: Future[Any]) -> None:
        try:
            ends.extend(session.submit(ramp(2)) for _ in range(3))
        except QueueFull as error:
            ends.append(error)

    with open_on(held, requests=1, queue=1) as session:
        occupied(session, held).add_done_callback(submit_more)
        held.gate.set()
        until(lambda: len(ends) == 2)
    check(ramp(2), ends[0].result(0))
    assert isinstance(ends[1], QueueFull)


@pytest.mark.parametrize("timeout", [None, LONG])
def test_a_session_that_is_forgotten_goes(timeout: float | None) -> None:
    before = threading.active_count()
    session = open_on()
    session.submit(ramp(2), timeout=timeout).result(LONG)
    session, known = None, ref(session)  # type: ignore[assignment]
    until(lambda: gc.collect() >= 0 and known() is None)
    until(lambda: threading.active_count() == before)


def test_deadlines_that_concern_nobody_are_forgotten() -> None:
    with open_on() as session:
        for _ in range(50):
            wait([session.submit(ramp(2), timeout=3600) for _ in range(100)], LONG)
        assert len(session._gatherer._timeouts._heap) <= deadlines.FEW


def test_closing_does_not_wait_for_deadlines_though_two_threads_watch_them() -> None:
    session = open_on()
    for _ in range(2):
        session.submit(ramp(2), timeout=3600).result(LONG)
        session._gatherer._timeouts._thread = None  # as if Ctrl-C had come before it was known to have started
    session.submit(ramp(2), timeout=3600).result(LONG)
    closing = threading.Thread(target=session.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
    until(lambda: not any(thread.is_alive() for thread in session._gatherer._own))


def test_what_is_late_is_not_kept_by_a_device_that_hangs(held: Device) -> None:
    with open_on(held, requests=1) as session:
        occupied(session, held)
        for _ in range(20):
            wait([session.submit(ramp(2), timeout=0.001) for _ in range(50)], LONG)
        assert not any(session._gatherer._lines.values())
        assert session._gatherer._tasks <= 50
        held.gate.set()
        check(ramp(3), session.submit(ramp(3)).result(LONG))
        assert session.stats().expired == 1000


def test_who_waits_behind_others_for_room_waits_no_longer_than_it_may(held: Device) -> None:
    async def in_turn(session: Session) -> None:
        occupied(session, held)
        session.submit(ramp(2))
        patient = asyncio.create_task(session.ainfer(ramp(3)))
        await asyncio.sleep(0.02)
        with pytest.raises(RequestTimeout):
            await asyncio.wait_for(session.ainfer(ramp(2), timeout=0.02), LONG)
        held.gate.set()
        check(ramp(3), await patient)

    with open_on(held, requests=1, queue=1) as session:
        asyncio.run(in_turn(session))
    assert (session.stats().expired, session.stats().done) == (1, 3)


def test_a_stream_yields_what_comes_before_a_sample_that_is_refused() -> None:
    with open_on() as session:
        results = session.stream([ramp(2), ramp(3), ramp(9), ramp(1)])
        check(ramp(2), next(results))
        check(ramp(3), next(results))
        with pytest.raises(InputError, match="9 long"):
            next(results)


def test_a_closed_session_tells_and_changes_nothing() -> None:
    session = open_on()
    session.close()
    for call in (lambda: session.tell("NETWORK_NAME"), lambda: session.set_property({})):
        with pytest.raises(InputError, match="closed"):
            call()
