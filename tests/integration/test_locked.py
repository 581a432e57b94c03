"""`apply` writes the lock, `locked` holds it, and a plan file is executed only while it is fresh, on a real model."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tomli

from helpers import files, flip, version
from npuspec.diagnostics import Diagnostic, GateError, LockError, SpecError, StalePlanError
from npuspec.execute import Observer, apply, execute_planfile
from npuspec.plan import prepare
from npuspec.plan.lock import hold_lock, read_lock
from npuspec.plan.model import PlannedStage
from npuspec.plan.planfile import write_planfile
from npuspec.store import Store
from toy_specs import INT8, write_spec

UNMET = 0.99  # what padding changes shows in more than one of a hundred frames


class Stages(Observer):
    """Writes down which stages were begun."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, stage: PlannedStage, number: int, count: int) -> None:  # noqa: ARG002
        self.names.append(stage.name)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec, its lock, and its bundle."""
    folder = tmp_path_factory.mktemp("made")
    spec = write_spec(folder)
    applied = apply(spec, folder / "bundle")
    assert applied.lock == folder / "spec.lock"
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of the folder, where a test may do with it what it likes."""
    return shutil.copytree(made, tmp_path / "copy")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def change_model(folder: Path) -> None:
    flip(folder / "model" / "model.bin", 0)


def change_data(folder: Path) -> None:
    np.save(folder / "data" / "9.npy", np.ones((3, 10), np.float32))


def change_setting(folder: Path) -> None:
    replace(folder / "spec.toml", "size = 32", "size = 48")


def change_version(folder: Path) -> None:
    replace(folder / "spec.lock", 'openvino = "', 'openvino = "1-')


CHANGES: list[tuple[Callable[[Path], None], str]] = [
    (change_model, "model.sha256 "),
    (change_data, "data.sha256 "),
    (change_setting, "dims.time.size 32 → 48"),
    (change_version, "toolchain.openvino 1-"),
]


def messages(faults: tuple[Diagnostic, ...]) -> str:
    return "\n".join(fault.message for fault in faults)


def test_the_lock_says_what_was_made_and_measured(made: Path) -> None:
    lock = tomli.loads((made / "spec.lock").read_text("utf-8"))
    assert lock["model"]["source"] == "model/model.xml"
    assert lock["data"]["files"] == 3
    assert lock["bundle"] == {"device": "CPU", "quantization": "none"}
    assert lock["variants"]["time32"]["model-bytes"] > 1000
    (gate,) = lock["gates"].values()
    assert (gate["min"], gate["passed"]) == (0.5, True)
    assert 0.5 <= gate["figure"] < 1
    assert str(made) not in (made / "spec.lock").read_text("utf-8")


def test_applying_again_leaves_the_same_bytes_and_a_lost_lock_comes_back_with_them(folder: Path) -> None:
    spec, lock = folder / "spec.toml", folder / "spec.lock"
    before = lock.read_bytes()
    again = apply(spec, folder / "bundle")
    assert again.unchanged
    assert (again.lock, lock.read_bytes()) == (None, before)
    lock.unlink()
    again = apply(spec, folder / "bundle")
    assert again.unchanged
    assert (again.lock, lock.read_bytes()) == (lock, before)
    lock.unlink()
    assert apply(spec, folder / "elsewhere").lock == lock
    assert lock.read_bytes() == before


def test_locked_makes_the_bundle_where_nothing_changed_and_writes_no_lock(folder: Path) -> None:
    lock = folder / "spec.lock"
    replace(lock, "figure = 0.", "figure = 0.0")
    replace(lock, "model-bytes = ", "model-bytes = 9")
    before = lock.read_bytes()
    applied = apply(folder / "spec.toml", folder / "elsewhere", locked=True)
    assert not applied.unchanged
    assert files(folder / "elsewhere") == files(folder / "bundle")
    assert apply(folder / "spec.toml", folder / "bundle", locked=True).unchanged
    assert lock.read_bytes() == before


@pytest.mark.parametrize(("change", "said"), CHANGES)
def test_what_changed_is_drift_before_a_stage_is_run(folder: Path, change: Callable[[Path], None], said: str) -> None:
    spec, lock, observer = folder / "spec.toml", folder / "spec.lock", Stages()
    change(folder)
    before, made = lock.read_bytes(), version(folder / "bundle")
    with pytest.raises(LockError) as caught:
        apply(spec, folder / "bundle", locked=True, observer=observer)
    assert (caught.value.code, caught.value.exit_code) == ("lock-drift", 3)
    assert said in messages(caught.value.diagnostics)
    assert observer.names == []
    assert (lock.read_bytes(), version(folder / "bundle")) == (before, made)
    _, prepared, _ = prepare(spec, Store())
    assert prepared is not None
    assert tuple(hold_lock(lock, read_lock(lock), prepared.plan)) == caught.value.diagnostics


def test_applying_what_changed_ends_the_drift(folder: Path) -> None:
    for change, _ in CHANGES:
        change(folder)
    assert apply(folder / "spec.toml", folder / "bundle").lock is not None
    assert apply(folder / "spec.toml", folder / "bundle", locked=True).unchanged


