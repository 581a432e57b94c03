"""What calibrates, and what is measured before shapes are fixed: fed as at inference."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from msgspec import structs
from openvino import opset13 as op
from runtime.toys import along, data, length, mask, program

from npuspec.bundle.program import Program
from npuspec.diagnostics import StageError
from npuspec.stages.calibration import Calibration, dynamic, read_fitting, report, spread
from npuspec.stages.placed import Checked
from npuspec.stages.reference import Feed
from npuspec.stages.request import Request
from stages.conftest import fed, sampled
from toy_specs import write

TOY = program(
    data(axes=("time", 2), pad_value=9.0), length(), mask(), sizes=({"time": 4}, {"time": 8}), outputs=(along(),)
)


def checked(size: int, name: str = "") -> Checked:
    return Checked(name or str(size), {"x": np.full((size, 2), size, np.float32)}, {"time": size})


def request(root: Path, toy: Program = TOY, *sizes: int, which: str = "calibration") -> Request:
    """Write a sample of each size, and return what a stage is asked to do with them."""
    (root / "data").mkdir()
    for number, size in enumerate(sizes):
        np.save(root / "data" / f"{number}.npy", np.full((size, 2), size, np.float32))
    paths = [f"{number}.npy" for number in range(len(sizes))]
    parameters = {**fed(toy), **sampled(*paths, which=which)}
    folders = {"inputs": [], "output": str(root), "model": str(root), "data": str(root / "data")}
    return Request.of({"parameters": parameters, **folders})


def overflowing(kind: str, **more: Any) -> Program:
    dims = {"time": structs.replace(TOY.dims["time"], overflow=kind, **more)}
    return structs.replace(TOY, dims=dims)


def test_samples_that_no_size_holds_are_left_out_by_name(tmp_path: Path) -> None:
    asked = request(tmp_path, TOY, 3, 9, 8, 20)
    found = read_fitting(asked, asked.program, "calibration")
    assert [sample.name for sample in found.samples] == ["0.npy", "2.npy"]
    assert (found.cut, found.too_long) == ([], ["1.npy", "3.npy"])


@pytest.mark.parametrize("kind", ["truncate", "chunk"])
def test_what_is_cut_or_taken_apart_later_is_represented_by_its_beginning(tmp_path: Path, kind: str) -> None:
    more = {"overlap": 2} if kind == "chunk" else {}
    asked = request(tmp_path, overflowing(kind, **more), 3, 20)
    found = read_fitting(asked, asked.program, "calibration")
    assert [sample.sizes["time"] for sample in found.samples] == [3, 8]
    assert found.samples[1].arrays["x"].shape == (8, 2)
    assert (found.cut, found.too_long) == (["1.npy"], [])


def test_those_that_validate_are_read_alike(tmp_path: Path) -> None:
    asked = request(tmp_path, TOY, 5, which="validation")
    assert [sample.sizes for sample in read_fitting(asked, asked.program, "validation").samples] == [{"time": 5}]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_calibrates_and_each_sample_is_named(tmp_path: Path, value: float) -> None:
    asked = request(tmp_path, TOY, 5, 6, 7)
    for number in (0, 2):
        np.save(tmp_path / "data" / f"{number}.npy", np.array([[value, 1]] * 5, np.float32))
    with pytest.raises(StageError) as caught:
        read_fitting(asked, asked.program, "calibration")
    assert {fault.code for fault in caught.value.diagnostics} == {"unreadable-sample"}
    assert [fault.message[:7] for fault in caught.value.diagnostics] == ["`0.npy`", "`2.npy`"]


def test_what_is_not_finite_may_be_measured_where_the_input_takes_it(tmp_path: Path) -> None:
    asked = request(tmp_path, TOY, 5, which="validation")
    np.save(tmp_path / "data" / "0.npy", np.full((5, 2), np.inf, np.float32))
    assert len(read_fitting(asked, asked.program, "validation").samples) == 1


def test_none_that_fits_is_a_fault(tmp_path: Path) -> None:
    asked = request(tmp_path, TOY, 9, 10)
    with pytest.raises(StageError, match="none of the 2 calibration samples fits the largest size") as caught:
        read_fitting(asked, asked.program, "calibration")
    assert caught.value.code == "too-few-samples"


def ports(batch: int = -1) -> dict[str, ov.PartialShape]:
    return {"x": ov.PartialShape([batch, -1, 2]), "n": ov.PartialShape([batch]), "m": ov.PartialShape([batch, -1])}


@pytest.mark.parametrize(("size", "padded"), [(1, 4), (4, 4), (5, 8), (8, 8)])
def test_a_sample_is_padded_to_the_smallest_size_that_holds_it(size: int, padded: int) -> None:
    buffers = Feed(TOY, TOY.inputs, ports(), padded=True).buffers(checked(size))
    assert buffers["x"].shape == (1, padded, 2)
    assert (buffers["x"][0, :size] == size).all()
    assert (buffers["x"][0, size:] == 9).all()
    assert buffers["n"].tolist() == [size]
    assert buffers["m"].tolist() == [[1] * size + [0] * (padded - size)]
    assert Feed(TOY, TOY.inputs, ports()).buffers(checked(size))["x"].shape == (1, size, 2)


@pytest.mark.parametrize("batch", [1, 3])
def test_every_row_of_a_fixed_batch_is_the_sample(batch: int) -> None:
    feed = Feed(TOY, TOY.inputs, ports(batch), padded=True)
    assert feed.batch == batch
    buffers = feed.buffers(checked(3))
    assert {name: array.shape[0] for name, array in buffers.items()} == {"x": batch, "n": batch, "m": batch}
    assert buffers["n"].tolist() == [3] * batch


def test_calibration_can_be_read_again_and_says_how_far_it_is() -> None:
    seen: list[tuple[int, int]] = []
    samples = [checked(size) for size in (2, 7, 4)]
    calibration = Calibration(
        Feed(TOY, TOY.inputs, ports(), padded=True), samples, lambda done, total: seen.append((done, total))
    )
    assert len(calibration) == 3
    for _ in range(2):
        assert [buffers["n"].tolist() for buffers in calibration] == [[2], [7], [4]]
        assert [buffers["x"].shape[1] for buffers in calibration] == [4, 8, 4]
    assert seen == [(1, 3), (2, 3), (3, 3)] * 4


@pytest.mark.parametrize(
    ("sizes", "most", "chosen"),
    [
        ((5, 1, 3), 4, [1, 3, 5]),
        ((8, 1, 2, 3, 4, 5, 6, 7), 4, [2, 4, 6, 8]),
        ((8, 1, 2, 3, 4, 5, 6, 7), 1, [5]),
        ((1, 2, 3), 2, [1, 3]),
        ((4,), 4, [4]),
    ],
)
def test_few_samples_are_spread_over_all_lengths(sizes: tuple[int, ...], most: int, chosen: list[int]) -> None:
    assert [sample.sizes["time"] for sample in spread([checked(size) for size in sizes], most)] == chosen


def test_samples_of_one_length_are_chosen_by_name_whatever_order_they_came_in() -> None:
    samples = [checked(4, name) for name in "dacb"]
    assert [s.name for s in spread(samples, 2)] == [s.name for s in spread(samples[::-1], 2)] == ["b", "d"]


def test_what_calibrated_is_reported(tmp_path: Path) -> None:
    asked = request(tmp_path, TOY, 8, 3, 9)
    assert report(read_fitting(asked, asked.program, "calibration"), asked.program, 3) == {
        "samples": 2,
        "samples_wanted": 3,
        "samples_cut": [],
        "samples_too_long": ["2.npy"],
        "samples_of_variant": {"time4": 1, "time8": 1},
    }


def test_a_model_is_given_what_its_variants_are_and_the_padding_is_cut_from_its_outputs(tmp_path: Path) -> None:
    """The outputs are x and the sum of all that was fed: the padding with 9 is in it."""
    x = op.parameter([-1, -1, 2], np.float32, name="x")
    x.output(0).set_names({"x"})
    y = op.add(x, op.reduce_sum(x, np.array([1, 2]), True))
    y.output(0).set_names({"y"})
    toy = program(TOY.inputs[0], sizes=({"time": 4}, {"time": 8}), outputs=(along(),))
    folder = write(tmp_path / "model", ov.Model([op.result(y)], [x], "sum"))
    model = dynamic(request(tmp_path, toy), ov.Core(), folder / "model.xml")
    for size, padded in ((3, 4), (5, 8)):
        found = model.infer(checked(size))["y"]
        assert found.shape == (size, 2)
        assert (found == size + 2 * size * size + 2 * 9 * (padded - size)).all()
