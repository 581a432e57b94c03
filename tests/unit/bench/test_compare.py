"""Two bundles run in turn, in pairs of variants that are alike."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op
from runtime.test_load import CPU, NPU, TOY
from runtime.toys import along, bundle, data, length, mask, model, parameters, program

from npuspec import BundleError, DeviceError, InputError
from npuspec.bench.compare import ROUNDS, compare, differences
from npuspec.bench.figures import Comparison, Place
from npuspec.bench.place import Placed, Source
from npuspec.bundle.program import Input, Program

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


def doubled(toy: Any, variant: Any) -> ov.Model:
    given = parameters(toy, variant)
    [output], first = toy.outputs, next(iter(given.values()))
    return model({output.name: op.convert(op.add(first, first), ov.Type(np.dtype(output.dtype)))}, given)


@pytest.mark.parametrize("filled", [mask(), length()])
def test_what_the_runtime_fills_itself_is_no_difference(tmp_path: Path, filled: Input) -> None:
    bundle(tmp_path / "one", program(data(), outputs=(along(),)), doubled)
    bundle(tmp_path / "other", program(data(), filled, outputs=(along(),)), doubled)
    assert len(compare(tmp_path / "one", tmp_path / "other", seconds=0.01).compared) == 1


@pytest.mark.parametrize(
    ("other", "alone", "others"),
    [
        (program(data("z"), outputs=(along(),)), "input `x` of float32", "input `z` of float32"),
        (program(data(dtype="float16"), outputs=(along(),)), "input `x` of float32", "input `x` of float16"),
        (program(data(), outputs=(along("z"),)), "output `y` of float32", "output `z` of float32"),
        (program(data(axes=("time", 3)), outputs=(along(),)), "input `x` of float32", "input `x` of float32 3"),
        (program(data(), data("z"), outputs=(along(),)), "", "input `z` of float32"),
    ],
)
def test_models_that_take_or_give_something_else_are_refused(
    tmp_path: Path, other: Program, alone: str, others: str
) -> None:
    bundle(tmp_path / "one", program(data(), outputs=(along(),)), blob=True)
    bundle(tmp_path / "other", other, doubled)
    with pytest.raises(InputError) as caught:
        compare(tmp_path / "one", tmp_path / "other", seconds=0.01)
    assert caught.value.code == "nothing-to-compare"
    said = [f"only `{tmp_path / name}` has {what}" for name, what in (("one", alone), ("other", others)) if what]
    assert f"different things: {', and '.join(said)}" in str(caught.value).splitlines()[0]


def test_variants_that_nobody_asked_for_are_not_left_out_and_other_models_are_noted(tmp_path: Path) -> None:
    plan = b'{"model": {"source": "%b", "digest": "%b"}, "more": 1}'
    wide = program(data(), outputs=(along(),), sizes=({"time": 8}, {"time": 16}))
    bundle(tmp_path / "one", TOY, blob=True, planned=plan % (b"a.onnx", b"0" * 64))
    bundle(tmp_path / "other", wide, blob=True, planned=plan % (b"b.onnx", b"1" * 64))
    found = compare(tmp_path / "one", tmp_path / "other", variants=["time8", "time4"], seconds=0.01)
    assert found.left_out == ("time4",)
    assert found.notes == ("they are made of different models: `a.onnx` and `b.onnx`",)
    found = compare(tmp_path / "one", tmp_path / "one", variants=["time8"], seconds=0.01)
    assert (found.left_out, found.notes) == ((), ())


def test_what_differs_is_noted() -> None:
    places = [Place(bundle="b", version="v", device=device, identity="i", notes=()) for device in ("NPU", "CPU")]
    sources = [Source(source=text, digest=text) for text in ("a", "b")]
    assert differences(places[:1] * 2, sources[:1] * 2) == ()
    assert differences(places, sources[:1] * 2) == ("they run on different devices: NPU and CPU",)
    assert differences(places[:1] * 2, [*sources[:1], None]) == ()


@pytest.mark.parametrize("plan", [b"", b"{}", b"[" * 100_000, b'{"model": {"source": 1, "digest": 2}}'])
def test_a_plan_of_another_form_tells_nothing_of_the_model(tmp_path: Path, plan: bytes) -> None:
    bundle(tmp_path / "toy", TOY, blob=True, planned=plan)
    assert Placed(tmp_path / "toy", None).source() is None


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
