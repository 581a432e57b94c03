"""Why a static model differs is found by experiment, and a model that is right has no finding."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op
from runtime.toys import along, mask

from npuspec.bundle.program import Output
from npuspec.stages.agreement import Comparison
from npuspec.stages.placed import Placed
from npuspec.stages.probe import Bench, findings
from npuspec.stages.reference import Dynamic
from stages.bucketed import buckets, dynamic, rows, verify
from toy_specs import write

Given = Mapping[str, Any]
LENGTHS = (3, 4, 6, 8, 2, 7)


def doubled(given: Given) -> Any:
    """What looks at one place at a time: nothing of padding or batch can reach it."""
    return op.relu(op.add(given["x"], given["x"]))


def masked(given: Given) -> Any:
    """The mean of what is valid, taken from what is valid."""
    valid = op.unsqueeze(op.convert(given["m"], "f32"), 2)
    kept = op.multiply(given["x"], valid)
    mean = op.divide(op.reduce_sum(kept, 1, keep_dims=True), op.reduce_sum(valid, 1, keep_dims=True))
    return op.subtract(kept, mean)


def half_masked(given: Given) -> Any:
    """The mask is applied to the values, and not in the mean that is taken from them."""
    valid = op.unsqueeze(op.convert(given["m"], "f32"), 2)
    return op.subtract(op.multiply(given["x"], valid), op.reduce_mean(given["x"], 1, keep_dims=True))


def counted(given: Given) -> Any:
    """Divides by the padded length: what the padding holds makes no difference, and its size does."""
    time = op.convert(op.gather(op.shape_of(given["x"]), op.constant(1), op.constant(0)), "f32")
    return op.divide(given["x"], time)


def summed(given: Given) -> Any:
    """Sums from the left: what stands before a sample is in all of its frames."""
    return op.cum_sum(given["x"], op.constant(1))


def joined(given: Given, *, reverse: bool = True) -> Any:
    """Rows are joined as one long one, and summed from its end."""
    x = given["x"]
    one = op.reshape(x, op.constant([1, -1, 2]), special_zero=False)
    return op.reshape(op.cum_sum(one, op.constant(1), reverse=reverse), op.shape_of(x), special_zero=False)


def normalised(given: Given) -> Any:
    """Statistics of the batch."""
    return op.subtract(given["x"], op.reduce_mean(given["x"], 0, keep_dims=True))


def codes(agreement: Mapping[str, Any]) -> list[str]:
    return [finding["code"] for finding in agreement["findings"]]


@pytest.mark.parametrize("batch", [1, 3])
def test_a_model_that_is_right_has_no_finding(batch: int, tmp_path: Path) -> None:
    agreement = verify(tmp_path, buckets(4, 8, batch=batch), doubled, LENGTHS)
    assert agreement["findings"] == []
    for row in agreement["pairs"]:
        assert (row["frame-agreement"], row["max-abs-difference"], row["sqnr"]) == (1, 0, 200)


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_mask_that_is_applied_everywhere_leaves_nothing_to_find(side: str, tmp_path: Path) -> None:
    toy = buckets(4, 8, more=[mask()], pad_value=3.0, pad_side=side)
    agreement = verify(tmp_path, toy, masked, LENGTHS)
    assert agreement["findings"] == []


def test_a_mask_that_is_not_applied_everywhere_is_found(tmp_path: Path) -> None:
    """The finding is `padding-leaks`, with each variant where it happens."""
    agreement = verify(tmp_path, buckets(4, 8, more=[mask()]), half_masked, LENGTHS)
    [finding] = agreement["findings"]
    assert (finding["code"], finding["output"], finding["variant"]) == ("padding-leaks", "y", "time4")
    assert finding["figures"] == {"time4": pytest.approx(0.5), "time8": pytest.approx(0.25)}
    assert "changes by up to 0.5 with what the padding holds (variant time4)" in finding["message"]
    assert "buckets" in finding["help"]


def test_what_padding_costs_is_measured_on_all_samples_that_a_variant_holds(tmp_path: Path) -> None:
    agreement = verify(tmp_path, buckets(4, 8, more=[mask()]), half_masked, (2, 4, 8, 8))
    row = rows(agreement)["static", "original"]
    assert {name: one["frames"] for name, one in row["padded"].items()} == {"time4": 6, "time8": 22}
    assert row["padded"]["time4"] == row["variants"]["time4"] == row["natural"]["time4"]
    assert row["natural"]["time8"]["sqnr"] == pytest.approx(row["sqnr"])
    assert row["padded"]["time8"]["sqnr"] < row["natural"]["time8"]["sqnr"]
    assert agreement["samples_of_variant"] == {"time4": 2, "time8": 2}


@pytest.mark.parametrize(("side", "found"), [("left", ["padding-leaks"]), ("right", [])])
def test_padding_on_the_side_that_a_model_sums_from_is_found(side: str, found: list[str], tmp_path: Path) -> None:
    agreement = verify(tmp_path, buckets(8, pad_side=side, pad_value=1.0), summed, LENGTHS)
    assert codes(agreement) == found


def test_a_difference_without_a_known_cause_is_said_to_have_none(tmp_path: Path) -> None:
    """The finding is `static-differs`: the padding's content changes nothing."""
    agreement = verify(tmp_path, buckets(8), counted, LENGTHS)
    [finding] = agreement["findings"]
    assert (finding["code"], finding["variant"]) == ("static-differs", "time8")
    assert "no cause was found" in finding["message"]


