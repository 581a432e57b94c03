"""Which operations belong to a chain."""

import pytest
from openvino import opset13 as op

from fusion import toys
from npuspec.fusion.chains import find_chains
from npuspec.fusion.prepare import prepare


def names(toy: object) -> list[list[str]]:
    return [[link.name for link in chain.links] for chain in prepare(toy).chains]


def test_a_sum_of_whole_tensors_is_no_bias() -> None:
    assert names(toys.joined(1, 8, 32, 32)) == []


def test_what_scales_behind_a_bias_belongs_to_something_else() -> None:
    x = toys.port("x", 1, 8, 32, 32)
    biased = toys.named(op.add(toys.convolved(x), toys.constant(1, 8, 1, 1)), "bias")
    scaled = op.multiply(biased, toys.constant(1, 8, 1, 1))
    assert names(toys.model({"y": op.relu(scaled), "biased": biased}, x)) == [["conv", "bias"]]


def test_a_product_of_activations_has_no_bias() -> None:
    x, y = toys.port("x", 1, 16, 64), toys.port("y", 1, 64, 16)
    mask = toys.port("mask", 1, 1, 16)
    scores = op.add(op.matmul(x, y, transpose_a=False, transpose_b=False), mask)
    assert names(toys.model({"scores": op.relu(scores)}, x, y, mask)) == []


def test_a_chain_ends_with_its_activation() -> None:
    toy = toys.after_convolution(op.tanh)
    [chain] = prepare(toy).chains
    assert [link.type for link in chain.links] == ["Convolution", "Tanh"]


@pytest.mark.parametrize("shape", [(1, 8, 1, 1), (8, 1, 1), (1,), ()])
def test_a_constant_for_each_channel_hinders_nothing(shape: tuple[int, ...]) -> None:
    [chain] = prepare(toys.biased(*shape)).chains
    assert ([link.name for link in chain.links], chain.obstacles) == (["conv", "bias", "last"], ())


def test_an_output_is_a_consumer_too() -> None:
    x = toys.port("x", 1, 8, 32, 32)
    value = toys.convolved(x)
    toy = toys.model({"raw": value, "y": toys.named(op.relu(value), "last")}, x)
    [chain] = prepare(toy).chains
    assert [(o.behind, o.before, o.cause, o.by) for o in chain.obstacles] == [("conv", "last", "consumer", "an output")]


def test_a_root_alone_is_no_normalisation() -> None:
    x = toys.port("x", 1, 16, 64)
    toy = toys.model({"y": op.divide(x, op.sqrt(op.add(x, op.constant(1.0, dtype="f4"))))}, x)
    assert [*find_chains(toy.get_ordered_ops(), {})] == []
