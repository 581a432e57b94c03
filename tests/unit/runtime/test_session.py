"""A session pads, runs and cuts; what comes back is the caller's."""

import threading
import time
import tracemalloc
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as op

from npuspec.bundle.program import Extent, Output, Preprocess, Program, Variant
from npuspec.diagnostics import DeviceError, InputError
from npuspec.runtime import Engine, Session
from runtime.toys import CORE, along, compiled, data, doubled, echo, length, mask, model, parameters, program


def open_session(toy: Program, build: Any = echo) -> Session:
    return Session(Engine(toy, compiled(toy, build), device="CPU"))


def ramp(*shape: int, dtype: str = "float32") -> NDArray[Any]:
    return np.arange(1, np.prod(shape) + 1).reshape(shape).astype(dtype)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", ["bool", "int32", "int64", "float32"])
def test_the_model_is_fed_padding_lengths_and_masks_in_every_row(kind: str, side: str, batch: int) -> None:
    toy = program(data(pad_value=-2.0, pad_side=side), mask(dtype=kind), length(), batch=batch, length_rank=2)
    with open_session(toy) as session:
        fed = session.infer({"x": ramp(5)})
    valid = np.array([1] * 5 + [0] * 3) if side == "right" else np.array([0] * 3 + [1] * 5)
    row = np.full(8, -2, np.float32)
    row[valid == 1] = ramp(5)
    np.testing.assert_array_equal(fed["x fed"], [row] * batch)
    np.testing.assert_array_equal(fed["m fed"], [valid] * batch)
    np.testing.assert_array_equal(fed["n fed"], [[5]] * batch)
    assert fed["m fed"].dtype == kind


