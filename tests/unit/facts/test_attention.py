"""Which models have attention: written out in any of its forms, and none that only looks a little like it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from conftest import MODEL_SHA256, MODEL_SOURCE, ROOT
from npuspec.facts.inspect import signature
from npuspec.sources import fetch_model
from npuspec.store import Store

RNG = np.random.default_rng(0)
TIME, WIDTH, HEADS = 12, 16, 4
LOWEST = float(np.finfo(np.float32).min)

Node = Any
Model = Callable[[Node], Node]


def weight(*shape: int, half: bool = False) -> Node:
    values = RNG.standard_normal(shape)
    if half:  # as `compress_to_fp16` writes it
        return op.convert(op.constant(values.astype(np.float16)), "f32")
    return op.constant(values.astype(np.float32))


def linear(x: Node, out: int = WIDTH, *, half: bool = False) -> Node:
    return op.add(op.matmul(x, weight(WIDTH, out, half=half), False, False), weight(out))


def heads(x: Node, axes: tuple[int, ...] = (0, 2, 1, 3)) -> Node:
    split = op.reshape(x, np.array([0, 0, HEADS, WIDTH // HEADS]), True)
    return op.transpose(split, np.array(axes))


def joined(x: Node) -> Node:
    return op.reshape(op.transpose(x, np.array([0, 2, 1, 3])), np.array([0, 0, WIDTH]), True)


def mask() -> Node:
    return op.constant(np.triu(np.ones((1, 1, TIME, TIME), bool), 1))


def number(value: float) -> Node:
    return op.constant(np.float32(value))


def plain(x: Node) -> Node:
    scores = op.matmul(linear(x), linear(x), False, True)
    return op.matmul(op.softmax(scores, -1), linear(x), False, False)


def scaled_before(x: Node) -> Node:
    scores = op.matmul(op.multiply(linear(x), number(0.25)), op.multiply(linear(x), number(0.5)), False, True)
    return op.matmul(op.softmax(scores, -1), linear(x), False, False)


def scaled_after(x: Node) -> Node:
    scores = op.divide(op.matmul(heads(linear(x)), heads(linear(x), (0, 2, 3, 1)), False, False), number(4))
    return joined(op.matmul(op.softmax(scores, -1), heads(linear(x)), False, False))


def added_mask(x: Node) -> Node:
    scores = op.multiply(op.matmul(heads(linear(x)), heads(linear(x)), False, True), number(0.5))
    scores = op.add(scores, op.multiply(op.convert(mask(), "f32"), number(-10_000)))
    return joined(op.matmul(op.softmax(scores, -1), heads(linear(x)), False, False))


def selected_mask(x: Node) -> Node:
    scores = op.matmul(heads(linear(x)), heads(linear(x)), False, True)
    chances = op.softmax(op.select(mask(), number(LOWEST), scores), -1)
    return joined(op.matmul(op.select(mask(), number(0), chances), heads(linear(x)), False, False))


def lowest_mask(x: Node) -> Node:
    scores = op.matmul(heads(linear(x)), heads(linear(x)), False, True)
    scores = op.maximum(op.add(scores, op.multiply(op.convert(mask(), "f32"), number(LOWEST))), number(LOWEST))
    return joined(op.matmul(op.softmax(scores, -1), heads(linear(x)), False, False))


def capped(x: Node) -> Node:
    scores = op.divide(op.matmul(linear(x), linear(x), False, True), number(30))
    scores = op.multiply(op.tanh(scores), number(30))
    return op.matmul(op.softmax(scores, -1), linear(x), False, False)


def einsum(x: Node) -> Node:
    q, k, v = (op.reshape(linear(x), np.array([0, 0, HEADS, WIDTH // HEADS]), True) for _ in range(3))
    scores = op.multiply(op.einsum([q, k], "bqhd,bkhd->bhqk"), number(0.5))
    return op.einsum([op.softmax(scores, -1), v], "bhqk,bkhd->bqhd")


def moved_between(x: Node) -> Node:
    flat = op.reshape(op.matmul(heads(linear(x)), heads(linear(x)), False, True), np.array([-1, TIME]), False)
    back = op.reshape(op.softmax(flat, -1), np.array([1, HEADS, TIME, TIME]), False)
    turned = op.transpose(op.transpose(back, np.array([0, 1, 3, 2])), np.array([0, 1, 3, 2]))
    return joined(op.matmul(op.convert(turned, "f32"), heads(linear(x)), False, False))


def grouped_heads(x: Node) -> Node:
    def shared() -> Node:
        one = op.unsqueeze(op.reshape(linear(x, 2 * 4), np.array([0, 0, 2, 4]), True), np.array([3]))
        many = op.broadcast(one, np.array([1, TIME, 2, 2, 4]))
        return op.transpose(op.reshape(many, np.array([0, 0, HEADS, 4]), True), np.array([0, 2, 1, 3]))

    scores = op.multiply(op.matmul(heads(linear(x)), shared(), False, True), number(0.5))
    return joined(op.matmul(op.softmax(scores, -1), shared(), False, False))


def cached_keys(x: Node) -> Node:
    keys = op.concat([weight(1, 4, WIDTH), linear(x)], 1)
    scores = op.matmul(linear(x), keys, False, True)
    return op.matmul(op.softmax(scores, -1), op.concat([weight(1, 4, WIDTH), linear(x)], 1), False, False)


def fused(x: Node) -> Node:
    return joined(op.scaled_dot_product_attention(*(heads(linear(x)) for _ in range(3))))


def quantized(x: Node) -> Node:
    def fake(node: Node) -> Node:
        return op.fake_quantize(node, number(-4), number(4), number(-4), number(4), 256)

    scores = op.matmul(fake(linear(x)), fake(linear(x)), False, True)
    return op.matmul(fake(op.softmax(fake(scores), -1)), fake(linear(x)), False, False)


def behind_a_classifier(x: Node) -> Node:
    return op.softmax(linear(plain(x)), -1)


def saved(folder: Path, model: Model, *, half: bool = False) -> dict[str, Any]:
    x = op.parameter([1, TIME, WIDTH], np.float32, name="x")
    y = model(x)
    ov.save_model(ov.Model([op.result(y)], [x]), folder / "m.xml", compress_to_fp16=half)
    found: dict[str, Any] = signature({"model": str(folder / "m.xml")}, lambda *_: None)
    return found


ATTENTION = [
    plain,
    scaled_before,
    scaled_after,
    added_mask,
    selected_mask,
    lowest_mask,
    capped,
    einsum,
    moved_between,
    grouped_heads,
    cached_keys,
    fused,
    quantized,
    behind_a_classifier,
]


@pytest.mark.parametrize("half", [False, True], ids=["full", "half"])
@pytest.mark.parametrize("model", ATTENTION)
def test_attention_is_found_in_every_form(tmp_path: Path, model: Model, half: bool) -> None:
    assert saved(tmp_path, model, half=half)["attention"] is True


def no_softmax(x: Node) -> Node:
    return linear(op.relu(linear(x)))


def classifier(x: Node) -> Node:
    return op.softmax(linear(x), -1)


def stacked_classifier(x: Node) -> Node:
    """A soft choice between classes, whose embeddings are weights."""
    return op.matmul(op.softmax(linear(x), -1), weight(WIDTH, 5), False, False)


def stacked_classifier_of_half_weights(x: Node) -> Node:
    return op.matmul(op.softmax(linear(x, half=True), -1), weight(WIDTH, 5, half=True), False, False)


def softmax_pooling(x: Node) -> Node:
    """The mean of all steps, weighted by a layer's opinion of each."""
    opinion = op.softmax(op.matmul(x, weight(WIDTH, 1), False, False), 1)
    return op.matmul(opinion, x, True, False)


