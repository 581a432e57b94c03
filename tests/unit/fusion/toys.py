"""Small models, each with chains of which one thing is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

Make = Callable[[Any], Any]


def named(node: Any, name: str) -> Any:
    node.set_friendly_name(name)
    return node


def constant(*shape: int) -> Any:
    return op.constant(np.random.default_rng(0).normal(size=shape).astype(np.float32))


def port(name: str, *shape: int, dtype: Any = np.float32) -> Any:
    parameter = op.parameter([*shape], dtype, name=name)
    parameter.output(0).set_names({name})
    return parameter


def model(outputs: dict[str, Any], *inputs: Any) -> ov.Model:
    for name, node in outputs.items():
        node.output(0).set_names({name})
    return ov.Model([op.result(node, name=f"{name}/result") for name, node in outputs.items()], [*inputs], "toy")


def convolved(value: Any, name: str = "conv", channels: int = 8) -> Any:
    weights = constant(channels, channels, 3, 3)
    return named(op.convolution(value, weights, [1, 1], [1, 1], [1, 1], [1, 1]), name)


def quantized(value: Any, name: str = "quantizer") -> Any:
    low, high = op.constant(np.float32(-1)), op.constant(np.float32(1))
    return named(op.fake_quantize(value, low, high, low, high, 256), name)


def truncated(value: Any) -> Any:
    """Convert to integers and back."""
    return named(op.convert(named(op.convert(value, np.int32), "down"), np.float32), "up")


def cnn(*, tapped: bool = False) -> ov.Model:
    """Three times convolution, BatchNorm and ReLU; the second BatchNorm may be read by something else, too."""
    x = port("x", 1, 8, 32, 32)
    value, outputs = x, {}
    for number in range(3):
        value = convolved(value, f"conv{number}")
        norm = op.batch_norm_inference(value, *(op.constant(np.ones(8, np.float32)),) * 4, 1e-5)
        value = named(norm, f"bn{number}")
        if tapped and number == 1:
            outputs["tap"] = named(op.multiply(value, op.constant(np.float32(2))), "tap")
        value = named(op.relu(value), f"relu{number}")
    return model({"y": value, **outputs}, x)


def after_convolution(*makes: Make, last: Make = op.relu) -> ov.Model:
    """A convolution, something between, and an activation called `last`."""
    x = port("x", 1, 8, 32, 32)
    value = convolved(x)
    for make in makes:
        value = make(value)
    return model({"y": named(last(value), "last")}, x)


def biased(*shape: int) -> ov.Model:
    """A convolution whose bias has a shape."""
    return after_convolution(lambda value: named(op.add(value, constant(*shape)), "bias"))


def joined(*shape: int) -> ov.Model:
    """A convolution to which an input of a shape is added."""
    x, other = port("x", 1, 8, 32, 32), port("other", *shape)
    added = named(op.add(convolved(x), other), "added")
    return model({"y": named(op.relu(added), "last")}, x, other)


def normalised() -> ov.Model:
    """A MatMul with bias and GELU, and a LayerNorm as exporters write it out."""
    x = port("x", 1, 16, 64)
    value = named(op.matmul(x, constant(64, 64), transpose_a=False, transpose_b=True), "matmul")
    value = named(op.gelu(named(op.add(value, constant(1, 1, 64)), "bias"), "erf"), "gelu")
    axis, two = np.array([-1]), op.constant(np.float32(2))
    centred = named(op.subtract(value, named(op.reduce_mean(value, axis, keep_dims=True), "mean")), "centred")
    variance = named(op.reduce_mean(named(op.power(centred, two), "square"), axis, keep_dims=True), "variance")
    root = named(op.sqrt(named(op.add(variance, op.constant(np.float32(1e-5))), "epsilon")), "root")
    value = named(op.divide(centred, root), "divided")
    value = named(op.add(named(op.multiply(value, constant(64)), "gamma"), constant(64)), "beta")
    return model({"y": value}, x)


def write(toy: ov.Model, path: Path) -> Path:
    ov.save_model(toy, path, compress_to_fp16=False)
    return path


def written_out() -> ov.Model:
    """A normalisation in which OpenVINO finds none: its variance is a mean of squares less the mean's square."""
    x = port("x", 1, 16, 64)
    axis = np.array([-1])
    mean = named(op.reduce_mean(x, axis, keep_dims=True), "mean")
    squares = named(op.reduce_mean(named(op.multiply(x, x), "square"), axis, keep_dims=True), "squares")
    variance = named(op.subtract(squares, named(op.multiply(mean, mean), "mean-squared")), "variance")
    root = named(op.sqrt(named(op.add(variance, op.constant(np.float32(1e-5))), "epsilon")), "root")
    value = named(op.divide(named(op.subtract(x, mean), "centred"), root), "divided")
    return model({"y": value}, x)


def quantized_by_column(value: Any) -> Any:
    """Quantize with limits that no convolution has a place for."""
    low, high = (
        op.constant(np.linspace(sign, 2 * sign, 32, dtype=np.float32).reshape(1, 1, 1, 32)) for sign in (-1, 1)
    )
    return named(op.fake_quantize(value, low, high, low, high, 256), "quantizer")
