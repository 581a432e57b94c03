"""A model as a device's compiler sees it, under names that stay."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from fusion import toys
from npuspec.diagnostics import SpecError
from npuspec.fusion.prepare import look, prepare


def test_what_batchnorm_went_into_keeps_its_name() -> None:
    toy = toys.cnn()
    graph = prepare(toy)
    found = {node.get_friendly_name(): node.get_type_name() for node in toy.get_ordered_ops()}
    assert [found[f"conv{n}"] for n in range(3)] == ["Convolution"] * 3
    assert [graph.types[f"bn{n}"] for n in range(3)] == ["BatchNormInference"] * 3


def test_an_activation_that_was_written_out_is_named_after_its_last_operation() -> None:
    def hswish(value: object) -> object:
        gate = op.clamp(op.add(value, op.constant(np.float32(3))), 0.0, 6.0)
        return toys.named(op.multiply(value, op.divide(gate, op.constant(np.float32(6)))), "product")

    [chain] = prepare(toys.after_convolution(last=hswish)).chains
    assert [(link.name, link.type) for link in chain.links] == [("conv", "Convolution"), ("last", "HSwish")]


def test_names_have_nothing_that_separates_them_in_an_answer() -> None:
    x = toys.port("x", 1, 8, 32, 32)
    clashing = toys.named(op.relu(toys.convolved(x, "a,b")), "a?b")
    toy = toys.model({"y": toys.named(op.sin(clashing), "a b")}, x)
    prepare(toy)
    names = [node.get_friendly_name() for node in toy.get_ordered_ops()]
    assert not any(set(name) & set(",? ") for name in names)
    assert len(names) == len({*names})


def test_ports_are_told_as_callers_know_them() -> None:
    x = toys.port("x", 1, 4, dtype=np.int64)
    toy = toys.model({"y": op.convert(op.convert(x, np.int64), np.float32)}, x)
    graph = prepare(toy)
    assert [(port.name, port.dtype) for port in graph.inputs.values()] == [("x", "int64")]
    assert [(port.name, port.dtype) for port in graph.outputs.values()] == [("y", "float32")]


def test_a_model_without_sizes_is_refused(tmp_path: Path) -> None:
    x = op.parameter(ov.PartialShape([-1, 4]), np.float32, name="x")
    path = toys.write(toys.model({"y": op.relu(x)}, x), tmp_path / "toy.xml")
    with pytest.raises(SpecError) as caught:
        look({"model": str(path), "prepared": str(tmp_path / "p.xml")}, lambda _done, _total: None)
    assert caught.value.code == "dynamic-dimension"
