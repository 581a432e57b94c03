"""A lane gives what a session gives without it, or leaves it to the session."""

import gc
import logging
import resource
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import ref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from numpy.typing import NDArray

from npuspec.bundle.program import DataInput, Dim, Extent, Input, Preprocess, Program
from npuspec.diagnostics import DeviceError, InputError, NpuspecError
from npuspec.plan.passes.bind import combinations
from npuspec.runtime import Engine, Session
from npuspec.runtime.engine import DEBUG_VARIABLE
from runtime.faulty import LOST, Device, until
from runtime.toys import along, compiled, data, doubled, echo, length, mask, program

Arrays = dict[str, NDArray[Any]]
DTYPES = ("bool", "int8", "uint8", "int32", "int64", "float16", "float32")
NAMES = ("height", "width", "time")
TOY = program(data(), mask(), length(), sizes=({"time": 4}, {"time": 8}), outputs=(along(),))


def ramp(size: int, start: int = 1) -> Arrays:
    return {"x": np.arange(start, start + size, dtype=np.float32)}


def open_both(toy: Program, build: Any = echo) -> tuple[Session, Session]:
    """Return a session with a lane, and one without."""
    models = compiled(toy, build)
    fast, slow = (Session(Engine(toy, models, device="CPU")) for _ in range(2))
    assert fast._serving.engine.lane is not None
    slow._serving.engine.lane = None
    return fast, slow


def answer(session: Session, sample: Any) -> Mapping[str, NDArray[Any]] | list[str]:
    try:
        return session.infer(sample)
    except NpuspecError as error:
        return [str(diagnostic) for diagnostic in error.diagnostics]


def ran(session: Session) -> int:
    """Return how many samples the lane has run that haven't been counted yet."""
    return len(session._recorder.lane)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Draw a program of one or two data inputs with followers, whose outputs are cut in any way."""
    inputs: list[Input] = []
    used: list[str] = []
    for name in draw(st.sampled_from([["x"], ["x", "z"]])):
        axes = [draw(st.just(dim) | st.sampled_from([1, 3])) for dim in draw(st.permutations(NAMES))]
        axes = axes[: draw(st.integers(1, 3))]
        side, dtype = draw(st.sampled_from(["left", "right"])), draw(st.sampled_from(DTYPES))
        value = draw(st.integers(0, 1 if dtype == "bool" else 100))
        inputs.append(data(name, tuple(axes), dtype, pad_side=side, pad_value=float(value), finite=draw(st.booleans())))
        padded = [axis for axis in axes if isinstance(axis, str)]
        used += padded
        for number in range(draw(st.integers(0, 3)) if padded else 0):
            dim = draw(st.sampled_from(padded))
            if draw(st.booleans()):
                dtype = draw(st.sampled_from(["int32", "int64"]))
                inputs.append(length(f"n{number}{name}", dtype, of=name, dim=dim))
            else:
                inputs.append(mask(f"m{number}{name}", draw(st.sampled_from(DTYPES)), of=name, dim=dim))
    dims = {
        dim: tuple(sorted(draw(st.sets(st.integers(2, 9), min_size=1, max_size=3)))) for dim in NAMES if dim in used
    }
    toy = program(*inputs, sizes=tuple(combinations(dims)), minimum=draw(st.integers(1, 2)))
    outputs = [
        structs.replace(
            o,
            extents=tuple(
                e for e in draw(extents(len(toy.variants[0].shapes[i.name]), list(dims))) if is_possible(toy, i.name, e)
            ),
        )
        for i, o in zip(toy.inputs, toy.outputs, strict=True)
    ]
    return structs.replace(toy, outputs=tuple(outputs))


def is_possible(toy: Program, name: str, extent: Extent) -> bool:
    """Tell whether an output of `echo` is as long as it is to be valid."""
    return all(
        extent.of(size) <= v.shapes[name][extent.axis - 1]
        for v in toy.variants
        for size in (toy.dims[extent.dim].minimum, v.sizes[extent.dim])
    )


@st.composite
def extents(draw: st.DrawFn, rank: int, dims: list[str]) -> list[Extent]:
    """Draw extents of an output of `echo`, whose axes are those of the batch and of the input."""
    if not dims:
        return []
    axes = draw(st.sets(st.integers(1, rank)))
    forms = st.tuples(st.integers(0, 2), st.integers(-4, 2), st.integers(1, 3))
    return [
        Extent(dim=draw(st.sampled_from(dims)), axis=axis, scale=scale, offset=offset, divisor=divisor)
        for axis in axes
        for scale, offset, divisor in [draw(forms)]
    ]


@st.composite
def samples(draw: st.DrawFn, toy: Program) -> Arrays:
    """Draw a sample that fits, or nearly: a size is wrong now and then, a value isn't finite, an array is strided."""
    sizes = {name: draw(st.integers(dim.minimum, dim.maximum)) for name, dim in toy.dims.items()}
    rng, sample = np.random.default_rng(draw(st.integers(0, 99))), {}
    for port in toy.inputs:
        if not isinstance(port, DataInput):
            continue
        odd = draw(st.sampled_from([0] * 20 + [-1, 1]))
        shape = [max(0, int(sizes.get(str(axis), axis)) + odd) for axis in port.axes]
        array = np.asarray(rng.integers(0, 50, shape)).astype(port.dtype)
        if array.dtype.kind == "f" and array.size and draw(st.integers(0, 9)) == 0:
            array.flat[-1] = draw(st.sampled_from([np.nan, np.inf]))
        layout = draw(st.sampled_from(["C", "F", "reversed"]))
        sample[port.name] = (
            array[..., ::-1] if layout == "reversed" else np.asarray(array, order=layout)  # type: ignore[call-overload]
        )
    return sample


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_sample_of_any_program_gets_the_same_answer(how: st.DataObject) -> None:
    toy = how.draw(programs())
    fast, slow = open_both(toy)
    with fast, slow:
        for _ in range(4):
            sample = how.draw(samples(toy))
            found, wanted = answer(fast, sample), answer(slow, sample)
            if isinstance(wanted, list):
                assert found == wanted
                continue
            assert isinstance(found, dict)
            assert list(found) == list(wanted)
            for name, array in wanted.items():
                assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
                assert found[name].tobytes() == array.tobytes()
                assert found[name].flags.c_contiguous
                assert found[name].flags.owndata
                assert found[name].flags.writeable
        counted, expected = fast.stats(), slow.stats()
        for field in ("done", "failed", "batches", "rows", "padding"):
            np.testing.assert_equal(getattr(counted, field), getattr(expected, field))
        assert {k: v.count for k, v in counted.phases.items()} == {k: v.count for k, v in expected.phases.items()}


