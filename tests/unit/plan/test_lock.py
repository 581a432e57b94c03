"""A lock comes back equal from its text, and says what the plan has otherwise."""

import os
from pathlib import Path

import pytest
import tomli
from msgspec import structs

from builders import DATA, GATE, SMALL, TOOLCHAIN, plan_of, task_files
from npuspec.diagnostics import LockError, SpecError
from npuspec.plan import Plan
from npuspec.plan.lock import (
    Lock,
    LockedBundle,
    LockedGate,
    LockedMix,
    LockedPoint,
    LockedPrecision,
    LockedVariant,
    check_lock_place,
    gate_drift,
    hold_lock,
    is_overridden,
    lock_drift,
    lock_path,
    locked_settings,
    locked_source,
    read_lock,
    write_lock,
)
from npuspec.plan.model import Waste

FILES = ("a.npy", "b.npy", "c.npy", "d.npy")
INT8 = '\n[quantization]\nmode = "int8"\nsamples = 2\n'
TEXT = SMALL + DATA + GATE + INT8
PLAN = plan_of(TEXT, files=FILES)
GATES = {"frame-agreement of static against original, y": LockedGate(min=0.5, figure=0.987, passed=True)}


TOKENIZED = TEXT.replace(DATA, DATA + 'tokenizer = "tokenizer.json"\n')


def tokenized(name: str) -> Plan:
    return plan_of(TOKENIZED, files=("a.txt",), tokenizer=name, texts={"a.txt": ["1", "2", "3", "4"]})


def locked(plan: Plan = PLAN, **values: object) -> Lock:
    """Return the lock of a plan, with figures that are given."""
    lock = Lock(
        plan=plan.digest,
        model=locked_source(plan.model),
        data=None if plan.samples is None else locked_source(plan.samples.source),
        toolchain=plan.toolchain,
        settings=locked_settings(plan, "spec"),
        defaults=locked_settings(plan, "default"),
        bundle=LockedBundle(device="CPU", quantization="int8", calibrated_on=2, quantized_operations=5),
        variants={"time64": LockedVariant(model_bytes=1000)},
        gates=GATES,
        agreement={"static against original, y": {"cosine": 1.0}},
        precisions={"int8": LockedPrecision(bytes=10, quantized_operations=5, figures={"cosine, y": 0.99})},
        quantized_over_static={"time64": 0.5},
    )
    return structs.replace(lock, **values)


def test_it_comes_back_equal_with_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "asr.lock"
    assert write_lock(path, locked())
    found = read_lock(path)
    assert found == locked()
    assert not write_lock(path, found)
    assert lock_drift(found, PLAN) == []


def test_without_data_it_comes_back_too(tmp_path: Path) -> None:
    plan = plan_of(SMALL)
    write_lock(tmp_path / "a.lock", locked(plan))
    assert lock_drift(read_lock(tmp_path / "a.lock"), plan) == []


def test_what_a_mix_keeps_comes_back_with_the_curve_that_it_was_chosen_from(tmp_path: Path) -> None:
    points = (LockedPoint(kept=0, share=1.0, figures={"cosine": 0.5}), LockedPoint(kept=1, share=0.5, figures={}))
    mix = LockedMix(stage="a" * 64, keep=("/Conv", '/odd "name"\n'), curve=points)
    write_lock(tmp_path / "a.lock", locked(mixed=mix))
    assert read_lock(tmp_path / "a.lock").mixed == mix
    assert tomli.loads((tmp_path / "a.lock").read_text("utf-8"))["mixed"]["curve"][0]["kept"] == 0


def test_its_text_says_what_it_is_and_has_tables_for_what_is_reviewed() -> None:
    text = locked().encode().decode()
    assert text.startswith("# What `npuspec apply` last made of the spec")
    values = tomli.loads(text)
    assert values["variants"]["time64"]["model-bytes"] == 1000
    assert '[gates."frame-agreement of static against original, y"]\nmin = 0.5\nfigure = 0.987\npassed = true\n' in text
    assert values["bundle"]["calibrated-on"] == 2
    assert values["precisions"]["int8"]["quantized-operations"] == 5
    assert values["settings"]["quantization.samples"] == 2
    assert values["defaults"]["quantization.preset"] == "performance"


