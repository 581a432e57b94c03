"""Timing a model at several sizes: a real one, on CPU."""

from pathlib import Path

import pytest

from npuspec.child import ChildError
from npuspec.facts import latency
from npuspec.sources import Fetched, fetch_model
from npuspec.store import Store
from toy_specs import convolutions, write

SHAPES: dict[str, list[str | int]] = {"x": [1, 3, "time"]}


@pytest.fixture
def toy(tmp_path: Path) -> Fetched:
    write(tmp_path / "model", convolutions())
    fetched, faults = fetch_model("model/model.xml", None, folder=tmp_path, store=Store(tmp_path / "store"))
    assert fetched is not None, faults
    return fetched


def test_a_size_that_is_much_larger_takes_longer(toy: Fetched) -> None:
    told: list[tuple[int, int]] = []
    times = latency(
        toy,
        shapes=SHAPES,
        fills={"x": 0},
        sizes=[{"time": 8}, {"time": 400_000}],
        device="CPU",
        progress=lambda done, total: told.append((done, total)),
    )
    assert 0 < times[0] < times[1]
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_device_that_is_not_there_cannot_compile(toy: Fetched) -> None:
    with pytest.raises(ChildError) as raised:
        latency(toy, shapes=SHAPES, fills={"x": 0}, sizes=[{"time": 8}], device="GPU.7", progress=lambda *_: None)
    assert raised.value.code == "compile-failed"


def test_a_shape_that_the_model_cannot_have_is_said(toy: Fetched) -> None:
    shapes: dict[str, list[str | int]] = {"x": [1, "time", 8]}
    with pytest.raises(ChildError) as raised:
        latency(toy, shapes=shapes, fills={"x": 0}, sizes=[{"time": 4}], device="CPU", progress=lambda *_: None)
    assert raised.value.code == "impossible-shape"
    assert "{'time': 4}" in raised.value.diagnostics[0].message
