"""Models that NPU compilers refuse, one for each reason, as small as they can be."""

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as op


def _convolved(*sizes: int | ov.Dimension) -> ov.Model:
    x = op.parameter(ov.PartialShape([1, 3, *sizes]), np.float32, name="x")
    weights = np.ones((8, 3, 3, 3), np.float32)
    made = op.convolution(x, op.constant(weights), [1, 1], [1, 1], [1, 1], [1, 1], name="filter")
    return ov.Model([op.relu(made, name="cut")], [x])


def fine() -> ov.Model:
    return _convolved(8, 8)


def unbounded() -> ov.Model:
    return _convolved(-1, 32)


def bounded() -> ov.Model:
    return _convolved(ov.Dimension(8, 64), 32)


def joined() -> ov.Model:
    """Bounded sizes that are joined: the compiler's process ends."""
    ports = [op.parameter(ov.PartialShape([1, ov.Dimension(1, 16), 64]), np.float32, name=name) for name in "xy"]
    return ov.Model([op.concat([*ports], 1, name="joined")], ports)


def any_rank() -> ov.Model:
    x = op.parameter(ov.PartialShape.dynamic(), np.float32, name="x")
    return ov.Model([op.relu(x)], [x])


def strings() -> ov.Model:
    x = op.parameter([4], ov.Type.string, name="x")
    from openvino import opset15  # noqa: PLC0415  the only one that has it

    return ov.Model([opset15.string_tensor_unpack(x).output(2)], [x])


def bfloat16() -> ov.Model:
    x = op.parameter([1, 64], ov.Type.bf16, name="x")
    return ov.Model([op.relu(x, name="cut")], [x])


def unique() -> ov.Model:
    x = op.parameter([1, 64], np.float32, name="x")
    return ov.Model([op.unique(op.relu(x), name="sorted").output(0)], [x])


def eight_axes() -> ov.Model:
    x = op.parameter([1, *[2] * 7], np.float32, name="x")
    return ov.Model([op.transpose(x, op.constant(np.arange(8)[::-1].copy()), name="turned")], [x])


def eye() -> ov.Model:
    x = op.parameter([], np.int32, name="x")
    return ov.Model([op.eye(x, x, op.constant(0), "f32", name="diagonal")], [x])


def write(model: ov.Model, folder: Path) -> Path:
    ov.save_model(model, folder / "model.xml", compress_to_fp16=False)
    return folder / "model.xml"
