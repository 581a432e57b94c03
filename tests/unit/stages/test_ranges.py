"""Ranges that a mask has ruined are found wherever NNCF lets it, and what is named mends them."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import nncf
import numpy as np
import openvino as ov
import pytest
import tomli
from openvino import opset13 as op

from conftest import ROOT
from npuspec.sources import fetch_model
from npuspec.stages.ranges import ruined_ranges
from npuspec.store import Store

TIME, WIDTH = 12, 16
LOWEST = float(np.finfo(np.float32).min)
Node = Any
Toy = Callable[[Node, Node, float, np.random.Generator], Node]
PERFORMANCE, MIXED = nncf.QuantizationPreset.PERFORMANCE, nncf.QuantizationPreset.MIXED

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:nncf", "ignore::RuntimeWarning:numpy")


def weight(rng: np.random.Generator, *shape: int) -> Node:
    return op.constant(rng.standard_normal(shape).astype(np.float32))


def number(value: float) -> Node:
    return op.constant(np.float32(value))


def mask_of(there: Node, value: float, axis: int = 1) -> Node:
    """What is added where nothing is there, as most exported models have it."""
    return op.unsqueeze(op.multiply(op.subtract(number(1), there), number(value)), np.array([axis]))


def products(x: Node, rng: np.random.Generator) -> tuple[Node, Node]:
    query, key, value = (op.matmul(x, weight(rng, WIDTH, WIDTH), False, False) for _ in range(3))
    return op.multiply(op.matmul(query, key, False, True), number(0.25), name="scores"), value


def attended(scores: Node, value: Node) -> Node:
    return op.matmul(op.softmax(scores, -1), value, False, False, name="out")


def attention(x: Node, there: Node, value: float, rng: np.random.Generator) -> Node:
    scores, values = products(x, rng)
    return attended(op.add(scores, mask_of(there, value), name="masked"), values)


def tempered(x: Node, there: Node, value: float, rng: np.random.Generator) -> Node:
    """A mask that stands before something that is quantized: what isn't masked lies in one range with it."""
    scores, values = products(x, rng)
    warmth = op.add(op.abs(op.reduce_mean(x, np.array([1, 2]), True)), number(1))
    return attended(op.divide(op.add(scores, mask_of(there, value)), warmth, name="tempered"), values)


def selected(x: Node, there: Node, value: float, rng: np.random.Generator) -> Node:
    scores, values = products(x, rng)
    absent = op.unsqueeze(op.equal(there, number(0)), np.array([1]))
    warmth = op.add(op.abs(op.reduce_mean(x, np.array([1, 2]), True)), number(1))
    return attended(op.divide(op.select(absent, number(value), scores), warmth, name="tempered"), values)


def largest(x: Node, there: Node, value: float, rng: np.random.Generator) -> Node:
    """The largest step of all that are there, for a layer that follows it."""
    steps = op.relu(op.matmul(x, weight(rng, WIDTH, WIDTH), False, False))
    masked = op.add(steps, mask_of(there, value, 2), name="masked")
    return op.matmul(op.reduce_max(masked, np.array([1]), False), weight(rng, WIDTH, WIDTH), False, False, name="out")


def unmasked(x: Node, _there: Node, value: float, rng: np.random.Generator) -> Node:
    """No mask at all, and numbers as large as one."""
    scores, values = products(op.multiply(x, number(value)), rng)
    return attended(scores, values)


def made(toy: Toy, value: float) -> ov.Model:
    x = op.parameter([1, TIME, WIDTH], np.float32, name="x")
    there = op.parameter([1, TIME], np.float32, name="there")
    for node, name in ((x, "x"), (there, "there")):
        node.output(0).set_names({name})
    y = toy(x, there, value, np.random.default_rng(0))
    return ov.Model([op.result(y)], [x, there])


def samples(least: int = 2) -> Iterator[dict[str, Any]]:
    """Samples of which fewer and fewer steps are there, down to `least`."""
    for count in range(TIME, least - 1, -2):
        there = np.zeros((1, TIME), np.float32)
        there[:, :count] = 1
        yield {"x": np.random.default_rng(count).standard_normal((1, TIME, WIDTH)).astype(np.float32), "there": there}


def quantized(
    model: ov.Model, preset: Any, *, least: int = 2, keep: tuple[str, ...] = (), given: Any = None
) -> ov.Model:
    data = [*samples(least)] if given is None else given
    scope = nncf.IgnoredScope(names=[*keep])
    result: ov.Model = nncf.quantize(model, nncf.Dataset(data), preset=preset, ignored_scope=scope)
    return result


