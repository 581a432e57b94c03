"""Samples are the same each time, fill every variant, and hold nothing that a model can't take."""

from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from npuspec.bundle.program import Preprocess
from npuspec.runtime import Engine, Session
from npuspec.runtime.samples import index_limit, make_samples
from runtime.toys import compiled, data, echo, length, mask, program

SIZES = ({"time": 8}, {"time": 64})


def test_every_variant_is_filled_once_and_padded_once() -> None:
    toy = program(data(), length(), mask(), sizes=SIZES)
    samples = make_samples(toy, echo(toy, toy.variants[0]))
    assert [name for name, _ in samples] == ["time=8", "time=7", "time=64", "time=56"]
    with Session(Engine(toy, compiled(toy), device="CPU")) as session:
        for _, sample in samples:
            assert sample.keys() == {"x"}
            session.infer(sample)


def test_they_are_the_same_each_time_and_differ_among_themselves() -> None:
    toy = program(data(), sizes=SIZES)
    first, second = (make_samples(toy, echo(toy, toy.variants[0])) for _ in range(2))
    for (_, one), (_, other) in zip(first, second, strict=True):
        np.testing.assert_array_equal(one["x"], other["x"])
    assert not np.array_equal(first[0][1]["x"][:7], first[1][1]["x"])


def test_none_is_shorter_than_the_model_takes() -> None:
    toy = program(data(), minimum=8)
    assert [name for name, _ in make_samples(toy, echo(toy, toy.variants[0]))] == ["time=8"]


@pytest.mark.parametrize(
    ("dtype", "lowest", "highest"), [("float32", -1, 1), ("uint8", 0, 255), ("int64", 0, 1), ("bool", 0, 1)]
)
def test_values_are_within_what_the_dtype_suggests(dtype: str, lowest: int, highest: int) -> None:
    toy = program(data(dtype=dtype), sizes=({"time": 4096},))
    values = make_samples(toy, echo(toy, toy.variants[0]))[0][1]["x"]
    assert values.dtype == dtype
    assert lowest <= values.min() < values.max() <= highest
    assert float(values.max()) - float(values.min()) > 0.95 * (highest - lowest)


def test_they_are_what_the_caller_gives_and_not_what_the_model_takes() -> None:
    toy = program(data(axes=(3, "time"), preprocess=Preprocess(dtype="uint8", order=(1, 0))))
    [(_, sample), _] = make_samples(toy, echo(toy, toy.variants[0]))
    assert (sample["x"].shape, str(sample["x"].dtype)) == ((8, 3), "uint8")


def lookup(kind: str) -> ov.Model:
    x = op.parameter([1, 4], np.int64, name="x")
    x.output(0).set_names({"x"})
    node: Any = op.convert(x, "i32")
    if kind == "gather":
        node = op.gather(op.constant(np.zeros((50, 3), np.float32)), node, op.constant(0))
    elif kind == "onehot":
        node = op.one_hot(node, op.constant(7), op.constant(1.0), op.constant(0.0), axis=-1)
    else:
        node = op.add(node, node)
    return ov.Model([op.result(node)], [x], kind)


@pytest.mark.parametrize(("kind", "limit"), [("gather", 50), ("onehot", 7), ("add", None)])
def test_an_input_that_is_an_index_stays_below_what_it_indexes(kind: str, limit: int | None) -> None:
    model = lookup(kind)
    assert index_limit(model, "x") == limit
    toy = program(data(axes=(4,), dtype="int64"), sizes=({},))
    values = [make_samples(toy, model)[0][1]["x"].max() for _ in range(3)]
    assert max(values) < (limit or 2)