class Named(dict[str, Any]):
    """A mapping that the lane leaves to the session."""


class Own(np.ndarray[Any, Any]):
    """An array that it does."""


GOOD = np.arange(3, dtype=np.float32)
WRONG = [
    None,
    GOOD,
    {},
    {"y": GOOD},
    {"x": GOOD, "m": GOOD},
    {"x": None},
    {"x": [1.0, 2.0]},
    {"x": GOOD.astype(np.float64)},
    {"x": GOOD.astype(">f4")},
    {"x": GOOD.reshape(1, 3)},
    {"x": np.float32(1)},
    {"x": np.array(1, np.float32)},
    {"x": np.zeros(0, np.float32)},
    {"x": np.zeros(9, np.float32)},
    {"x": np.ma.masked_array(GOOD, [True, False, False])},
    {"x": np.array([1, np.nan], np.float32)},
    {"x": np.array([-np.inf], np.float32)},
    {"x": np.zeros(3, [("a", np.float32)])},
    {"x": np.zeros(3, "datetime64[s]")},
]


@pytest.mark.parametrize("sample", WRONG, ids=repr)
def test_what_is_wrong_with_a_sample_is_said_as_without_a_lane(sample: Any) -> None:
    toy = program(data(finite=True), mask(), sizes=({"time": 8},), outputs=(along(),))
    fast, slow = open_both(toy, doubled)
    with fast, slow:
        lane = fast._serving.engine.lane
        assert lane is not None
        assert lane.infer(sample, []) is None
        found, wanted = answer(fast, sample), answer(slow, sample)
        if isinstance(wanted, dict):
            np.testing.assert_equal(found, wanted)
        else:
            assert found == wanted
        assert fast.stats().failed == slow.stats().failed
        np.testing.assert_array_equal(fast.infer({"x": GOOD})["y"], 2 * GOOD)
        assert ran(fast) == 1


@pytest.mark.parametrize("sample", [Named(x=GOOD), {"x": GOOD.view(Own)}, {"x": GOOD.tolist()}], ids=repr)
def test_what_is_right_in_another_form_is_left_to_the_session(sample: Any) -> None:
    fast, slow = open_both(TOY, doubled)
    with fast, slow:
        assert fast._serving.engine.lane is not None
        assert fast._serving.engine.lane.infer(sample, []) is None
        np.testing.assert_equal(answer(fast, sample), answer(slow, sample))


CHANGED = Preprocess(dtype="uint8", order=(0,))
NOT_PLAIN = {
    "batch": program(data(), batch=2, outputs=(along(),)),
    "preprocess": program(data(preprocess=CHANGED), outputs=(along(),)),
    "no axes": program(data(), data("id", (), "int64"), outputs=(along(),)),
    "a large number": program(data(), outputs=(along(offset=-(1 << 70)),)),
}


