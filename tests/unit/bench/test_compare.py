"""Two bundles run in turn, in pairs of variants that are alike."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op
from runtime.test_load import CPU, NPU, TOY
from runtime.toys import along, bundle, data, model, parameters, program

from npuspec import BundleError, DeviceError, InputError
from npuspec.bench.compare import ROUNDS, compare
from npuspec.bench.figures import Comparison

SLOW = program(data(axes=("time", 512)), outputs=(along(),), sizes=({"time": 256},))


def multiplied(layers: int) -> Any:
    """Return what makes a model that multiplies matrices so often."""

    def build(toy: Any, variant: Any) -> ov.Model:
        given = parameters(toy, variant)
        node = given["x"]
        weights = op.constant(np.eye(512, dtype=np.float32) * 0.5)
        for _ in range(layers):
            node = op.matmul(node, weights, transpose_a=False, transpose_b=False)
        return model({"y": node}, given)

    return build


def test_what_does_a_tenth_of_the_work_is_faster(tmp_path: Path) -> None:
    """So much slower that no noise hides it."""
    bundle(tmp_path / "one", SLOW, multiplied(1), blob=True)
    bundle(tmp_path / "ten", SLOW, multiplied(10), blob=True)
    found = compare(tmp_path / "one", tmp_path / "ten", seconds=0.01)
    [row] = found.compared
    assert (row.variant, row.batch, row.rounds, row.verdict) == ("time256", 1, ROUNDS, "faster")
    assert row.low <= row.ratio <= row.high < 1
    assert row.first.count >= 2 * ROUNDS
    assert (found.first.bundle, found.second.bundle, found.left_out) == ("one", "ten", ())
    assert msgspec.json.decode(msgspec.json.encode(found), type=Comparison) == found


def test_what_only_one_has_is_left_out(tmp_path: Path) -> None:
    bundle(tmp_path / "both", TOY, blob=True)
    bundle(tmp_path / "other", program(data(), outputs=(along(),), sizes=({"time": 8}, {"time": 16})), blob=True)
    told: list[tuple[str, int, int]] = []
    found = compare(tmp_path / "both", tmp_path / "other", seconds=0.01, tell=lambda *step: told.append(step))
    assert [row.variant for row in found.compared] == ["time8"]
    assert found.left_out == ("time4", "time16")
    assert told == [("loading both", 0, 1), *(("measuring in turn", number, ROUNDS) for number in range(ROUNDS))]


@pytest.mark.parametrize("change", [{"sizes": ({"time": 5},)}, {"sizes": ({"time": 4}, {"time": 8}), "batch": 2}])
def test_bundles_with_no_variant_in_common_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    bundle(tmp_path / "one", TOY, blob=True)
    bundle(tmp_path / "other", program(data(), outputs=(along(),), **change), blob=True)
    with pytest.raises(InputError) as caught:
        compare(tmp_path / "one", tmp_path / "other")
    assert caught.value.code == "nothing-to-compare"


def test_either_must_be_a_bundle_with_a_device_here(tmp_path: Path) -> None:
    bundle(tmp_path / "one", TOY, blob=True)
    bundle(tmp_path / "npu", TOY, deployments=[NPU])
    for pair in ((tmp_path / "one", tmp_path / "npu"), (tmp_path / "npu", tmp_path / "one")):
        with pytest.raises(DeviceError) as caught:
            compare(*pair)
        assert caught.value.code == "no-device"
    for pair in ((tmp_path / "one", tmp_path / "none"), (tmp_path / "none", tmp_path / "one")):
        with pytest.raises(BundleError) as missing:
            compare(*pair)
        assert missing.value.code == "no-bundle"
    bundle(tmp_path / "fallback", TOY, deployments=[NPU, CPU])
    found = compare(tmp_path / "one", tmp_path / "fallback", variants=["time4"], seconds=0.01)
    assert [row.variant for row in found.compared] == ["time4"]
    assert any("there is no NPU" in note for note in found.second.notes)
