"""Which models make a spectrum of their input in themselves: in any form of it, and none that only looks like one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
import tomli
from openvino import opset13 as op
from openvino import opset15

from conftest import ROOT
from npuspec.facts.inspect import signature
from npuspec.sources import fetch_model
from npuspec.store import Store

RNG = np.random.default_rng(0)
TIME, WINDOW, HOP, BINS, MELS = 400, 64, 32, 33, 8

Node = Any
Model = Callable[[Node], Node]


def number(value: float) -> Node:
    return op.constant(np.float32(value))


def weight(*shape: int) -> Node:
    return op.constant(RNG.standard_normal(shape).astype(np.float32))


def half(*shape: int) -> Node:
    """A weight as `compress_to_fp16` writes it."""
    return op.convert(op.constant(RNG.standard_normal(shape).astype(np.float16)), "f32")


def row(x: Node) -> Node:
    return op.unsqueeze(x, np.array([1]))


def filtered(x: Node, name: str, kernel: Node | None = None) -> Node:
    kernel = weight(BINS, 1, WINDOW) if kernel is None else kernel
    return op.convolution(row(x), kernel, [HOP], [0], [0], [1], name=name)


def frames(x: Node) -> Node:
    index = np.arange(0, TIME - WINDOW + 1, HOP)[:, None] + np.arange(WINDOW)
    return op.gather(x, op.constant(index), op.constant(1))


def squared(x: Node, name: str) -> Node:
    return op.power(x, number(2), name=name)


def loudness(x: Node) -> Node:
    return op.log(op.maximum(x, number(1e-10)), name="log")


def mel(power: Node) -> Node:
    """A filter bank over [batch, bins, frames]."""
    return op.matmul(op.transpose(power, np.array([0, 2, 1])), weight(BINS, MELS), False, False, name="mel")


def convolutions(x: Node) -> Node:
    return loudness(mel(op.add(squared(filtered(x, "re"), "re2"), squared(filtered(x, "im"), "im2"), name="sum")))


def convolutions_of_half_weights(x: Node) -> Node:
    real = op.power(filtered(x, "re", half(BINS, 1, WINDOW)), op.convert(op.constant(np.float16(2)), "f32"), name="re2")
    imaginary = squared(filtered(x, "im", half(BINS, 1, WINDOW)), "im2")
    return loudness(mel(op.add(real, imaginary, name="sum")))


def products(x: Node) -> Node:
    """Frames with a window, and the transform as a matrix."""
    windowed = op.multiply(frames(x), weight(WINDOW), name="window")
    parts = [op.matmul(windowed, weight(WINDOW, BINS), False, False, name=name) for name in ("re", "im")]
    power = op.add(*(op.multiply(part, part) for part in parts), name="sum")
    return op.log(op.add(op.matmul(power, weight(BINS, MELS), False, False, name="mel"), number(1e-6)), name="log")


def pre_emphasised(x: Node) -> Node:
    sharp = op.convolution(row(x), weight(1, 1, 2), [1], [0], [0], [1], name="sharp")
    transformed = op.convolution(sharp, weight(2 * BINS, 1, WINDOW), [HOP], [0], [0], [1], name="transform")
    halves = op.split(transformed, op.constant(1), 2)
    power = op.add(squared(halves.output(0), "re2"), squared(halves.output(1), "im2"))
    return loudness(mel(op.sqrt(power)))


def fourier(x: Node) -> Node:
    bins = op.rdft(op.multiply(frames(x), weight(WINDOW)), np.array([2]))
    return loudness(op.reduce_sum(op.multiply(bins, bins), np.array([3]), False))


def magnitude(x: Node) -> Node:
    bins = op.rdft(op.multiply(frames(x), weight(WINDOW)), np.array([2]))
    return loudness(mel(op.transpose(op.reduce_l2(bins, np.array([3]), False), np.array([0, 2, 1]))))


def stft(x: Node) -> Node:
    bins = opset15.stft(x, weight(WINDOW), op.constant(WINDOW), op.constant(HOP), True)
    return loudness(op.reduce_sum(squared(bins, "2"), np.array([3]), False))


def normalised_sound(x: Node) -> Node:
    centred = op.subtract(x, op.reduce_mean(x, np.array([1]), True))
    return convolutions(op.divide(centred, op.sqrt(op.reduce_mean(squared(centred, "v"), np.array([1]), True))))


def decibels(x: Node) -> Node:
    return op.multiply(op.log(mel(squared(filtered(x, "re"), "2")), name="log"), number(10 / np.log(10)))


def before_a_network(x: Node) -> Node:
    layer = op.relu(op.matmul(convolutions(x), weight(MELS, 4), False, False, name="layer"))
    return op.log(op.add(op.matmul(squared(layer, "square"), weight(4, 4), False, False), number(1)), name="last")


def seen(folder: Path, model: Model) -> Any:
    x = op.parameter([1, TIME], np.float32, name="x")
    x.output(0).set_names({"x"})
    ov.save_model(ov.Model([op.result(model(x))], [x]), folder / "m.xml", compress_to_fp16=False)
    return signature({"model": str(folder / "m.xml")}, lambda *_: None)["front_end"]


SPECTRA = [
    convolutions,
    convolutions_of_half_weights,
    products,
    pre_emphasised,
    fourier,
    magnitude,
    stft,
    normalised_sound,
    decibels,
    before_a_network,
]


@pytest.mark.parametrize("model", SPECTRA)
def test_a_spectrum_is_found_in_every_form(tmp_path: Path, model: Model) -> None:
    found = seen(tmp_path, model)
    assert found is not None
    assert (found["inputs"], len(found["outputs"])) == (("x",), 1)


def test_what_can_be_quantized_of_it_is_all_up_to_the_logarithm(tmp_path: Path) -> None:
    found = seen(tmp_path, before_a_network)
    assert found["outputs"] == ("log",)
    assert found["operations"] == {
        "im": "Convolution",
        "im2": "Power",
        "mel": "MatMul",
        "re": "Convolution",
        "re2": "Power",
        "sum": "Add",
    }


def learned(x: Node) -> Node:
    """A network whose last layer is squared: an activation stands between."""
    hidden = op.relu(filtered(x, "conv"))
    return loudness(op.reduce_mean(squared(hidden, "2"), np.array([2]), False))


def without_a_logarithm(x: Node) -> Node:
    return mel(squared(filtered(x, "re"), "2"))


def without_a_square(x: Node) -> Node:
    return loudness(mel(filtered(x, "re")))


def cubed(x: Node) -> Node:
    return loudness(mel(op.power(filtered(x, "re"), number(3))))


def squared_before_the_filter(x: Node) -> Node:
    return loudness(filtered(squared(x, "2"), "conv"))


def variance(x: Node) -> Node:
    centred = op.subtract(x, op.reduce_mean(x, np.array([1]), True))
    return loudness(op.reduce_mean(squared(centred, "2"), np.array([1]), False))


def correlated(x: Node) -> Node:
    """A product of two things that depend on the input is attention, not a filter."""
    return loudness(squared(op.matmul(frames(x), frames(x), False, True), "2"))


def looked_up(x: Node) -> Node:
    """Rows of a table, as of words."""
    words = op.gather(weight(50, MELS), op.convert(x, "i32"), op.constant(0))
    return loudness(squared(op.matmul(words, weight(MELS, 4), False, False), "2"))


def of_its_shape_alone(x: Node) -> Node:
    size = op.reshape(op.convert(op.shape_of(x), "f32"), np.array([1, 2]), False)
    places = loudness(squared(op.matmul(size, weight(2, 4), False, False), "2"))
    return op.multiply(op.reduce_sum(places, np.array([0, 1]), False), x)


def many_layers(x: Node) -> Node:
    for _ in range(7):
        x = op.matmul(x, weight(TIME, TIME), False, False)
    return loudness(squared(x, "2"))


@pytest.mark.parametrize(
    "model",
    [
        learned,
        without_a_logarithm,
        without_a_square,
        cubed,
        squared_before_the_filter,
        variance,
        correlated,
        looked_up,
        of_its_shape_alone,
        many_layers,
    ],
)
def test_what_only_looks_like_a_spectrum_is_none(tmp_path: Path, model: Model) -> None:
    assert seen(tmp_path, model) is None


@pytest.mark.parametrize("spec", ["asr", "text", "ocr", "files"])
def test_of_the_real_models_only_the_one_for_speech_has_a_spectrum(spec: str) -> None:
    told = tomli.loads((ROOT / f"specs/{spec}.toml").read_text("utf-8"))
    fetched, faults = fetch_model(told["model"]["source"], told["model"]["sha256"], folder=ROOT, store=Store())
    assert fetched is not None, faults
    found = signature({"model": str(fetched.root / fetched.entry)}, lambda *_: None)["front_end"]
    if spec != "asr":
        assert found is None
        return
    assert (found["inputs"], found["outputs"]) == (("waveform",), ("/Log",))
    assert {*found["operations"]} == {"/Conv", "/Conv_1", "/Pow", "/Pow_1", "/Add", "/MatMul"}