def pooling_through_unpacked_weights(x: Node) -> Node:
    packed = op.convert(op.constant(RNG.integers(-9, 9, (WIDTH, 1)).astype(np.int8)), "f32")
    unpacked = op.multiply(op.subtract(packed, number(1)), number(0.1))
    return op.matmul(op.softmax(op.matmul(x, unpacked, False, False), 1), x, True, False)


def mixture_of_experts(x: Node) -> Node:
    gate = op.softmax(linear(x, 3), -1)
    experts = op.concat([op.unsqueeze(linear(x), np.array([2])) for _ in range(3)], 2)
    return op.matmul(op.unsqueeze(gate, np.array([2])), experts, False, False)


def convolution_with_a_gate(x: Node) -> Node:
    image = op.unsqueeze(x, np.array([1]))
    features = op.convolution(image, weight(8, 1, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1])
    gate = op.softmax(op.reduce_mean(features, np.array([2, 3]), True), 1)
    return op.convolution(op.multiply(features, gate), weight(4, 8, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1])


def similarity(x: Node) -> Node:
    return op.softmax(op.matmul(linear(x), linear(x), False, True), -1)


def products_before_and_no_softmax_between(x: Node) -> Node:
    return op.matmul(op.relu(op.matmul(linear(x), linear(x), False, True)), linear(x), False, False)


NO_ATTENTION = [
    no_softmax,
    classifier,
    stacked_classifier,
    stacked_classifier_of_half_weights,
    softmax_pooling,
    pooling_through_unpacked_weights,
    mixture_of_experts,
    convolution_with_a_gate,
    similarity,
    products_before_and_no_softmax_between,
]


@pytest.mark.parametrize("half", [False, True], ids=["full", "half"])
@pytest.mark.parametrize("model", NO_ATTENTION)
def test_a_softmax_that_is_none_is_none(tmp_path: Path, model: Model, half: bool) -> None:
    assert saved(tmp_path, model, half=half)["attention"] is False


def test_the_types_of_all_operations_are_listed_once_in_order(tmp_path: Path) -> None:
    types = saved(tmp_path, plain)["types"]
    assert [*types] == sorted(set(types))
    assert {"Add", "MatMul", "Softmax"} <= set(types)
    assert {"Convolution", "Constant", "Parameter", "Result"}.isdisjoint(types)
    assert "ScaledDotProductAttention" in saved(tmp_path, fused)["types"]


def test_the_real_speech_model_has_attention() -> None:
    fetched, faults = fetch_model(MODEL_SOURCE, MODEL_SHA256, folder=ROOT, store=Store())
    assert fetched is not None, faults
    found = signature({"model": str(fetched.root / fetched.entry)}, lambda *_: None)
    assert found["attention"] is True
    assert {"MatMul", "Softmax"} <= set(found["types"])
