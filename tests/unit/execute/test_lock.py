"""The lock is gathered from what was made and measured, rounded so that it stays where nothing changed."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from builders import BUCKETS, DATA, GATE, plan_of
from npuspec.bundle import Blob, Deployed, Manifest
from npuspec.bundle.manifest import FileRecord
from npuspec.diagnostics import LockError, SpecError
from npuspec.execute.evidence import Evidence
from npuspec.execute.gates import hold_gates
from npuspec.execute.lock import LockKeeper, lock_of, locked_gates, rounded
from npuspec.plan import Plan
from npuspec.plan.lock import read_lock, write_lock

FILES = ("a.npy", "b.npy", "c.npy", "d.npy")
TEXT = BUCKETS + DATA + GATE + '\n[quantization]\nmode = "int8"\nsamples = 2\n'
PLAN = plan_of(TEXT, files=FILES)
SHORT, LONG = (variant.name for variant in PLAN.program.variants)
HELD = GATE.replace('"original"', '"static"').replace('of = "static"', 'of = "quantized"')
MIX = TEXT.replace('"int8"', '"mixed"').replace(GATE, HELD)
MIXED = plan_of(MIX, files=FILES)
HOST = "Some CPU of this machine"
REPORT = {"mode": "int8", "samples": 2, "samples_wanted": 2, "quantized_operations": 7, "operations": 40, "mixed": None}
FIGURES = {"frame-agreement": 0.98765, "cosine": 0.99, "sqnr": 20.0, "max-abs-difference": 0.5}
COMPARED = [{"precision": "int8", "bytes": 12, "quantized_operations": 7, "agreement": {"y": FIGURES}, "gates": {}}]
TIMINGS = {
    "identity": HOST,
    "stages": {
        f"compile[NPU, {SHORT}]": {"compile_seconds": 12.5},
        "verify[NPU]": {
            "device": "NPU",
            "latency": {SHORT: {"static_ms": 3.0, "quantized_ms": 1.0, "quantized_over_static": 0.33333}},
        },
    },
}


def manifest(plan: Plan = PLAN, *, blobs_for: str = "NPU") -> Manifest:
    """A bundle whose files have sizes that tell them apart."""
    places = [f"models/{SHORT}.xml", f"models/{SHORT}.bin", f"models/{LONG}.xml", f"blobs/{SHORT}.blob"]
    return Manifest(
        plan=plan.digest,
        toolchain=plan.toolchain,
        program=plan.program,
        cache="blob",
        core={},
        deployments=(Deployed(device="NPU", properties={}),),
        device="NPU",
        identity=HOST,
        models={SHORT: places[0], LONG: places[2]},
        blobs={SHORT: Blob(device=blobs_for, identity=HOST, path=places[3])},
        files={place: FileRecord(sha256="0" * 64, size=10**number) for number, place in enumerate(places)},
    )


def evidence(value: float = 0.98765, plan: Plan = PLAN, **more: Any) -> Evidence:
    """What was measured of one pair of models."""
    row = {"of": "static", "against": "original", "output": "y", "frames": 12, "samples": {}, "variants": {}}
    row |= {"frame-agreement": value, "cosine": 0.99876, "sqnr": 31.2345, "max-abs-difference": 0.0012345, **more}
    agreement = {"device": "NPU", "samples": 2, "samples_of_variant": {}, "pairs": [row], "findings": []}
    return Evidence(hold_gates(plan, agreement), ("a doubt",), {**REPORT, "compared": COMPARED}, agreement)


def test_it_holds_what_a_review_asks_for_and_nothing_of_the_machine() -> None:
    lock = lock_of(PLAN, manifest(), evidence(), TIMINGS)
    assert (lock.plan, lock.model.sha256, lock.toolchain) == (PLAN.digest, PLAN.model.digest, PLAN.toolchain)
    assert lock.data is not None
    assert lock.data.files == len(FILES)
    assert (lock.bundle.device, lock.bundle.quantization, lock.doubts) == ("NPU", "int8", ("a doubt",))
    short, long = lock.variants[SHORT], lock.variants[LONG]
    assert (short.model_bytes, short.blob_bytes, long.model_bytes, long.blob_bytes) == (11, 1000, 100, None)
    assert (lock.bundle.calibrated_on, lock.bundle.quantized_operations, lock.mixed) == (2, 7, None)
    precision = lock.precisions["int8"]
    assert (precision.bytes, precision.quantized_operations) == (12, 7)
    assert precision.figures["frame-agreement, y"] == 0.988
    assert lock.agreement == {
        "static against original, y": {
            "cosine": 0.999,
            "frame-agreement": 0.988,
            "max-abs-difference": 0.00123,
            "sqnr": 31.2,
        }
    }
    assert lock.quantized_over_static == {SHORT: 0.3}
    text = lock.encode().decode()
    assert HOST not in text
    assert "12.5" not in text


def test_figures_of_variants_stand_in_it_where_there_are_several() -> None:
    figures = {"frame-agreement": 0.51234, "cosine": 0.9, "sqnr": 20.0, "max-abs-difference": 0.25}
    one = lock_of(PLAN, manifest(), evidence(variants={SHORT: figures}), TIMINGS)
    assert list(one.agreement) == ["static against original, y"]
    several = lock_of(PLAN, manifest(), evidence(variants={SHORT: figures, LONG: figures}), TIMINGS)
    assert list(several.agreement) == [
        "static against original, y",
        f"static against original, y in variant {SHORT}",
        f"static against original, y in variant {LONG}",
    ]
    assert several.agreement[f"static against original, y in variant {LONG}"]["frame-agreement"] == 0.512


def test_the_size_of_a_cpu_s_blob_is_the_machine_s_own() -> None:
    assert lock_of(PLAN, manifest(blobs_for="CPU"), evidence(), TIMINGS).variants[SHORT].blob_bytes is None


def test_figures_that_differ_behind_the_third_digit_give_the_same_text() -> None:
    one = lock_of(PLAN, manifest(), evidence(0.98765, cosine=0.998761), TIMINGS)
    other = lock_of(PLAN, manifest(), evidence(0.98764, cosine=0.998759), TIMINGS)
    assert one.encode() == other.encode()


def test_maps_are_sorted_whatever_order_they_came_in() -> None:
    stages = dict(reversed(TIMINGS["stages"].items()))  # type: ignore[attr-defined]
    made = manifest()
    turned = structs.replace(made, models=dict(reversed(made.models.items())))
    one = lock_of(PLAN, made, evidence(), TIMINGS)
    assert lock_of(PLAN, turned, evidence(), {"stages": stages}).encode() == one.encode()


@pytest.mark.parametrize(
    ("value", "short"),
    [(0.98765, 0.988), (1.0, 1.0), (0.0, 0.0), (123456.0, 123000.0), (1.2345e-9, 1.23e-9), (sys.float_info.max,) * 2],
)
def test_a_figure_is_rounded_to_three_digits_and_stays_finite(value: float, short: float) -> None:
    assert rounded(value) == short


@pytest.mark.parametrize(("value", "shown"), [(0.49996, 0.49996), (0.5, 0.5), (0.50004, 0.5), (0.98765, 0.988)])
def test_a_gate_s_figure_shows_on_which_side_of_its_limit_it_lies(value: float, shown: float) -> None:
    (gate,) = locked_gates(PLAN, evidence(value)).values()
    assert (gate.figure, gate.passed) == (shown, value >= 0.5)


def test_two_gates_on_the_same_measure_are_told_apart() -> None:
    plan = plan_of(TEXT + GATE.replace("0.5", "0.25"), files=FILES)
    gates = locked_gates(plan, evidence(plan=plan))
    assert [gate.min for gate in gates.values()] == [0.25, 0.5]


def test_a_gate_on_a_variant_that_was_not_measured_is_one_that_failed() -> None:
    plan = plan_of(TEXT + GATE + f'variant = "{SHORT}"\n', files=FILES)
    gates = locked_gates(plan, evidence(plan=plan))
    assert {name: gate.passed for name, gate in gates.items()} == {
        "frame-agreement of static against original, y": True,
        f"frame-agreement of static against original, y in variant {SHORT}": False,
    }


def test_where_nothing_was_measured_there_are_no_gates() -> None:
    plan = plan_of(BUCKETS)
    lock = lock_of(plan, manifest(plan), Evidence((), (), {}, None), {"identity": HOST, "stages": {}})
    assert (lock.gates, lock.agreement, lock.quantized_over_static, lock.data) == ({}, {}, {}, None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A lock of the plan."""
    path = tmp_path / "asr.lock"
    write_lock(path, lock_of(PLAN, manifest(), evidence(), TIMINGS))
    return path