def test_what_differs_on_the_device_alone_is_said_to(tmp_path: Path) -> None:
    """The finding is `device-precision`: what was compiled gives something else than its own IR in float32."""

    def coarse(given: Given) -> Any:
        return op.multiply(doubled(given), op.constant(np.float32(1.01)))

    agreement = verify(tmp_path, buckets(8), doubled, LENGTHS, blob=coarse)
    assert codes(agreement) == ["device-precision"]
    assert "not in float32 on CPU" in agreement["findings"][0]["message"]


def test_a_model_whose_reshape_joins_rows_is_found(tmp_path: Path) -> None:
    """The finding is `batch-changes-result`, beside that of different samples."""
    toy = buckets(8, batch=2)
    agreement = verify(tmp_path, toy, joined, (8, 8, 8))
    assert codes(agreement) == ["batch-changes-result", "neighbours-leak"]
    assert "as a batch of 2 of itself" in agreement["findings"][0]["message"]
    assert agreement["findings"][0]["help"] == "[batching] size = 1"


def test_rows_that_are_joined_behind_the_first_are_found_though_a_sample_alone_shows_nothing(tmp_path: Path) -> None:
    agreement = verify(tmp_path, buckets(8, batch=2), partial(joined, reverse=False), (8, 8, 8))
    assert rows(agreement)["static", "original"]["max-abs-difference"] == 0
    assert codes(agreement) == ["batch-changes-result", "neighbours-leak"]


def test_an_output_that_depends_on_its_neighbours_is_found(tmp_path: Path) -> None:
    """The finding is `neighbours-leak`: of copies of one sample nothing shows."""
    agreement = verify(tmp_path, buckets(4, 8, batch=2), normalised, LENGTHS)
    found = rows(agreement)
    assert found["static", "original"]["max-abs-difference"] == 0
    assert found["batched", "static"]["max-abs-difference"] > 0.1
    [finding] = agreement["findings"]
    assert (finding["code"], set(finding["figures"])) == ("neighbours-leak", {"time4", "time8"})


def test_a_batch_of_one_has_no_neighbours(tmp_path: Path) -> None:
    agreement = verify(tmp_path, buckets(8), normalised, LENGTHS)
    assert agreement["findings"] == []
    assert set(rows(agreement)) == {("static", "original")}


def test_what_quantization_changes_is_no_finding(tmp_path: Path) -> None:
    def coarse(given: Given) -> Any:
        return op.round(doubled(given), "half_to_even")

    agreement = verify(tmp_path, buckets(4, 8, batch=2), doubled, LENGTHS, final=coarse)
    assert agreement["findings"] == []
    found = rows(agreement)
    assert list(found) == [
        ("static", "original"),
        ("quantized", "original"),
        ("quantized", "static"),
        ("batched", "original"),
        ("batched", "static"),
        ("batched", "quantized"),
    ]
    assert found["batched", "quantized"]["max-abs-difference"] == 0
    assert found["batched", "static"]["sqnr"] == pytest.approx(found["quantized", "static"]["sqnr"])


def test_samples_beyond_the_largest_size_are_counted(tmp_path: Path) -> None:
    """The finding is `sample-overflow`, whose figures stand beside those of the samples that fit."""
    toy = buckets(4)
    original = Dynamic(ov.Core(), write(tmp_path / "o", dynamic(doubled, toy.inputs)) / "model.xml", toy, toy.inputs)
    samples = {str(n): Placed(str(n), {}, {"time": n}, {}, "time4", overflows=n > 4) for n in (2, 4, 8, 16)}
    compared = Comparison("static", "original", along())
    ones = np.eye(2, dtype=np.float32)[[0] * 16]
    for sample in samples.values():
        size = sample.sizes["time"]
        compared.add(sample, ones[: min(size, 4)], ones[:size])
    bench = Bench(toy, "CPU", original, samples, dict)
    [finding] = findings(bench, [compared])
    assert (finding["code"], finding["variant"]) == ("sample-overflow", None)
    assert finding["figures"] == {"samples": 2, "overflowing": pytest.approx(1 / 3), "others": 1}
    assert finding["message"] == (
        "the size 4 of `time` is too small for 2 of 4 samples: of their frames of `y` 33.3% agree, "
        "with a cosine of 0.577; of the others 100.0% agree, with a cosine of 1.000"
    )
    assert "[dims.time]" in finding["help"]


def test_an_output_of_classes_is_one_decision_a_sample(tmp_path: Path) -> None:
    def classes(given: Given) -> Any:
        return op.reduce_sum(given["x"], 1)

    toy = buckets(4, 8, outputs=(Output(name="y", dtype="float32", extents=()),))
    agreement = verify(tmp_path, toy, classes, LENGTHS)
    row = rows(agreement)["static", "original"]
    assert (row["frames"], row["top-1-agreement"]) == (len(LENGTHS), 1)
    assert agreement["findings"] == []