def test_names_can_not_make_the_text_look_like_another(tmp_path: Path) -> None:
    doubt = 'variant \u202e\u2028\x07\U000e0001\t"]\n[gates] is odd'
    path = tmp_path / "a.lock"
    write_lock(path, locked(doubts=(doubt,)))
    text = path.read_text("utf-8")
    assert all(c.isprintable() for c in text.replace("\n", ""))
    assert text.count("\n[gates]") == 0
    assert read_lock(path).doubts == (doubt,)


def test_it_lies_beside_its_spec() -> None:
    assert lock_path(Path("specs/asr.toml")) == Path("specs/asr.lock")
    assert lock_path(Path("specs/asr.v2.toml")) == Path("specs/asr.v2.lock")


def test_every_kind_of_drift_is_named() -> None:
    after = plan_of(
        TEXT.replace("samples = 2", "samples = 3"), files=(*FILES, "e.npy"), toolchain=TOOLCHAIN | {"openvino": "9"}
    )
    model = structs.replace(after.model, digest="f" * 64)
    found = lock_drift(locked(), structs.replace(after, model=model))
    assert [line.partition(" ")[0] for line in found] == [
        "data.sha256",
        "model.sha256",
        "quantization.samples",
        "toolchain.openvino",
    ]
    assert found[2:] == ["quantization.samples 2 → 3", "toolchain.openvino 1 → 9"]


def test_a_default_that_is_now_stated_is_no_drift() -> None:
    assert lock_drift(locked(), plan_of(TEXT + 'preset = "performance"\n', files=FILES)) == []


def test_a_plan_that_differs_in_nothing_that_the_lock_lists_is_still_drift() -> None:
    (change,) = lock_drift(locked(), structs.replace(PLAN, platforms=("4000",)))
    assert change.startswith("the plan's digest ")


def test_figures_sizes_and_timings_are_no_drift() -> None:
    figures = {name: structs.replace(gate, figure=0.6) for name, gate in GATES.items()}
    other = locked(
        gates=figures,
        agreement={},
        precisions={},
        mixed=LockedMix(stage="f" * 64, keep=("/Conv",)),
        quantized_over_static={"time64": 2.0},
        variants={},
        doubts=("something",),
        bundle=LockedBundle(device="NPU", quantization="int8"),
    )
    assert hold_lock(Path("asr.lock"), other, PLAN, GATES) == []


def test_an_outcome_a_new_gate_and_one_that_is_gone_are_drift() -> None:
    failed = LockedGate(min=0.5, figure=0.25, passed=False)
    name = next(iter(GATES))
    assert gate_drift(locked(), {name: failed}) == [f"gate {name}: passed then, failed now, with 0.25"]
    assert gate_drift(locked(gates={name: failed}), GATES) == [f"gate {name}: failed then, passed now, with 0.987"]
    assert gate_drift(locked(), {}) == [f"gate {name}: is gone"]
    assert gate_drift(locked(gates={}), GATES) == [f"gate {name}: is new"]


def test_drift_is_a_fault_for_each_change() -> None:
    after = plan_of(TEXT.replace("samples = 2", "samples = 3"), files=FILES, toolchain=TOOLCHAIN | {"nncf": "9"})
    faults = hold_lock(Path("asr.lock"), locked(), after, {})
    assert [fault.message for fault in faults] == [
        "not as in `asr.lock`: quantization.samples 2 → 3",
        "not as in `asr.lock`: toolchain.nncf 2 → 9",
        f"not as in `asr.lock`: gate {next(iter(GATES))}: is gone",
    ]
    assert {fault.code for fault in faults} == {"lock-drift"}