CURVE = [
    {"kept": 0, "share": 1.0, "figures": {"cosine of quantized against static, y": 0.87654}},
    {"kept": 2, "share": 0.66666, "figures": {"cosine of quantized against static, y": 0.98765}},
]


def mix(keep: list[str], curve: list[dict[str, Any]]) -> Evidence:
    """What was measured of a mix."""
    found = evidence(plan=MIXED, of="quantized", against="static")
    mixed = {"keep": keep, "curve": curve, "quantized_operations": 5}
    return Evidence(found.gates, found.doubts, {**REPORT, "mode": "mixed", "mixed": mixed}, found.agreement)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A lock of a mix."""
    path = tmp_path / "mixed.lock"
    write_lock(path, lock_of(MIXED, manifest(MIXED), mix(["b", "c"], CURVE), TIMINGS))
    return path


def test_a_mix_stands_in_it_with_its_curve(mixed: Path) -> None:
    found = read_lock(mixed).mixed
    assert found is not None
    assert found.stage == next(stage.digest for stage in MIXED.stages if stage.verb == "mix")
    assert found.keep == ("b", "c")
    assert [(point.kept, point.share) for point in found.curve] == [(0, 1.0), (2, 0.667)]
    assert [*found.curve[1].figures.values()] == [0.988]


@pytest.mark.parametrize("locked", [True, False])
def test_what_a_mix_kept_is_kept_again(mixed: Path, locked: bool) -> None:
    assert LockKeeper.begin(mixed, MIXED, locked=locked).chosen(MIXED) == ("b", "c")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("min = 0.5", "min = 0.6"),
        ("samples = 2", "samples = 1"),
        ('"mixed"', '"int8"'),
        ('"x"', '"x"\nsample-rate = 8000'),
    ],
)
def test_another_plan_chooses_for_itself(mixed: Path, old: str, new: str) -> None:
    other = plan_of(MIX.replace(old, new), files=FILES)
    assert LockKeeper.begin(mixed, other, locked=False).chosen(other) is None


def test_a_lock_that_can_not_be_read_is_no_reason_to_search_anew(mixed: Path) -> None:
    mixed.write_text(mixed.read_text("utf-8").replace("format = 1", "<<<<<<< HEAD"), "utf-8")
    with pytest.raises(LockError) as caught:
        LockKeeper.begin(mixed, MIXED, locked=False).chosen(MIXED)
    assert caught.value.code == "lock-unreadable"


def test_where_there_is_no_lock_a_mix_is_searched_for(mixed: Path) -> None:
    mixed.unlink()
    assert LockKeeper.begin(mixed, MIXED, locked=False).chosen(MIXED) is None
    assert LockKeeper.begin(None, MIXED, locked=False).chosen(MIXED) is None


def test_the_curve_stays_where_a_mix_was_kept_again(mixed: Path) -> None:
    before = mixed.read_bytes()
    keeper = LockKeeper.begin(mixed, MIXED, locked=False)
    assert keeper.write(MIXED, manifest(MIXED), mix(["b", "c"], []), TIMINGS) is None
    assert mixed.read_bytes() == before
    assert keeper.write(MIXED, manifest(MIXED), mix(["a"], CURVE[:1]), TIMINGS) == mixed
    found = read_lock(mixed).mixed
    assert found is not None
    assert (found.keep, len(found.curve)) == (("a",), 1)


def test_what_a_hand_has_changed_is_kept_whatever_its_order_and_stays_so(mixed: Path) -> None:
    mixed.write_text(re.sub(r"keep = \[[^]]*\]", 'keep = ["d", "a", "d"]', mixed.read_text("utf-8")), "utf-8")
    lock = read_lock(mixed)
    assert LockKeeper.begin(mixed, MIXED, locked=True).chosen(MIXED) == ("a", "d")
    keeper = LockKeeper.begin(mixed, MIXED, locked=False)
    assert keeper.chosen(MIXED) == ("a", "d")
    keeper.write(MIXED, manifest(MIXED), mix(["a", "d"], []), TIMINGS)
    assert read_lock(mixed) == lock


def test_a_keeper_that_holds_never_writes(path: Path) -> None:
    before = path.read_bytes()
    keeper = LockKeeper.begin(path, PLAN, locked=True)
    keeper.hold(PLAN, evidence(0.9))
    assert keeper.write(PLAN, manifest(), evidence(0.9), TIMINGS) is None
    assert path.read_bytes() == before


def test_a_keeper_that_writes_says_whether_it_changed_something(path: Path) -> None:
    keeper = LockKeeper.begin(path, PLAN, locked=False)
    keeper.hold(PLAN, evidence(0.1))
    assert keeper.write(PLAN, manifest(), evidence(), TIMINGS) is None
    assert keeper.write(PLAN, manifest(), evidence(0.9), TIMINGS) == path
    (gate,) = read_lock(path).gates.values()
    assert gate.figure == 0.9


def test_a_gate_that_fails_now_is_drift_before_it_is_a_failed_gate(path: Path) -> None:
    keeper = LockKeeper.begin(path, PLAN, locked=True)
    with pytest.raises(LockError, match=r"passed then, failed now, with 0\.25") as caught:
        keeper.hold(PLAN, evidence(0.25))
    assert [fault.code for fault in caught.value.diagnostics] == ["lock-drift", "gate-failed"]


def test_an_override_leaves_the_lock_and_is_drift_where_it_is_locked(path: Path) -> None:
    plan = plan_of(TEXT, files=FILES, device="CPU")
    assert LockKeeper.begin(path, plan, locked=False).path is None
    with pytest.raises(LockError, match=r'target\.device "NPU" → "CPU"'):
        LockKeeper.begin(path, plan, locked=True)


def test_without_a_place_nothing_is_kept_and_nothing_can_be_locked() -> None:
    keeper = LockKeeper.begin(None, PLAN, locked=False)
    assert keeper.write(PLAN, manifest(), evidence(), TIMINGS) is None
    with pytest.raises(ValueError, match="no lock is named"):
        LockKeeper.begin(None, PLAN, locked=True)


def test_a_place_that_is_taken_is_refused_before_anything_is_run(path: Path) -> None:
    path.write_text("version = 1\n")
    with pytest.raises(SpecError, match="and isn't one"):
        LockKeeper.begin(path, PLAN, locked=False)


def test_a_gate_on_a_task_is_locked_with_the_original_s_figure_and_as_many_digits_as_it_takes() -> None:
    text = TEXT + '\n[[gates]]\nmetric = "accuracy"\noutput = "y"\nof = "static"\ncompared = "with-original"\nmin = 0\n'
    plan = plan_of(text.replace('input = "x"', 'input = "x"\nlabels = "l.txt"'), files=FILES)
    row = {"metric": "accuracy", "output": "y", "function": "", "of": "static", "figure": 0.98761, "original": 0.98764}
    agreement = {**(evidence().agreement or {}), "tasks": [row]}
    found = locked_gates(plan, Evidence(hold_gates(plan, agreement), (), {}, agreement))
    gate = found["accuracy of static against the original, y"]
    assert (gate.figure, gate.original, gate.passed, gate.min) == (0.98761, 0.98764, False, 0)
    assert found["frame-agreement of static against original, y"].original is None
