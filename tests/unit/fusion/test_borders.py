"""What is done to inputs and outputs: real models on this machine's CPU, and schedules."""

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as op

from fusion import toys
from fusion.seen import seen
from npuspec.fusion.borders import find_borders
from npuspec.fusion.model import Executed, Node
from npuspec.fusion.prepare import prepare


def found(toy: ov.Model, folder: Path) -> set[tuple[str, str, str, str, str]]:
    graph, executed = seen(toy, folder)
    borders = find_borders(graph, executed, "CPU")
    assert all(border.us > 0 and border.advice for border in borders)
    return {(b.side, b.port, b.what, b.caller, b.device) for b in borders}


def test_a_layout_that_the_device_changes_is_found_on_both_sides(tmp_path: Path) -> None:
    assert found(toys.cnn(), tmp_path) == {
        ("input", "x", "layout", "NCHW", "NHWC"),
        ("output", "y", "layout", "NCHW", "NHWC"),
    }


def test_what_is_advised_removes_it(tmp_path: Path) -> None:
    x = toys.port("x", 1, 32, 32, 8)
    value = op.relu(toys.convolved(op.transpose(x, np.array([0, 3, 1, 2]))))
    assert found(toys.model({"y": op.transpose(value, np.array([0, 2, 3, 1]))}, x), tmp_path) == set()


def test_a_dtype_that_the_device_converts_is_found(tmp_path: Path) -> None:
    x = toys.port("x", 1, 8, 32, 32, dtype=np.uint8)
    toy = toys.model({"y": op.relu(toys.convolved(op.convert(x, np.float32)))}, x)
    assert ("input", "x", "dtype", "uint8", "float32") in found(toy, tmp_path)


def test_a_schedule_shows_converts_of_ports() -> None:
    graph = prepare(toys.cnn())
    nodes = (
        Node(name="x", operations=("x",), type="Parameter on SHAVE", us=9.0, converts={"float16": 2.0}),
        Node(name="y/result", operations=("y/result",), type="Result on SHAVE", us=3.0, converts={"float32": 0.0}),
        Node(name="conv0", operations=("conv0",), type="Convolution on DPU", us=5.0, moves_us=1.0),
    )
    borders = find_borders(graph, Executed(nodes=nodes, whole_us=10.0), "NPU 4000")
    assert [(b.side, b.port, b.what, b.caller, b.device, b.us, b.counted) for b in borders] == [
        ("input", "x", "dtype", "float32", "float16", 2.0, True),
        ("input", "x", "layout", "", "", 1.0, True),
        ("output", "y", "dtype", "float32", "float16", 0.0, False),
    ]
