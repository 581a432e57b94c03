"""The original model is given what it takes: true lengths, its own inputs, the next multiple, and no state."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from msgspec import structs, to_builtins
from openvino import opset13 as op
from openvino.op.util import Variable, VariableInfo
from runtime.toys import along, data, length, mask, program

from npuspec.bundle.program import Dim, Extent, Input, Output, Program
from npuspec.diagnostics import StageError
from npuspec.stages.placed import Placed, place
from npuspec.stages.reference import Dynamic
from npuspec.stages.samples import Sample
from stages.bucketed import Build, buckets, dynamic, rows, verify
from toy_specs import write


def original(root: Path, toy: Program, build: Build, *inputs: Input, **more: Any) -> Dynamic:
    path = write(root / "original", dynamic(build, inputs or toy.inputs)) / "model.xml"
    return Dynamic(ov.Core(), path, toy, inputs or toy.inputs, **more)


def placed(toy: Program, time: int) -> Placed:
    return place(toy, Sample("a", {"x": np.arange(1, 2 * time + 1, dtype=np.float32).reshape(time, 2)}))


def fours(given: Mapping[str, Any]) -> Any:
    """Takes steps of four: y = x + the sum of its four."""
    parts = op.reshape(given["x"], op.constant([0, -1, 4, 2]), special_zero=True)
    both = op.add(parts, op.reduce_sum(parts, 2, keep_dims=True))
    return op.reshape(both, op.constant([0, -1, 2]), special_zero=True)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("time", [1, 4, 6, 8])
def test_a_model_that_takes_multiples_is_given_the_next_one_and_its_outputs_are_cut(
    side: str, time: int, tmp_path: Path
) -> None:
    toy = buckets(8, pad_side=side, pad_value=2.0)
    toy = structs.replace(toy, dims={"time": Dim(minimum=1, maximum=8, multiple=4)})
    sample = placed(toy, time)
    missing = -time % 4
    around = (0, missing) if side == "right" else (missing, 0)
    full = np.pad(sample.arrays["x"], (around, (0, 0)), constant_values=2)
    wanted = (full.reshape(-1, 4, 2) + full.reshape(-1, 4, 2).sum(1, keepdims=True)).reshape(-1, 2)
    wanted = wanted[:time] if side == "right" else wanted[len(wanted) - time :]
    np.testing.assert_allclose(original(tmp_path, toy, fours).infer(sample)["y"], wanted)


def test_a_model_that_takes_multiples_is_compared_at_lengths_between_them(tmp_path: Path) -> None:
    toy = buckets(8, 16)
    toy = structs.replace(toy, dims={"time": Dim(minimum=1, maximum=16, multiple=4)})
    agreement = verify(tmp_path, toy, fours, (3, 4, 9, 16))
    assert agreement["findings"] == []
    assert rows(agreement)["static", "original"]["max-abs-difference"] == 0


def kept(given: Mapping[str, Any]) -> Any:
    return op.multiply(given["x"], op.unsqueeze(op.convert(given["m"], "f32"), 2))


def up_to(given: Mapping[str, Any]) -> Any:
    """What `kept` does, with a length for its mask."""
    time = op.gather(op.shape_of(given["x"]), op.constant(1), op.constant(0))
    place = op.range(op.constant(np.int64(0)), time, op.constant(np.int64(1)), output_type="i64")
    return kept({"x": given["x"], "m": op.less(op.unsqueeze(place, 0), op.unsqueeze(given["n"], 1))})


def test_an_original_with_a_mask_is_held_against_a_static_model_that_takes_lengths(tmp_path: Path) -> None:
    x, m, n = data(axes=("time", 2)), mask(), length()
    toy = program(x, n, sizes=({"time": 8},), outputs=(along(),))
    theirs = [to_builtins(port) for port in (x, m)]
    agreement = verify(tmp_path, toy, up_to, (3, 8), published=dynamic(kept, [x, m]), original=theirs)
    assert rows(agreement)["static", "original"]["max-abs-difference"] == 0


@pytest.mark.parametrize("multiple", [1, 4])
@pytest.mark.parametrize(("kind", "selected"), [("last-valid", [5, 6]), ("masked-mean", [3, 4])])
def test_what_is_selected_in_the_graph_is_selected_of_the_valid_part_of_the_original_s_outputs(
    kind: str, selected: list[float], multiple: int, tmp_path: Path
) -> None:
    toy = buckets(8)
    toy = structs.replace(toy, dims={"time": Dim(minimum=1, maximum=8, multiple=multiple)})
    chosen = {"output": "y", "kind": kind, "extent": {"dim": "time", "axis": 1}}
    model = original(tmp_path, toy, lambda given: op.relu(given["x"]), selects=[chosen])
    np.testing.assert_array_equal(model.infer(placed(toy, 3))["y"], selected)


def test_what_follows_from_other_dimensions_is_cut_behind_a_selection_too(tmp_path: Path) -> None:
    left = Output(name="y", dtype="float32", extents=(Extent(dim="w", axis=1),))
    toy = program(data(axes=("h", "w")), sizes=({"h": 8, "w": 8},), outputs=(left,))
    toy = structs.replace(toy, dims={d: Dim(minimum=1, maximum=8, multiple=4) for d in ("h", "w")})
    chosen = {"output": "y", "kind": "masked-mean", "extent": {"dim": "h", "axis": 1}}
    x = op.parameter([-1, -1, -1], np.float32, name="x")
    x.output(0).set_names({"x"})
    y = op.relu(x)
    y.output(0).set_names({"y"})
    path = write(tmp_path / "original", ov.Model([op.result(y)], [x], "two")) / "model.xml"
    sample = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    model = Dynamic(ov.Core(), path, toy, toy.inputs, [chosen])
    np.testing.assert_array_equal(model.infer(place(toy, Sample("a", {"x": sample})))["y"], sample.mean(0))


def test_every_row_is_the_sample(tmp_path: Path) -> None:
    toy = buckets(8)
    model = original(tmp_path, toy, lambda given: op.relu(given["x"]))
    sample = placed(toy, 5)
    found = model.rows(sample, 3)["y"]
    assert found.shape == (3, 5, 2)
    for row in found:
        np.testing.assert_array_equal(row, sample.arrays["x"])


def test_outputs_are_the_caller_s_and_stay_when_the_next_sample_runs(tmp_path: Path) -> None:
    toy = buckets(8)
    model = original(tmp_path, toy, lambda given: op.relu(given["x"]))
    first = model.infer(placed(toy, 3))["y"]
    model.infer(placed(toy, 8))
    np.testing.assert_array_equal(first, placed(toy, 3).arrays["x"])


def test_a_sample_s_result_does_not_depend_on_those_before_it(tmp_path: Path) -> None:
    toy = buckets(8)
    x = op.parameter([-1, -1, 2], np.float32, name="x")
    x.output(0).set_names({"x"})
    variable = Variable(VariableInfo())
    info = variable.info
    info.data_shape, info.data_type, info.variable_id = ov.PartialShape([1, 1, 1]), ov.Type.f32, "sum"
    variable.update(info)
    before = op.read_value(op.constant(np.zeros((1, 1, 1), np.float32)), variable)
    after = op.add(before, op.reduce_sum(x, [0, 1, 2], keep_dims=True))
    y = op.add(x, after)
    y.output(0).set_names({"y"})
    model = ov.Model([op.result(y)], [op.assign(after, variable)], [x], "stateful")
    reference = Dynamic(ov.Core(), write(tmp_path / "o", model) / "model.xml", toy, toy.inputs)
    first, again = (reference.infer(placed(toy, 4))["y"] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_sample_that_the_original_can_not_take_is_a_fault_with_its_name(tmp_path: Path) -> None:
    toy = buckets(8)
    with pytest.raises(StageError, match=r"`a`: a model whose lengths are free failed on 1 of it") as caught:
        original(tmp_path, toy, fours).infer(placed(toy, 3))
    assert caught.value.code == "infer-failed"