@pytest.mark.parametrize("toy", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_a_program_that_is_not_plain_has_no_lane(toy: Program) -> None:
    with Session(Engine(toy, compiled(toy, doubled), device="CPU")) as session:
        assert session._serving.engine.lane is None


def test_there_is_none_when_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEBUG_VARIABLE, "1")
    with Session(Engine(TOY, compiled(TOY, doubled), device="CPU")) as session:
        assert session._serving.engine.lane is None


def test_samples_that_are_too_long_are_cut_off_or_taken_apart_as_before() -> None:
    for overflow in ("truncate", "chunk"):
        dim = Dim(minimum=1, maximum=8, overflow=overflow)
        toy = structs.replace(program(data(), outputs=(along(),)), dims={"time": dim})
        fast, slow = open_both(toy, doubled)
        with fast, slow:
            for size in (3, 8, 9, 20):
                np.testing.assert_equal(answer(fast, ramp(size)), answer(slow, ramp(size)))
            assert ran(fast) == 2


def test_what_a_view_of_an_output_shows_may_be_given_again() -> None:
    fast, slow = open_both(TOY, doubled)
    with fast, slow:
        for session in (fast, slow):
            shown = session.infer(ramp(3), copy=False)["y"]
            np.testing.assert_array_equal(session.infer({"x": shown})["y"], 4 * ramp(3)["x"])
        buffer = fast._serving.engine.pools["time8"].first.buffers["x"]
        for session in (fast, slow):  # no part of the interface, but it is refused like anything that overlaps
            with pytest.raises(InputError, match="overlap") if session is fast else pytest.raises(AssertionError):
                session.infer({"x": buffer[0]})
                raise AssertionError
        np.testing.assert_array_equal(fast.infer(ramp(3))["y"], 2 * ramp(3)["x"])


MODELS = compiled(TOY, doubled)


def open_on(device: Device, **more: Any) -> Session:
    return Session(Engine(TOY, {name: device.model(model) for name, model in MODELS.items()}, device="CPU"), **more)


def test_what_fails_once_runs_once_more_and_its_variant_without_the_lane(caplog: pytest.LogCaptureFixture) -> None:
    failures = iter([False, True])
    with caplog.at_level(logging.WARNING), open_on(Device(lambda _: next(failures, False))) as session:
        for size in (2, 3, 4, 8):
            np.testing.assert_array_equal(session.infer(ramp(size))["y"], 2 * ramp(size)["x"])
        assert ran(session) == 2
        assert (session.stats().done, session.stats().failed, session.stats().recoveries) == (4, 0, 0)
    assert [record.message for record in caplog.records] == [f"CPU failed, and the batch runs once more: {LOST}"]


@pytest.mark.parametrize("has_lane", [True, False])
def test_nothing_runs_a_third_time(has_lane: bool) -> None:
    failures = iter([True, True])
    device = Device(lambda _: next(failures, False))
    with open_on(device) as session:
        if not has_lane:
            session._serving.engine.lane = None
        with pytest.raises(DeviceError, match=LOST):
            session.infer(ramp(3))
        assert device.begun == 3  # the last only shows whether the device does anything


def test_what_has_failed_is_freed() -> None:
    failures = iter([True])
    session = open_on(Device(lambda _: next(failures, False)))
    session.infer(ramp(3))
    pools = [ref(pool) for pool in session._serving.engine.pools.values()]
    session.close()
    del session
    until(lambda: gc.collect() >= 0 and not any(pool() for pool in pools))


def test_what_a_caller_breaks_leaves_the_lane_to_others() -> None:
    with open_on(Device()) as session:
        session.infer(ramp(3))
        pieces = session._pieces

        def change(sample: Any) -> Any:  # as another thread may, behind the check
            found = pieces(sample)
            sample["x"].resize(100, refcheck=False)
            return found

        session._pieces = change
        with pytest.raises(InputError) as caught:
            session.infer(ramp(3), copy=False)
        assert caught.value.code == "sample-changed"
        session._pieces = pieces
        session.infer(ramp(3))
        assert ran(session) == 2


