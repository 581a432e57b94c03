"""Quantized operations beside those in floating point: all off is the original, all on the quantized model."""

from collections.abc import Callable, Collection
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import nncf
import numpy as np
import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from openvino import opset1
from openvino import opset13 as op
from runtime.toys import CORE

from npuspec.stages.switched import Block, put_back, switch_model, twins
from stages.quantized import CASES, WIDTH, convolution, infer, inputs_of, model_of, product, source
from toy_specs import write

Outputs = list[NDArray[np.float32]]
TRANSFORMERS = ("attention", "moved", "outlying")
BOTH = [*((name, None) for name in CASES), *((name, "transformer") for name in TRANSFORMERS)]


class Toy:
    """A model as it was published, and quantized; each is read from a file, as a stage does it."""

    def __init__(self, folder: Path, model: ov.Model, model_type: str | None = None, *, half: bool = False) -> None:
        self.folder = folder
        write(folder / "original", model)
        if half:
            ov.save_model(model, folder / "original" / "model.xml", compress_to_fp16=True)
        self.inputs = inputs_of(self.original)
        write(folder / "quantized", quantize(self.original, self.inputs, model_type))
        self.operations = [twin.name for twin in twins(self.quantized, self.original)]

    @property
    def original(self) -> ov.Model:
        return CORE.read_model(self.folder / "original" / "model.xml")

    @property
    def quantized(self) -> ov.Model:
        return CORE.read_model(self.folder / "quantized" / "model.xml")

    @cached_property
    def published(self) -> Outputs:
        return every(self, self.original)

    @cached_property
    def as_integers(self) -> Outputs:
        return every(self, self.quantized)

    def switched(self, most: int = 200) -> tuple[ov.Model, list[Block]]:
        return switch_model(self.quantized, self.original, most)

    def mixed(self, names: Collection[str]) -> tuple[ov.Model, int]:
        model = self.quantized
        left = put_back(model, self.original, names)
        return model, left


Toys = Callable[..., Toy]


def quantize(model: ov.Model, inputs: Outputs, model_type: str | None = None) -> ov.Model:
    kind = None if model_type is None else nncf.ModelType(model_type)
    result: ov.Model = nncf.quantize(model, nncf.Dataset([{"x": x} for x in inputs]), subset_size=4, model_type=kind)
    return result


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Toys:
    @cache
    def make(name: str, model_type: str | None = None, half: bool = False) -> Toy:
        return Toy(tmp_path_factory.mktemp("toy"), CASES[name](), model_type, half=half)

    return make


def every(toy: Toy, model: ov.Model, switches: list[bool] | None = None) -> Outputs:
    return infer(model, toy.inputs, switches)


def assert_same(found: Outputs, wanted: Outputs) -> None:
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def distance(one: Outputs, other: Outputs) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def inserted(model: ov.Model, original: ov.Model) -> set[str]:
    """Return the quantizers that a model has, and the original hasn't."""
    kept = {op.get_friendly_name() for op in original.get_ops()}
    return {op.get_friendly_name() for op in model.get_ops() if op.get_type_name() == "FakeQuantize"} - kept


@pytest.mark.parametrize(
    ("name", "model_type", "half"),
    [*((*case, False) for case in BOTH), ("attention", None, True)],
)
def test_all_off_is_the_original_and_all_on_the_quantized_model(
    toys: Toys, name: str, model_type: str | None, half: bool
) -> None:
    toy = toys(name, model_type, half)
    model, blocks = toy.switched()
    assert distance(toy.published, toy.as_integers) > 0.1
    assert_same(every(toy, model, [False] * len(blocks)), toy.published)
    assert_same(every(toy, model, [True] * len(blocks)), toy.as_integers)


@pytest.mark.parametrize(("name", "model_type"), BOTH)
def test_all_put_back_is_the_original_and_nothing_quantized_is_left(
    toys: Toys, name: str, model_type: str | None
) -> None:
    toy = toys(name, model_type)
    model, left = toy.mixed(toy.operations)
    assert left == 0
    assert_same(every(toy, model), toy.published)
    assert inserted(model, toy.original) == set()
    assert toy.mixed([])[1] == len(toy.operations)


@pytest.mark.parametrize(("name", "model_type"), BOTH)
def test_some_put_back_is_the_switched_model_with_these_off(toys: Toys, name: str, model_type: str | None) -> None:
    toy = toys(name, model_type)
    model, blocks = toy.switched()
    for number, block in enumerate(blocks[:2]):
        mixed, left = toy.mixed(block.operations)
        assert left == len(toy.operations) - len(block.operations)
        assert_same(every(toy, mixed), every(toy, model, [n != number for n in range(len(blocks))]))


def blocks_of(toy: Toy, most: int = 200) -> list[tuple[str, ...]]:
    return [block.operations for block in toy.switched(most)[1]]


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("chain", [("first",), ("second",), ("third",)]),
        ("branches", [("stem",), ("left",), ("right", "sum", "skip"), ("last",)]),
        ("recurrent", [("before",), ("sequence",), ("after",)]),
        ("branching", [("sum of x",), ("before",), ("choice",), ("after",)]),
        ("looping", [("before",), ("after",)]),
        ("already", [("first",), ("second",)]),
    ],
)  # fmt: skip
def test_a_block_is_an_operation_with_weights_and_what_follows_without(
    toys: Toys, name: str, blocks: list[tuple[str, ...]]
) -> None:
    assert blocks_of(toys(name)) == blocks


