"""A device that fails: once, for one sample, or for good. No answer is lost, and none is wrong."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import count
from typing import Any

import numpy as np
import pytest

from npuspec.diagnostics import DeviceError, InputError
from npuspec.runtime import Engine, Session
from runtime.faulty import LOST, Device, until
from runtime.toys import along, compiled, data, doubled, program

TOY = program(data(), batch=4, sizes=({"time": 4}, {"time": 8}), outputs=(along(),))
MODELS = compiled(TOY, doubled)


class Settable(Device):
    """A device that takes properties while it runs, as an NPU does; a CPU takes none.

    Attributes:
        models: what each has.
        refused: a value that all but the first refuse.

    """

    def __init__(self, fails: Callable[[dict[str, Any]], bool] = lambda _: False) -> None:
        super().__init__(fails)
        self.models: list[dict[str, Any]] = []
        self.refused: str | None = None

    def model(self, compiled: Any) -> Any:
        made, own = super().model(compiled), {"WORKLOAD_TYPE": "DEFAULT", "MODEL_PRIORITY": "MEDIUM"}

        def change(values: dict[str, Any]) -> None:
            if own is not self.models[0] and self.refused in values.values():
                raise RuntimeError(self.refused)
            own.update(values)

        made.set_property = change
        made.get_property = lambda name: own[name] if name in own else compiled.get_property(name)
        self.models.append(own)
        return made


def ramp(size: int) -> dict[str, Any]:
    return {"x": np.arange(1, size + 1, dtype=np.float32)}


def open_on(device: Device, *openers: Callable[[], Engine]) -> Session:
    models = {name: device.model(model) for name, model in MODELS.items()}
    return Session(Engine(TOY, models, device="CPU"), openers=dict(zip(("CPU", "NPU"), openers, strict=False)))


def engine_on(device: Device) -> Engine:
    return Engine(TOY, {name: device.model(model) for name, model in MODELS.items()}, device="CPU")


def check(session: Session) -> None:
    for size in (2, 4, 7, 8):
        np.testing.assert_array_equal(session.infer(ramp(size))["y"], 2 * ramp(size)["x"])
    many = [ramp(size % 8 + 1) for size in range(40)]
    for sample, future in zip(many, [session.submit(sample) for sample in many], strict=True):
        np.testing.assert_array_equal(future.result(60)["y"], 2 * sample["x"])
    for sample, result in zip(many, session.infer_many(many), strict=True):
        np.testing.assert_array_equal(result["y"], 2 * sample["x"])


def test_what_fails_once_runs_once_more() -> None:
    met: set[bytes] = set()

    def for_the_first_time(inputs: dict[str, Any]) -> bool:
        known, batch = len(met), inputs["x"].tobytes()
        met.add(batch)
        return len(met) > known

    device = Device(for_the_first_time)
    with open_on(device) as session:
        check(session)
        assert device.begun > len(met) > 4
        assert session.stats().recoveries == session.stats().failed == 0


def test_what_fails_alone_is_said_to_its_caller_alone() -> None:
    device = Device(lambda inputs: bool((inputs["x"] == 7.5).any()))
    bad = {"x": np.array([1, 7.5], np.float32)}
    with open_on(device, lambda: engine_on(Device())) as session:
        with pytest.raises(DeviceError, match=LOST) as caught:
            session.infer(bad)
        assert caught.value.code == "infer-failed"
        samples = [ramp(2), bad, ramp(3), ramp(4)]  # one batch
        futures = [session.submit(sample) for sample in samples]
        for sample, future in zip(samples, futures, strict=True):
            if sample is bad:
                with pytest.raises(DeviceError, match=LOST):
                    future.result(60)
            else:
                np.testing.assert_array_equal(future.result(60)["y"], 2 * sample["x"])
        with pytest.raises(DeviceError, match=LOST):
            session.infer_many([*samples, ramp(8)])
        check(session)
        assert session.stats().recoveries == 0


def test_a_device_that_is_lost_is_opened_again_and_no_request_with_it(caplog: pytest.LogCaptureFixture) -> None:
    lost = threading.Event()
    opened: list[Engine] = []

    def reopen() -> Engine:
        opened.append(engine_on(Device()))
        return opened[-1]

    with open_on(Device(lambda _: lost.is_set()), reopen) as session, ThreadPoolExecutor(8) as threads:
        check(session)
        samples = [ramp(size % 8 + 1) for size in range(400)]
        results = threads.map(session.infer, samples[:200])
        futures = [session.submit(sample) for sample in samples[200:]]
        lost.set()
        for sample, result in zip(samples, [*results, *(f.result(60) for f in futures)], strict=True):
            np.testing.assert_array_equal(result["y"], 2 * sample["x"])
        check(session)
        assert (len(opened), session.stats().recoveries) == (1, 1)
        assert any(LOST in note for note in session.notes)
    assert any(record.levelno == logging.ERROR and LOST in record.message for record in caplog.records)


def test_a_device_that_was_opened_again_may_fail_once_as_any_other() -> None:
    lost, calls = threading.Event(), count()
    with open_on(Device(lambda _: lost.is_set()), lambda: engine_on(Device(lambda _: next(calls) == 0))) as session:
        lost.set()
        check(session)
        assert session.stats().recoveries == 1


def test_where_it_cannot_be_opened_the_fallback_serves() -> None:
    lost = threading.Event()

    def gone() -> Engine:
        raise RuntimeError("no such device")

    with open_on(Device(lambda _: lost.is_set()), gone, lambda: engine_on(Device())) as session:
        check(session)
        lost.set()
        check(session)
        assert session.stats().recoveries == 1
        assert "CPU failed, and NPU was opened" in session.notes[-1]


def test_a_device_that_is_gone_for_good_is_said_and_comes_back() -> None:
    """Without a fallback every caller learns of it, and the session works once the device does."""
    lost = threading.Event()
    device = Device(lambda _: lost.is_set())
    with open_on(device, lambda: engine_on(device)) as session:
        lost.set()
        futures = [session.submit(ramp(3)) for _ in range(6)]
        for future in futures:
            assert isinstance(future.exception(60), DeviceError)
        with pytest.raises(DeviceError, match=LOST) as caught:
            session.infer(ramp(3))
        assert (caught.value.code, caught.value.exit_code) == ("device-failed", 4)
        assert session.stats().failed == 7
        lost.clear()
        check(session)


def test_what_was_set_while_it_ran_holds_for_a_device_that_is_opened_later() -> None:
    lost, later = threading.Event(), Settable()
    with open_on(Settable(lambda _: lost.is_set()), lambda: engine_on(later)) as session:
        session.set_property({"WORKLOAD_TYPE": "EFFICIENT"})
        session.set_property({"MODEL_PRIORITY": "HIGH"})
        lost.set()
        check(session)
    assert later.models == [{"WORKLOAD_TYPE": "EFFICIENT", "MODEL_PRIORITY": "HIGH"}] * 2


def test_what_one_of_several_models_refuses_is_set_on_none() -> None:
    device = Settable()
    with open_on(device) as session:
        device.refused = "HIGH"
        with pytest.raises(InputError, match="HIGH"):
            session.set_property({"WORKLOAD_TYPE": "EFFICIENT", "MODEL_PRIORITY": "HIGH"})
        assert device.models == [{"WORKLOAD_TYPE": "DEFAULT", "MODEL_PRIORITY": "MEDIUM"}] * 2
        device.refused = None
        session.set_property({"WORKLOAD_TYPE": "EFFICIENT"})
    assert device.models == [{"WORKLOAD_TYPE": "EFFICIENT", "MODEL_PRIORITY": "MEDIUM"}] * 2


def test_closing_waits_for_what_runs_on_a_device_that_was_replaced(held: Device) -> None:
    with ThreadPoolExecutor(1) as threads:
        session = open_on(held)
        waits = threads.submit(session.infer, ramp(2))
        until(lambda: held.begun == 1)
        session._serving.replace(engine_on(Device()), "replaced")
        closing = threading.Thread(target=session.close)
        closing.start()
        closing.join(0.1)
        assert closing.is_alive()
        held.gate.set()
        closing.join(60)
        assert not closing.is_alive()
        np.testing.assert_array_equal(waits.result(60)["y"], 2 * ramp(2)["x"])


def test_who_is_told_of_the_progress_of_opening_may_close(held: Device) -> None:
    def reopen() -> Engine:
        session.close(cancel=True)
        return engine_on(Device())

    held.fails = lambda _: True
    session = open_on(held, reopen)
    futures = [session.submit(ramp(3)) for _ in range(20)]
    held.gate.set()
    done, late = wait(futures, 60)
    assert (len(done), late) == (20, set())
    until(lambda: not any(pool._slots for pool in session._serving.engine.pools.values()))


def test_who_is_told_of_the_progress_of_opening_is_told_of_a_failure_at_once() -> None:
    device, said = Device(lambda _: True), list[str]()

    def opener() -> Engine:
        with pytest.raises(DeviceError) as caught:
            session.infer(ramp(3))
        said.append(caught.value.code)
        device.fails = lambda _: False
        return engine_on(device)

    with open_on(device, opener) as session:
        np.testing.assert_array_equal(session.infer(ramp(3))["y"], 2 * ramp(3)["x"])  # opens it again
        device.fails = lambda _: True
        session.go_over(opener, lambda: None)
        assert session.ready.result(60) == "CPU"
        np.testing.assert_array_equal(session.infer(ramp(3))["y"], 2 * ramp(3)["x"])
    assert said == ["device-failed", "device-failed"]


def test_a_property_that_the_device_does_not_take_is_refused() -> None:
    with open_on(Device()) as session:
        with pytest.raises(InputError, match="WORKLOAD_TYPE") as caught:
            session.set_property({"WORKLOAD_TYPE": "EFFICIENT"})
        assert caught.value.code == "property-refused"
        check(session)


def test_an_opener_that_fails_in_another_way_is_followed_by_the_fallback() -> None:
    def gone() -> Engine:
        raise OSError("the disk is full")

    lost = threading.Event()
    with open_on(Device(lambda _: lost.is_set()), gone, lambda: engine_on(Device())) as session:
        lost.set()
        check(session)
        assert session.stats().recoveries == 1


def test_what_is_replaced_while_it_is_mended_is_not_said_to_be_closed() -> None:
    """An engine that comes in the background takes over between the second failure and the look at the device."""
    calls = count(1)

    def fails(_: dict[str, Any]) -> bool:
        if next(calls) == 2:
            session._serving.replace(engine_on(Device()), "another is there")
        return True

    with open_on(Device(fails)) as session:
        check(session)


def test_what_is_closed_while_it_is_mended_says_so() -> None:
    calls = count(1)

    def fails(_: dict[str, Any]) -> bool:
        if next(calls) == 2:
            session._serving.engine.close()
        return True

    with open_on(Device(fails)) as session, pytest.raises(InputError, match="closed"):
        session.infer(ramp(3))


def test_what_came_while_a_device_was_opened_again_goes_on() -> None:
    better = engine_on(Device())

    def reopen() -> Engine:
        session._serving.replace(better, "another is there")
        return engine_on(Device())

    with open_on(Device(lambda _: True), reopen) as session:
        check(session)
        assert session._serving.engine is better
        assert session.stats().recoveries == 0


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before