def test_another_outcome_of_a_gate_is_drift_and_nothing_is_published(folder: Path) -> None:
    replace(folder / "spec.lock", "passed = true", "passed = false")
    for output in ("elsewhere", "bundle"):
        with pytest.raises(LockError) as caught:
            apply(folder / "spec.toml", folder / output, locked=True)
        assert "gate frame-agreement of static against original, y: failed then, passed now" in str(caught.value)
    assert not (folder / "elsewhere").exists()


def test_a_failed_gate_leaves_the_old_bundle_and_the_old_lock(folder: Path) -> None:
    before, made = (folder / "spec.lock").read_bytes(), version(folder / "bundle")
    replace(folder / "spec.toml", "min = 0.5", f"min = {UNMET}")
    with pytest.raises(GateError):
        apply(folder / "spec.toml", folder / "bundle")
    assert ((folder / "spec.lock").read_bytes(), version(folder / "bundle")) == (before, made)


def test_without_a_lock_there_is_nothing_to_hold(folder: Path) -> None:
    (folder / "spec.lock").unlink()
    with pytest.raises(LockError) as caught:
        apply(folder / "spec.toml", folder / "bundle", locked=True)
    assert caught.value.code == "no-lock"
    assert not (folder / "spec.lock").exists()


def test_another_tool_s_lock_stops_apply_before_a_stage_is_run(folder: Path) -> None:
    (folder / "spec.lock").write_text("version = 1\n")
    observer = Stages()
    with pytest.raises(SpecError) as caught:
        apply(folder / "spec.toml", folder / "elsewhere", observer=observer)
    assert (caught.value.code, observer.names) == ("output-taken", [])
    assert (folder / "spec.lock").read_text() == "version = 1\n"


def test_a_device_of_the_command_line_leaves_the_lock(folder: Path) -> None:
    before = (folder / "spec.lock").read_bytes()
    assert apply(folder / "spec.toml", folder / "other", device="CPU").lock is None
    assert (folder / "spec.lock").read_bytes() == before


def test_a_quantized_spec_locks_what_quantized_it_and_ratios_only(tmp_path: Path) -> None:
    apply(write_spec(tmp_path, minimum=0.1, more=INT8), tmp_path / "bundle")
    lock = tomli.loads((tmp_path / "spec.lock").read_text("utf-8"))
    assert lock["bundle"]["quantization"] == "int8"
    assert "blob-bytes" not in lock["variants"]["time32"]
    assert lock["bundle"]["calibrated-on"] == 2
    assert lock["bundle"]["quantized-operations"] == 3
    assert lock["precisions"].keys() == {"original", "fp16", "int8"}
    assert lock["quantized-over-static"].keys() == {"time32"}
    assert lock["agreement"].keys() == {
        "static against original, y",
        "quantized against original, y",
        "quantized against static, y",
    }
    text = (tmp_path / "spec.lock").read_text("utf-8")
    assert "_ms" not in text
    assert "seconds" not in text


@pytest.fixture
def planned(folder: Path) -> Path:
    """The plan file of the spec, in a folder of its own."""
    _, prepared, _ = prepare(folder / "spec.toml", Store())
    assert prepared is not None
    (folder / "plans").mkdir()
    write_planfile(folder / "plans" / "spec.plan", prepared.plan, folder / "spec.toml")
    return folder / "plans" / "spec.plan"


def test_a_fresh_plan_file_is_executed_like_its_spec(folder: Path, planned: Path) -> None:
    applied = execute_planfile(planned, folder / "elsewhere", locked=True)
    assert applied.digest == version(folder / "bundle")
    (folder / "spec.lock").unlink()
    assert execute_planfile(planned, folder / "elsewhere").lock == folder.resolve() / "spec.lock"


@pytest.mark.parametrize(("change", "said"), CHANGES[:3])
def test_a_stale_plan_file_is_refused_with_what_changed(
    folder: Path, planned: Path, change: Callable[[Path], None], said: str
) -> None:
    before, observer = version(folder / "bundle"), Stages()
    change(folder)
    with pytest.raises(StalePlanError) as caught:
        execute_planfile(planned, folder / "bundle", observer=observer)
    assert (caught.value.code, caught.value.exit_code) == ("stale-plan", 3)
    assert said in messages(caught.value.diagnostics)
    assert (observer.names, version(folder / "bundle")) == ([], before)


def test_a_plan_file_of_another_toolchain_is_stale(folder: Path, planned: Path) -> None:
    replace(planned, '"openvino": "', '"openvino": "1-')
    with pytest.raises(StalePlanError, match=r"toolchain\.openvino 1-"):
        execute_planfile(planned, folder / "bundle")


def test_a_plan_file_whose_spec_became_wrong_says_what_is_wrong_with_it(folder: Path, planned: Path) -> None:
    replace(folder / "spec.toml", 'strategy = "pad"', 'strategy = "pads"')
    with pytest.raises(SpecError):
        execute_planfile(planned, folder / "bundle")


def test_a_plan_file_keeps_the_device_that_it_was_planned_for(folder: Path) -> None:
    replace(folder / "spec.toml", 'device = "CPU"', 'device = "NPU"')
    _, prepared, _ = prepare(folder / "spec.toml", Store(), device="CPU")
    assert prepared is not None
    write_planfile(folder / "cpu.plan", prepared.plan, folder / "spec.toml", "CPU")
    applied = execute_planfile(folder / "cpu.plan", folder / "elsewhere")
    assert (applied.device, applied.lock) == ("CPU", None)