@pytest.mark.parametrize(
    ("most", "blocks"),
    [
        (3, [("first",), ("second",), ("third",)]),
        (2, [("first", "second"), ("third",)]),
        (1, [("first", "second", "third")]),
    ],
)
def test_neighbours_are_joined_where_there_are_too_many(toys: Toys, most: int, blocks: list[tuple[str, ...]]) -> None:
    toy = toys("chain")
    assert blocks_of(toy, most) == blocks
    model, found = toy.switched(most)
    assert_same(every(toy, model, [False] * len(found)), toy.published)


def test_what_kind_of_operations_a_block_has_is_told(toys: Toys) -> None:
    assert [block.types for block in toys("branches").switched()[1]] == [
        ("Convolution",), ("Convolution",), ("Convolution", "Add", "Add"), ("Convolution",),
    ]  # fmt: skip


def test_a_model_that_keeps_state_is_switched_in_all_its_calls(toys: Toys) -> None:
    toy = toys("stateful")
    model, blocks = toy.switched()
    mixed, _ = toy.mixed(toy.operations)
    requests = [CORE.compile_model(m, "CPU").create_infer_request() for m in (toy.original, model, mixed)]
    off = {"npuspec/switches": np.zeros(len(blocks), bool)}
    for x in toy.inputs:
        wanted, switched, back = (r.infer({"x": x, **m})["y0"] for r, m in zip(requests, ({}, off, {}), strict=True))
        np.testing.assert_allclose(switched, wanted, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(back, wanted, rtol=1e-5, atol=1e-5)


def test_what_only_smoothing_has_changed_is_not_quantized(tmp_path: Path) -> None:
    toy = Toy(tmp_path, CASES["outlying"]())
    scope = nncf.IgnoredScope(names=["second"])
    data = nncf.Dataset([{"x": x} for x in toy.inputs])
    model = nncf.quantize(toy.original, data, subset_size=4, model_type=nncf.ModelType.TRANSFORMER, ignored_scope=scope)
    assert any("second" not in op.get_friendly_name() and "smooth" in op.get_friendly_name() for op in model.get_ops())
    assert [twin.name for twin in twins(model, toy.original)] == ["first"]


@pytest.mark.parametrize("mode", [nncf.CompressWeightsMode.INT8_ASYM, nncf.CompressWeightsMode.INT4_SYM])
@pytest.mark.parametrize("name", ["attention", "moved"])
def test_weights_alone_are_found_and_put_back(tmp_path: Path, name: str, mode: nncf.CompressWeightsMode) -> None:
    toy = Toy(tmp_path, CASES[name]())
    more = {} if "int8" in mode.value else {"ratio": 1.0, "group_size": -1, "all_layers": True}
    model = nncf.compress_weights(toy.original, mode=mode, **more)
    products = [op.get_friendly_name() for op in toy.original.get_ordered_ops() if op.get_type_name() == "MatMul"]
    products = [name for name in products if name not in ("scores", "context")]
    assert sorted(twin.name for twin in twins(model, toy.original)) == sorted(products)
    assert put_back(model, toy.original, products) == 0
    assert_same(every(toy, model), toy.published)


def test_an_unquantized_model_has_no_blocks(tmp_path: Path) -> None:
    write(tmp_path / "original", CASES["chain"]())
    models = [CORE.read_model(tmp_path / "original" / "model.xml") for _ in range(2)]
    model, blocks = switch_model(models[0], models[1], 200)
    assert blocks == []
    inputs = inputs_of(models[1])
    assert_same(infer(model, inputs, []), infer(models[1], inputs))


def test_neither_model_is_used_up(toys: Toys) -> None:
    toy = toys("branches")
    original = toy.original
    switch_model(toy.quantized, original, 200)
    put_back(toy.quantized, original, toy.operations)
    assert_same(every(toy, original), toy.published)
    assert len({op.get_friendly_name() for op in original.get_ops()} & {*toy.operations}) == len(toy.operations)


STEPS: dict[str, Callable[[Any, Any, int], Any]] = {
    "average": lambda node, _before, _n: op.avg_pool(node, [1], [1], [1], [3], exclude_pad=False),
    "convolution": lambda node, _before, n: convolution(node, WIDTH, WIDTH, f"convolution {n}"),
    "pool": lambda node, _before, _n: opset1.max_pool(node, [1], [1], [1], [3]),
    "product": lambda node, _before, n: product(node, f"product {n}"),
    "relu": lambda node, _before, _n: op.relu(node),
    "sigmoid": lambda node, _before, _n: op.sigmoid(node),
    "skip": lambda node, before, n: op.add(node, before, name=f"skip {n}"),
    "split": lambda node, _before, _n: op.concat([*reversed(op.split(node, np.int64(1), 2).outputs())], 1),
    "transpose": lambda node, _before, _n: op.transpose(node, np.array([0, 2, 1])),
}


def drawn(steps: list[str]) -> ov.Model:
    """Return a model of x [1, 8, 8] that takes these steps, each of which keeps the shape."""
    x = node = before = source(1, WIDTH, WIDTH)
    for number, step in enumerate(steps):
        before, node = node, STEPS[step](node, before, number)
    return model_of(x, product(op.relu(node), "last"))


DRAWN = st.lists(st.sampled_from(sorted(STEPS)), min_size=2, max_size=7)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(steps=DRAWN, model_type=st.sampled_from((None, "transformer")))
def test_any_model_comes_back(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], model_type: str | None
) -> None:
    toy = Toy(tmp_path_factory.mktemp("drawn"), drawn(steps), model_type)
    model, blocks = toy.switched()
    assert_same(every(toy, model, [False] * len(blocks)), toy.published)
    assert_same(every(toy, model, [True] * len(blocks)), toy.as_integers)
    mixed, _ = toy.mixed(toy.operations)
    assert_same(every(toy, mixed), toy.published)
    assert inserted(mixed, toy.original) == set()
