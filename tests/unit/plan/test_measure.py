"""What is measured of a spec's model: one dimension at several sizes, with lengths and masks as they would be."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from npuspec.diagnostics import SpecError
from npuspec.plan import Prepared, prepare
from npuspec.plan.measure import measurable
from npuspec.spec import Spec, validate
from npuspec.store import Store

SPEC = """npuspec = 1

[model]
source = "m.xml"

[target]
device = "CPU"

[dims.time]
strategy = "buckets"
sizes = [8, 16]
overflow = "error"

[dims.width]
strategy = "pad"
size = 4
overflow = "error"

[inputs.x]
shape = ["batch", "time"]

[inputs.z]
shape = ["batch", 3, "width"]

[inputs.m]
role = "mask"
of = "x"

[inputs.n]
role = "length"
of = "z"

[batching]
size = 2
"""


def two_dims() -> ov.Model:
    """Return a model of x [b, time], z [b, 3, width], the mask m of x and the lengths n of z."""
    shapes: dict[str, tuple[list[int], Any]] = {
        "x": ([-1, -1], np.float32),
        "z": ([-1, 3, -1], np.float32),
        "m": ([-1, -1], np.int64),
        "n": ([-1], np.int64),
    }
    ports = {name: op.parameter(shape, kind, name=name) for name, (shape, kind) in shapes.items()}
    masked = op.multiply(ports["x"], op.convert(ports["m"], "f32"))
    scaled = op.multiply(ports["z"], op.reshape(op.convert(ports["n"], "f32"), np.array([-1, 1, 1]), False))
    for name, node in ports.items():
        node.output(0).set_names({name})
    for name, node in (("y", masked), ("w", scaled)):
        node.output(0).set_names({name})
    return ov.Model([op.result(masked), op.result(scaled)], [*ports.values()], "two")


@pytest.fixture
def known(tmp_path: Path) -> tuple[Spec, Prepared, Store]:
    ov.save_model(two_dims(), tmp_path / "m.xml", compress_to_fp16=False)
    (tmp_path / "s.toml").write_text(SPEC)
    store = Store(tmp_path / "store")
    document, prepared, faults = prepare(tmp_path / "s.toml", store)
    spec, _ = validate(document)
    assert spec is not None
    assert prepared is not None, faults
    return spec, prepared, store


def test_the_other_dimension_is_at_its_largest_and_every_input_is_filled(
    known: tuple[Spec, Prepared, Store],
) -> None:
    spec, prepared, store = known
    found = measurable(spec, prepared, "width", store)
    assert found.shapes == {"x": (2, "time"), "z": (2, 3, "width"), "m": (2, "time"), "n": (2,)}
    assert found.fills == {"x": 0, "z": 0, "m": 1, "n": "width"}
    assert found.largest == {"time": 16, "width": 4}
    assert (found.dim, found.minimum) == ("width", 1)
    times = found.measure([1, 400], "CPU", lambda *_: None)
    assert [*times] == [1, 400]
    assert all(milliseconds > 0 for milliseconds in times.values())


@pytest.mark.parametrize(("dim", "said"), [(None, "2 padded dimensions, and none is named"), ("x", "dimension `x`")])
def test_which_dimension_is_meant_must_be_clear(
    known: tuple[Spec, Prepared, Store], dim: str | None, said: str
) -> None:
    spec, prepared, store = known
    with pytest.raises(SpecError, match=said) as raised:
        measurable(spec, prepared, dim, store)
    assert raised.value.code == "wrong-argument"
    assert "`time`, `width`" in raised.value.diagnostics[0].help