def test_a_missing_lock_is_one_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(LockError) as caught:
        read_lock(tmp_path / "asr.lock")
    assert (caught.value.code, caught.value.exit_code) == ("no-lock", 3)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "of format None"),
        (b"format = 2\n", "of format 2, and this version of npuspec reads format 1"),
        (b"format = 1\n", "missing required field `plan`"),
        (b"<<<<<<< HEAD\n", "line 1"),
        (b"\xff", "utf-8"),
        (b"a = " + b"[" * 100_000, "can.t be read"),
        (b"a = " + b"1" * 5000, "can.t be read"),
    ],
)
def test_what_is_no_lock_is_unreadable(tmp_path: Path, text: bytes, why: str) -> None:
    path = tmp_path / "asr.lock"
    path.write_bytes(text)
    with pytest.raises(LockError, match=why) as caught:
        read_lock(path)
    assert (caught.value.code, caught.value.exit_code) == ("lock-unreadable", 3)


def test_a_folder_a_device_and_a_huge_file_are_unreadable(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    for path in (tmp_path, tmp_path / "huge", Path(os.devnull)):
        with pytest.raises(LockError) as caught:
            read_lock(path)
        assert caught.value.code == "lock-unreadable"


def test_another_tool_s_lock_is_left_alone_and_one_in_conflict_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "uv.lock"
    path.write_text("version = 1\n")
    for place in (path, tmp_path):
        with pytest.raises(SpecError) as caught:
            check_lock_place(place)
        assert caught.value.code == "output-taken"
    with pytest.raises(SpecError):
        write_lock(path, locked())
    assert path.read_text() == "version = 1\n"
    text = locked().encode().decode()
    path.write_text(text.replace("format = 1", "<<<<<<< HEAD"))
    write_lock(path, locked())
    assert path.read_text() == text


def test_an_override_is_told_from_what_the_spec_says() -> None:
    assert is_overridden(plan_of(SMALL, device="CPU"))
    assert not is_overridden(plan_of(SMALL))


def test_another_tokenizer_is_drift(tmp_path: Path) -> None:
    plan = tokenized("one")
    assert plan.samples is not None
    assert plan.samples.tokenizer is not None
    lock = locked(plan, tokenizer=locked_source(plan.samples.tokenizer))
    write_lock(tmp_path / "asr.lock", lock)
    assert read_lock(tmp_path / "asr.lock") == lock
    assert lock_drift(lock, plan) == []
    [change] = lock_drift(lock, tokenized("two"))
    assert change.startswith("data.tokenizer-sha256 ")


def test_other_labels_and_another_vocabulary_are_drift(tmp_path: Path) -> None:
    text = TEXT.replace(DATA, DATA + 'labels = "l.txt"\n') + (
        '\n[outputs.y]\ndecode = { kind = "class", vocabulary = "v.txt" }\n'
        '\n[[gates]]\nmetric = "accuracy"\noutput = "y"\nof = "static"\nmin = 0.5\n'
    )
    plans = []
    for first, second in ("ab", "ba"):
        files, faults = task_files(tmp_path, text, l=f"{first}\n" * 4, v=f"{first}\n{second}\n")
        assert faults == []
        plans.append(plan_of(text, files=FILES, tasks=files))
    before, after = plans
    assert before.samples is not None
    assert before.samples.labels is not None
    [vocabulary] = [decode.vocabulary for decode in before.decodes if decode.vocabulary is not None]
    sources = {
        "labels": locked_source(before.samples.labels.source),
        "vocabularies": {"y": locked_source(vocabulary)},
    }
    lock = locked(before, **sources)
    write_lock(tmp_path / "asr.lock", lock)
    assert read_lock(tmp_path / "asr.lock") == lock
    assert lock_drift(lock, before) == []
    assert [change.partition(" ")[0] for change in lock_drift(lock, after)] == [
        "data.labels-sha256",
        "outputs.y.decode.vocabulary-sha256",
    ]


def test_other_real_lengths_are_no_drift() -> None:
    waste = Waste(dim="time", digest="f" * 64, lengths=3, longer=0, samples=(3,), padding=0.5, padding_of_one=0.5)
    assert lock_drift(locked(), structs.replace(PLAN, waste=(waste,))) == []