def test_what_a_key_raises_is_not_swallowed() -> None:
    class Key(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            raise KeyboardInterrupt

    with open_on(Device()) as session, pytest.raises(KeyboardInterrupt):
        session.infer({Key("x"): ramp(3)["x"]})


def test_at_the_end_of_the_stack_no_device_has_failed_and_closing_does_not_wait() -> None:
    def infer(session: Session, depth: int) -> None:
        if depth:
            infer(session, depth - 1)
        else:
            session.infer(ramp(3))

    opened: list[int] = []

    def opener() -> Engine:
        opened.append(1)
        return Engine(TOY, MODELS, device="CPU")

    for has_lane in (True, False):
        engine = Engine(TOY, MODELS, device="CPU", requests=1)
        session = Session(engine, openers={"CPU": opener})
        if not has_lane:
            engine.lane = None
        overflows = 0
        for depth in range(sys.getrecursionlimit() - 120, sys.getrecursionlimit()):
            try:
                infer(session, depth)
            except RecursionError:
                overflows += 1
            assert not any(slot.hold.is_taken for pool in engine.pools.values() for slot in pool._slots)
        assert 0 < overflows < 120
        np.testing.assert_array_equal(session.infer(ramp(3))["y"], 2 * ramp(3)["x"])
        session.close()
    assert not opened


def test_what_fails_alone_is_said_and_what_is_lost_is_opened_again() -> None:
    device = Device(lambda inputs: bool((inputs["x"] == 7.5).any()))
    with open_on(device) as session:
        with pytest.raises(DeviceError, match=LOST) as caught:
            session.infer({"x": np.array([7.5], np.float32)})
        assert caught.value.code == "infer-failed"
        np.testing.assert_array_equal(session.infer(ramp(3))["y"], 2 * ramp(3)["x"])
        assert session.stats().failed == 1


def test_ctrl_c_gives_the_request_back() -> None:
    pressed = iter([True])

    def press(_: object) -> bool:
        if next(pressed, False):
            raise KeyboardInterrupt
        return False

    with open_on(Device(press)) as session:
        with pytest.raises(KeyboardInterrupt):
            session.infer(ramp(3))
        np.testing.assert_array_equal(session.infer(ramp(3))["y"], 2 * ramp(3)["x"])
        assert ran(session) == 1


def test_while_the_lane_runs_others_take_other_requests_and_closing_waits() -> None:
    device = Device()
    device.gate.clear()
    session = open_on(device)
    with ThreadPoolExecutor(3) as threads:
        results = [threads.submit(session.infer, ramp(3, start)) for start in range(2)]
        while device.begun < 2:
            time.sleep(0.001)
        closing = threads.submit(session.close)
        time.sleep(0.05)
        assert not closing.done()
        device.gate.set()
        for start, result in enumerate(results):
            np.testing.assert_array_equal(result.result(60)["y"], 2 * ramp(3, start)["x"])
        closing.result(60)
    assert not any(pool._slots for pool in session._serving.engine.pools.values())
    with pytest.raises(InputError, match="closed"):
        session.infer(ramp(3))


def test_a_lane_that_outlives_its_engine_runs_nothing() -> None:
    session = open_on(Device())
    lane = session._serving.engine.lane
    assert lane is not None
    session.close()
    assert lane.infer(ramp(3), []) is None


@pytest.mark.parametrize("requests", [1, 2])
def test_many_threads_get_their_own_results_and_none_waits_for_ever(requests: int) -> None:
    with (
        Session(Engine(TOY, MODELS, device="CPU", requests=requests)) as session,
        ThreadPoolExecutor(32) as threads,
    ):

        def work(seed: int) -> None:
            for n in range(60):
                sample = ramp((seed + n) % 8 + 1, seed * 1000 + n)
                way = session.infer if n % 3 else lambda sample: session.submit(sample).result(60)
                np.testing.assert_array_equal(way(sample)["y"], 2 * sample["x"])

        for done in [threads.submit(work, seed) for seed in range(32)]:
            done.result(120)
        assert session.stats().done == 32 * 60
        assert all(len(pool._slots) <= requests for pool in session._serving.engine.pools.values())
    assert threading.active_count() < 32


def test_large_samples_of_several_threads_at_once() -> None:
    toy = program(data(), mask(dtype="uint8"), sizes=({"time": 100_000},), outputs=(along(),))
    with Session(Engine(toy, compiled(toy, doubled), device="CPU")) as session, ThreadPoolExecutor(4) as threads:
        many = [ramp(50_000 + n, n) for n in range(40)]
        for sample, result in zip(many, threads.map(session.infer, many, timeout=120), strict=True):
            np.testing.assert_array_equal(result["y"], 2 * sample["x"])


def test_memory_does_not_grow() -> None:
    with Session(Engine(TOY, MODELS, device="CPU")) as session:
        sample = ramp(7)

        def call(times: int) -> int:
            for _ in range(times):
                session.infer(sample)
            gc.collect()
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        before = call(20_000)
        assert call(100_000) - before < 2048  # KB: less than the 24 bytes that one leaked object a call would take
        assert session.stats().done == 120_000
