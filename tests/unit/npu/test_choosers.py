"""A string that lets OpenVINO choose is told for what it would do, and what to state instead."""

import openvino as ov
import openvino.opset13 as op
import pytest

from npuspec.npu import explain_chooser


@pytest.mark.parametrize(
    ("device", "does", "instead"),
    [
        ("AUTO", "first of the GPUs and the CPU (its own list has no NPU) that", '"NPU", and what'),
        ("AUTO:NPU,CPU", "first of NPU, CPU that is there", '"NPU", and what may take its place: fallback = ["CPU"]'),
        ("auto:CPU,NPU", "first of CPU, NPU that is there", '"CPU", and what may take its place: fallback = ["NPU"]'),
        ("AUTO:NPU", "first of NPU that is there", 'device = "NPU"'),
        ("AUTO:-CPU", "no NPU), without CPU that", '"NPU", and what'),
        ("MULTI:NPU,GPU.0", "spreads requests over NPU, GPU.0", 'device = "NPU"'),
        ("HETERO:NPU,CPU", "splits the model's operations between NPU, CPU", "fallback"),
        ("BATCH:NPU(8)", "gathers requests for NPU into batches", 'device = "NPU"'),
    ],
)
def test_it_is_told_for_what_it_does(device: str, does: str, instead: str) -> None:
    told = explain_chooser(device)
    assert told is not None
    assert told[0].startswith(f"`{device}` ")
    assert does in told[0]
    assert instead in told[1]


@pytest.mark.parametrize("device", ["NPU", "CPU", "GPU.0", "", "AUTOMATIC", "NPU.AUTO"])
def test_a_device_is_none(device: str) -> None:
    assert explain_chooser(device) is None


def test_openvino_takes_the_cpu_without_a_word() -> None:
    x = op.parameter([1], name="x")
    compiled = ov.Core().compile_model(ov.Model([op.relu(x)], [x]), "AUTO:NPU,CPU")
    assert compiled.get_property("EXECUTION_DEVICES") == ["(CPU)"]