def likeness(one: ov.Model, other: ov.Model) -> float:
    """The worst correlation of two models' outputs."""
    first, second = (ov.compile_model(model, "CPU") for model in (one, other))
    return min(float(np.nan_to_num(np.corrcoef(first(s)[0].ravel(), second(s)[0].ravel())[0, 1])) for s in samples())


def kept(traps: list[dict[str, str]]) -> tuple[str, ...]:
    """The names that the help says to keep."""
    lists = [re.search(r"\[quantization\.keep\], names = \[(.*)\]$", trap["help"]) for trap in traps]
    return tuple(name for found in lists if found for name in re.findall(r'"(.*?)"', found[1]))


@pytest.mark.parametrize(
    ("toy", "value", "preset", "named"),
    [
        (attention, LOWEST, PERFORMANCE, ("masked",)),
        (attention, LOWEST, MIXED, ("masked",)),
        (attention, -1e9, MIXED, ("masked",)),
        (tempered, -1e4, PERFORMANCE, ("tempered",)),
        (tempered, -65504, MIXED, ("tempered",)),
        (selected, -np.inf, PERFORMANCE, ("tempered",)),
        (selected, -65504, MIXED, ("tempered",)),
        (largest, LOWEST, PERFORMANCE, ("masked", "out")),
        (largest, -1e4, MIXED, ("out",)),
    ],
)
def test_a_range_that_a_mask_ruins_is_found_and_what_is_named_mends_it(
    toy: Toy, value: float, preset: Any, named: tuple[str, ...]
) -> None:
    original = made(toy, value)
    ruined = quantized(made(toy, value), preset)
    traps = ruined_ranges(ruined)
    assert {trap["code"] for trap in traps} == {"ruined-range"}
    assert kept(traps) == named
    assert all(f"`{name}`" in "".join(trap["message"] for trap in traps) for name in named)
    mended = quantized(made(toy, value), preset, keep=named)
    assert ruined_ranges(mended) == []
    assert likeness(original, mended) > 0.9
    assert likeness(original, mended) > likeness(original, ruined) + 0.01


@pytest.mark.parametrize(
    ("toy", "value", "preset"),
    [
        (attention, -1e4, PERFORMANCE),
        (attention, -65504, MIXED),
        (tempered, -50, PERFORMANCE),
        (largest, -50, MIXED),
        (unmasked, 1e4, PERFORMANCE),
    ],
)
def test_what_8_bits_hold_is_no_trap(toy: Toy, value: float, preset: Any) -> None:
    assert ruined_ranges(quantized(made(toy, value), preset)) == []


def test_a_mask_that_no_sample_needed_is_lost_and_more_samples_are_the_mend() -> None:
    [trap] = ruined_ranges(quantized(made(attention, -1e4), PERFORMANCE, least=TIME))
    assert trap["message"].startswith("in front of `masked`, values lie in a range from 0 to ")
    assert "no sample that calibrated had anything to mask" in trap["message"]
    assert trap["help"].startswith("add samples that are padded; or in [quantization.keep], names = [")


def test_one_trap_names_all_operations_that_are_ruined_alike() -> None:
    [trap] = ruined_ranges(quantized(made(largest, LOWEST), PERFORMANCE))
    assert len(kept([trap])) == 2
    assert "from -inf to inf" in trap["message"]


@pytest.fixture(scope="module")
def sentences() -> tuple[ov.Model, list[dict[str, Any]]]:
    """The sentence encoder of specs/text.toml at 15 tokens, and sentences of several lengths."""
    source = tomli.loads((ROOT / "specs/text.toml").read_text("utf-8"))["model"]
    fetched, faults = fetch_model(source["source"], source["sha256"], folder=ROOT, store=Store())
    assert fetched is not None, faults
    model = ov.Core().read_model(fetched.root / fetched.entry)
    model.reshape({"input_ids": [1, 15], "attention_mask": [1, 15]})
    rng, given = np.random.default_rng(0), []
    for count in (5, 9, 15):
        there = (np.arange(15) < count).astype(np.int64)[None]
        given.append({"input_ids": rng.integers(1000, 20_000, (1, 15)) * there, "attention_mask": there})
    return model, given


def test_the_real_sentence_encoder_is_ruined_by_its_mask_where_nncf_is_not_told_what_it_is(
    sentences: tuple[ov.Model, list[dict[str, Any]]],
) -> None:
    model, given = sentences
    traps = ruined_ranges(quantized(model.clone(), PERFORMANCE, given=given))
    layers = [f"/model/model.0/auto_model/encoder/layer.{n}/attention/self/Add" for n in range(3)]
    assert kept(traps) == tuple(layers)
    assert "from -inf to inf" in traps[0]["message"]
    assert ruined_ranges(quantized(model.clone(), PERFORMANCE, given=given, keep=kept(traps))) == []