def test_nothing_of_an_earlier_sample_stays_in_the_padding() -> None:
    toy = program(data(), mask(), length())
    with open_session(toy) as session:
        session.infer({"x": ramp(8)})
        fed = session.infer({"x": ramp(2)})
    np.testing.assert_array_equal(fed["x fed"], [[1, 2, 0, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(fed["m fed"], [[1, 1, 0, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(fed["n fed"], [2])


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("size", [1, 5, 8])
def test_outputs_are_cut_on_the_side_that_was_padded(size: int, side: str) -> None:
    toy = program(data(axes=("time", 2), pad_side=side, pad_value=7.0), outputs=(along(),))
    with open_session(toy, doubled) as session:
        np.testing.assert_array_equal(session.infer({"x": ramp(size, 2)})["y"], 2 * ramp(size, 2))


def test_outputs_are_cut_in_every_padded_dimension() -> None:
    both = Output(name="y", dtype="float32", extents=(Extent(dim="w", axis=2), Extent(dim="h", axis=1)))
    sizes = ({"h": 4, "w": 4}, {"h": 8, "w": 8})
    toy = program(data(axes=("h", "w", 2)), sizes=sizes, outputs=(both,))
    with open_session(toy, doubled) as session:
        for h, w in ((1, 1), (4, 3), (2, 5), (8, 8)):
            np.testing.assert_array_equal(session.infer({"x": ramp(h, w, 2)})["y"], 2 * ramp(h, w, 2))


def pooled(toy: Program, variant: Variant) -> Any:
    """Return a model whose output is (time - 3) // 2 + 1 long: the largest of three, every second."""
    given = parameters(toy, variant)
    pool = op.max_pool(op.unsqueeze(given["x"], 1), [2], [1], [0], [0], [3])
    return model({"y": op.squeeze(pool.output(0), 1)}, given)


def test_outputs_are_cut_to_the_length_that_the_model_would_give_the_sample() -> None:
    toy = program(data(), outputs=(along(offset=-1, divisor=2),), sizes=({"time": 9},), minimum=3)
    with open_session(toy, pooled) as session:
        for size in range(3, 10):
            array = ramp(size)
            wanted = [array[i : i + 3].max() for i in range(0, size - 2, 2)]
            np.testing.assert_array_equal(session.infer({"x": array})["y"], wanted)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("size", [1, 4, 5, 8])
def test_of_a_sample_with_less_than_a_step_nothing_is_left(size: int, side: str) -> None:
    """A model that takes multiples also takes samples that its padding alone makes long enough."""

    def behind_four(toy: Program, variant: Variant) -> Any:
        given = parameters(toy, variant)
        axis = np.array([1])
        return model({"y": op.slice(given["x"], np.array([4]), np.array([8]), np.array([1]), axis)}, given)

    toy = program(data(pad_side=side), outputs=(along(offset=-4),))
    with open_session(toy, behind_four) as session:
        assert session.infer({"x": ramp(size)})["y"].shape == (max(0, size - 4),)


def test_the_smallest_bucket_runs() -> None:
    toy = program(data(), sizes=({"time": 4}, {"time": 8}, {"time": 16}))
    with open_session(toy) as session:
        for size, bucket in ((1, 4), (4, 4), (5, 8), (9, 16), (16, 16)):
            assert session.infer({"x": ramp(size)})["x fed"].shape == (1, bucket)


def test_a_model_without_padded_dimensions_takes_samples_of_its_size() -> None:
    toy = program(data(axes=(3,)), data("id", (), "int64"), sizes=({},))
    with open_session(toy) as session:
        fed = session.infer({"x": ramp(3), "id": np.int64(7)})
    np.testing.assert_array_equal(fed["x fed"], [ramp(3)])
    np.testing.assert_array_equal(fed["id fed"], [7])


def test_outputs_are_the_callers_own() -> None:
    toy = program(data(), outputs=(along(), Output(name="whole", dtype="float32", extents=())))

    def build(toy: Program, variant: Variant) -> Any:
        given = parameters(toy, variant)
        return model({"y": op.add(given["x"], given["x"]), "whole": op.relu(given["x"])}, given)

    with open_session(toy, build) as session:
        first = session.infer({"x": ramp(8)})
        kept = {name: array.copy() for name, array in first.items()}
        second = session.infer({"x": ramp(8) * 10})
        for name, array in first.items():
            assert array.flags.writeable
            assert array.flags.owndata
            np.testing.assert_array_equal(array, kept[name])
            array[:] = -1
        np.testing.assert_array_equal(session.infer({"x": ramp(8) * 10})["y"], second["y"])
    np.testing.assert_array_equal(second["y"], ramp(8) * 20)


def test_an_input_handed_through_is_copied_too() -> None:
    toy = program(data(), outputs=(along("x"),))

    def build(toy: Program, variant: Variant) -> Any:
        given = parameters(toy, variant)
        return model({"x": given["x"]}, given)

    with open_session(toy, build) as session:
        first = session.infer({"x": ramp(8)})["x"]
        session.infer({"x": ramp(8) * 10})
        np.testing.assert_array_equal(first, ramp(8))


def test_the_callers_arrays_are_left_alone() -> None:
    toy = program(data(axes=("time", 2), pad_side="left"), mask(), outputs=(along(),))
    array = np.asfortranarray(ramp(10, 2))[::-2]
    before = array.copy()
    with open_session(toy, doubled) as session:
        np.testing.assert_array_equal(session.infer({"x": array})["y"], 2 * before)
    np.testing.assert_array_equal(array, before)


def run_all(session: Session, samples: list[NDArray[Any]], threads: int) -> list[Mapping[str, NDArray[Any]]]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda sample: session.infer({"x": sample}), samples))


def test_many_threads_get_what_one_would() -> None:
    rng = np.random.default_rng(0)
    toy = program(
        data(axes=("time", 4)),
        mask(dtype="bool"),
        sizes=({"time": 8}, {"time": 32}),
        outputs=(along(), along("m fed", dtype="bool")),
    )

    def build(toy: Program, variant: Variant) -> Any:
        given = parameters(toy, variant)
        weights = op.constant(np.eye(4, dtype=np.float32) * 3)
        return model(
            {"y": op.matmul(given["x"], weights, False, False), "m fed": op.logical_and(given["m"], given["m"])}, given
        )

    samples = [rng.standard_normal((rng.integers(1, 33), 4)).astype(np.float32) for _ in range(400)]
    with open_session(toy, build) as session:
        alone = [session.infer({"x": sample}) for sample in samples]
        together = run_all(session, samples, threads=8)
    for sample, one, many in zip(samples, alone, together, strict=True):
        np.testing.assert_allclose(one["y"], sample * 3, rtol=1e-5)
        assert one.keys() == many.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], many[name])


def test_closing_while_others_infer_ends_them_with_a_result_or_a_refusal() -> None:
    toy = program(data(), outputs=(along(),), sizes=({"time": 4}, {"time": 8}))
    session = open_session(toy, doubled)
    ended: list[str] = []

    def infer(size: int) -> None:
        try:
            while True:
                np.testing.assert_array_equal(session.infer({"x": ramp(size)})["y"], 2 * ramp(size))
        except InputError as error:
            ended.append(error.code)

    threads = [threading.Thread(target=infer, args=(size,)) for size in (3, 4, 7, 8)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    session.close()
    for thread in threads:
        thread.join(30)
    assert ended == ["session-closed"] * 4


def test_a_closed_session_refuses_and_can_be_closed_again() -> None:
    toy = program(data(), outputs=(along(),))
    with open_session(toy, doubled) as session:
        session.infer({"x": ramp(3)})
        session.close()
        with pytest.raises(InputError, match="this session is closed") as caught:
            session.infer({"x": ramp(3)})
    assert caught.value.code == "session-closed"
    session.close()


def test_an_error_in_its_block_closes_a_session_and_goes_on() -> None:
    toy = program(data(), outputs=(along(),))
    session = open_session(toy, doubled)

    def fail() -> None:
        with session as entered:
            assert entered is session
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(InputError, match="closed"):
        session.infer({"x": ramp(3)})


def test_a_refused_sample_is_not_run() -> None:
    toy = program(data(finite=True), data("z", ("time",), finite=True), outputs=(along(),))
    with open_session(toy, doubled) as session:
        (pool,) = session._serving.engine.pools.values()
        session.infer({"x": ramp(3), "z": ramp(3)})
        before = pool.first.results["y"].copy()
        for bad in ({"x": 5 * ramp(3)}, {"x": 5 * ramp(3), "z": ramp(3) * np.nan}):
            with pytest.raises(InputError):
                session.infer(bad)
        np.testing.assert_array_equal(pool.first.results["y"], before)


def test_a_result_does_not_depend_on_the_samples_before_it() -> None:
    toy = program(data(), outputs=(along(),))

    def counting(toy: Program, variant: Variant) -> Any:
        given = parameters(toy, variant)
        state = op.read_value(op.constant(np.zeros((1, 8), np.float32)), "count", ov.Type.f32, [1, 8])
        total = op.add(state, given["x"])
        total.output(0).set_names({"y"})
        return ov.Model([op.result(total)], [op.assign(total, "count")], list(given.values()), "counting")

    with open_session(toy, counting) as session:
        for _ in range(3):
            np.testing.assert_array_equal(session.infer({"x": ramp(3)})["y"], ramp(3))


THROUGHPUT = {"PERFORMANCE_HINT": "THROUGHPUT"}
"""With this a CPU finds several requests best, where it has several cores."""


def open_throughput(toy: Program, build: Any) -> Session:
    models = {v.name: CORE.compile_model(build(toy, v), "CPU", THROUGHPUT) for v in toy.variants}
    return Session(Engine(toy, models, device="CPU"))


def test_many_threads_with_many_samples_get_their_own_results() -> None:
    toy = program(data(), batch=2, sizes=({"time": 4}, {"time": 8}, {"time": 16}), outputs=(along(),))
    rng = np.random.default_rng(0)
    groups = [[rng.standard_normal(n).astype(np.float32) for n in rng.integers(1, 17, 25)] for _ in range(8)]
    with open_throughput(toy, doubled) as session, ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda group: session.infer_many([{"x": x} for x in group]), groups, timeout=120)
        for group, results in zip(groups, found, strict=True):
            for x, result in zip(group, results, strict=True):
                np.testing.assert_array_equal(result["y"], 2 * x)


def test_a_session_that_is_closed_meanwhile_ends_what_runs_and_refuses_the_rest() -> None:
    toy = program(data(), sizes=({"time": 8}, {"time": 16}), outputs=(along(),))
    samples = [{"x": ramp(n % 16 + 1)} for n in range(400)]
    session = open_throughput(toy, doubled)
    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(session.infer_many, samples) for _ in range(4)]
        session.close()
        for future in running:
            fault = future.exception(timeout=120)
            assert fault is None or (isinstance(fault, InputError) and fault.code == "session-closed")
            if fault is None:
                np.testing.assert_array_equal(future.result()[-1]["y"], 2 * samples[-1]["x"])
    with pytest.raises(InputError, match="closed"):
        session.infer(samples[0])


def test_a_sample_that_is_refused_on_the_way_leaves_the_session_whole() -> None:
    toy = program(data(finite=True), batch=2, outputs=(along(),))
    samples = [{"x": ramp(n % 8 + 1)} for n in range(20)]
    with open_throughput(toy, doubled) as session:
        with pytest.raises(InputError) as refused:
            session.infer_many([*samples[:13], {"x": ramp(3) * np.nan}, *samples])
        assert refused.value.code == "not-finite"
        for sample, result in zip(samples, session.infer_many(samples), strict=True):
            np.testing.assert_array_equal(result["y"], 2 * sample["x"])


def test_every_variant_tells_where_it_runs_and_what_it_was_made_for() -> None:
    toy = program(data(), sizes=({"time": 4}, {"time": 8}))
    with open_session(toy) as session:
        assert session.executed == {"time4": ["CPU"], "time8": ["CPU"]}
        assert session.tell("LOADED_FROM_CACHE") == {"time4": False, "time8": False}


def test_what_would_run_elsewhere_is_refused() -> None:
    toy = program(data())
    models = {v.name: CORE.compile_model(doubled(toy, v), "AUTO:NPU,CPU") for v in toy.variants}
    with pytest.raises(DeviceError, match="variant time8 runs on CPU and not on NPU") as caught:
        Session(Engine(toy, models, device="NPU"))
    assert (caught.value.code, caught.value.exit_code) == ("other-device", 4)


@pytest.mark.parametrize(("dtype", "given"), [("float32", "float32"), ("float16", "float32"), ("int64", "int64")])
def test_the_only_copies_of_a_sample_are_the_tensor_and_the_result(dtype: str, given: str) -> None:
    most = 1 << 20
    steps = None if dtype == given else Preprocess(dtype=given, order=(0,), channels=None, mean=(), scale=())
    toy = program(data(dtype=dtype, preprocess=steps), mask(), sizes=({"time": most},), outputs=(along(dtype=dtype),))
    sample = np.ones(most - 1, given)
    with open_session(toy, doubled) as session:
        session.infer({"x": sample})
        tracemalloc.start()
        result = session.infer({"x": sample})["y"]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    np.testing.assert_array_equal(result, np.full(most - 1, 2, dtype))
    assert peak < result.nbytes + 64 * 1024
