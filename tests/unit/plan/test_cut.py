"""Outputs that can't be cut to their valid part are refused."""

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from msgspec import structs
from openvino import opset13 as op

from builders import BUCKETS, DATA, GATE, SMALL, lengths_of, spec_of
from npuspec.bundle.program import Extent
from npuspec.plan import prepare
from npuspec.plan.passes.cut import check_lengths
from npuspec.store import Store
from toy_specs import write

JOINED = """npuspec = 1

[model]
source = "model/model.xml"

[target]
device = "CPU"

[dims.ta]
strategy = "pad"
size = 8
overflow = "error"

[dims.tb]
strategy = "pad"
size = 12
overflow = "error"

[inputs.a]
shape = ["batch", "ta"]

[inputs.b]
shape = ["batch", "tb"]
"""


def test_an_output_whose_length_was_not_found_is_a_fault() -> None:
    spec = spec_of(SMALL)
    lengths = structs.replace(lengths_of(spec), failures={"y": "axis 1 from `time`: no rule"})
    [fault] = check_lengths(spec, lengths)
    assert (fault.code, fault.labels[0].path) == ("unknown-length", ("outputs", "y"))
    assert "no rule" in fault.message
    assert "[outputs.y]" in fault.help


def test_a_selection_on_an_axis_that_does_not_follow_says_which_do() -> None:
    text = SMALL + '[outputs.y]\nselect = { kind = "last-valid", dim = "time", axis = 2 }\n'
    [fault] = check_lengths(spec_of(text), lengths_of(spec_of(text)))
    assert (fault.code, fault.labels[0].path) == ("wrong-selection", ("outputs", "y", "select", "axis"))
    assert fault.help == "what follows: axis 1 from `time`"
    none = structs.replace(lengths_of(spec_of(text)), extents={"y": ()})
    assert check_lengths(spec_of(text), none)[0].help == "no axis of it follows from any dimension"


@pytest.mark.parametrize(
    ("shape", "kind", "faults"),
    [
        ((1, 64, 8), "last-valid", 0),
        ((1, 64, 1), "last-valid", 1),
        ((1, 64), "masked-mean", 1),
        ((1, 64), "zero-invalid", 0),
        ((1, 64, 1), "zero-invalid", 1),
    ],
)
def test_what_is_left_of_an_output_must_have_classes_to_be_gated(
    shape: tuple[int, ...], kind: str, faults: int
) -> None:
    spec = spec_of(SMALL + DATA + GATE + f'[outputs.y]\nselect = {{ kind = "{kind}", dim = "time" }}\n')
    found = check_lengths(spec, structs.replace(lengths_of(spec), shapes={"y": shape}))
    assert [fault.code for fault in found] == ["empty-gate"] * faults


def test_an_axis_that_follows_from_two_dimensions_at_once_is_a_fault(tmp_path: Path) -> None:
    first, second = (op.parameter([1, -1], np.float32, name=name) for name in ("a", "b"))
    joined = op.concat([first, second], axis=1)
    for node, name in ((first, "a"), (second, "b"), (joined, "y")):
        node.output(0).set_names({name})
    model = ov.Model([op.result(joined)], [first, second], "joined")
    write(tmp_path / "model", model)
    (tmp_path / "spec.toml").write_text(JOINED)
    _, prepared, [fault] = prepare(tmp_path / "spec.toml", Store(tmp_path / "store"))
    assert prepared is None
    assert (fault.code, fault.labels[0].path) == ("unknown-length", ("outputs", "y"))
    assert "`ta` and `tb` at once" in fault.message


@pytest.mark.parametrize("shape", [(), (64, 8), (2, 64)])
def test_an_output_that_does_not_begin_with_the_batch_is_a_fault(shape: tuple[int, ...]) -> None:
    spec = spec_of(SMALL)
    faults = check_lengths(spec, structs.replace(lengths_of(spec), shapes={"y": shape}))
    assert [(f.code, f.labels[0].path) for f in faults] == [("output-batch", ("batching",))]


def test_a_size_below_the_model_s_shortest_is_a_fault() -> None:
    spec = spec_of(BUCKETS)
    [fault] = check_lengths(spec, lengths_of(spec, minimum=20))
    assert (fault.code, fault.labels[0].path) == ("wrong-size", ("dims", "time"))
    assert fault.message == "the model takes no `time` below 20"


@pytest.mark.parametrize(("scale", "divisor", "faults"), [(1, 1, 0), (1, 2, 1), (2, 1, 1)])
def test_left_padding_before_another_step_is_a_fault(scale: int, divisor: int, faults: int) -> None:
    spec = spec_of(SMALL.replace('["batch", "time"]', '["batch", "time"]\npad-side = "left"'))
    extent = Extent(dim="time", axis=1, scale=scale, divisor=divisor)
    found = check_lengths(spec, structs.replace(lengths_of(spec), extents={"y": (extent,)}))
    assert [fault.code for fault in found] == ["unknown-length"] * faults


def test_a_gate_on_frames_of_one_value_is_a_fault() -> None:
    gate = '[data]\nsource = "samples/*.npy"\ninput = "x"\n[[gates]]\nmetric = "frame-agreement"\noutput = "y"\n'
    spec = spec_of(SMALL + gate + 'of = "static"\nagainst = "original"\nmin = 0.9\n')
    [fault] = check_lengths(spec, structs.replace(lengths_of(spec), shapes={"y": (1, 64, 1)}))
    assert (fault.code, fault.labels[0].path) == ("empty-gate", ("gates", 0, "output"))
