"""One batch on a device: outputs are the caller's own, or the device's memory where that is asked for."""

import gc
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from npuspec.bundle.program import Output, Program, Variant
from npuspec.diagnostics import InputError
from npuspec.runtime import Engine, Session
from npuspec.runtime.engine import DEBUG_VARIABLE
from npuspec.runtime.pool import Pool
from runtime.toys import along, compiled, data, doubled, length, model, parameters, program

TOY = program(data(), sizes=({"time": 4}, {"time": 1024}), outputs=(along(),))
MODELS = compiled(TOY, doubled)


def ramp(size: int) -> dict[str, Any]:
    return {"x": np.arange(1, size + 1, dtype=np.float32)}


def test_without_a_copy_outputs_are_right_and_outlive_the_session() -> None:
    for size in (3, 1000):  # of its own memory, and of pages that npuspec gave
        session = Session(Engine(TOY, MODELS, device="CPU"))
        result = session.infer(ramp(size), copy=False)["y"]
        part = result[1:]
        session.close()
        del session, result
        gc.collect()
        np.testing.assert_array_equal(part, 2 * ramp(size)["x"][1:])


def test_an_output_of_one_number_is_an_array_without_axes() -> None:
    toy = program(data(), batch=2, outputs=(Output(name="sum", dtype="float32", extents=()),))

    def summed(toy: Program, variant: Variant) -> ov.Model:
        given = parameters(toy, variant)
        return model({"sum": op.reduce_sum(given["x"], np.array([1]), keep_dims=False)}, given)

    with Session(Engine(toy, compiled(toy, summed), device="CPU")) as session:
        for copy in (True, False):
            found = session.infer(ramp(3), copy=copy)["sum"]
            assert type(found) is np.ndarray
            np.testing.assert_array_equal(found, np.float32(6))


def test_whether_a_device_works_is_tried_with_zeros() -> None:
    toy = program(data(dtype="int64", pad_value=5), length())
    pool = Pool(compiled(toy)["time8"], toy)
    with pool.turn() as one, pool.turn() as other:
        for turn in (one, other):
            assert not any(buffer.any() for buffer in pool.take(turn).buffers.values())


def test_without_a_copy_the_next_inference_overwrites() -> None:
    with Session(Engine(TOY, MODELS, device="CPU")) as session:
        first = session.infer(ramp(3), copy=False)["y"]
        second = session.infer({"x": -ramp(3)["x"]})["y"]
        np.testing.assert_array_equal(first, second)
        assert second.base is None


def test_what_would_be_overwritten_is_refused_when_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEBUG_VARIABLE, "1")
    with Session(Engine(TOY, MODELS, device="CPU")) as session:
        held = session.infer(ramp(3), copy=False)["y"][1:]
        for _ in range(2):
            with pytest.raises(InputError, match="still held") as caught:
                session.infer(ramp(2))
            assert caught.value.code == "outputs-held"
        np.testing.assert_array_equal(held, [4, 6])
        del held, caught
        gc.collect()
        np.testing.assert_array_equal(session.infer(ramp(2))["y"], [2, 4])
        session.infer(ramp(3), copy=False)
        np.testing.assert_array_equal(session.infer(ramp(2), copy=False)["y"], [2, 4])
