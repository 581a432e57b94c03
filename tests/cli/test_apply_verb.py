"""`npuspec apply`, and `plan` as far as it prepares it: plan files, the lock, and exit codes."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import npuspec
from helpers import flip, interrupt_apply, version
from recalled import replace_text
from toy_specs import write_spec


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec, its plan file, its lock and its bundle."""
    folder = tmp_path_factory.mktemp("made")
    spec = write_spec(folder)
    planned = npuspec("plan", "spec.toml", "--out", "build/spec.plan", cwd=folder)
    assert planned.code == 0, planned.err
    applied = npuspec("apply", spec.name, cwd=folder)
    assert applied.code == 0, applied.err
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "copy")


def state(folder: Path) -> tuple[str, bytes]:
    """Return what must not change: the bundle's version, and the lock."""
    return version(folder / "build" / "spec"), (folder / "spec.lock").read_bytes()


def test_a_bundle_goes_where_the_spec_s_name_says_and_a_lock_beside_it(folder: Path) -> None:
    ran = npuspec("apply", "spec.toml", cwd=folder)
    assert ran.code == 0
    assert ran.out.splitlines()[-1].startswith("nothing to do: `build/spec` was made from plan ")
    (folder / "spec.lock").unlink()
    ran = npuspec("apply", "spec.toml", cwd=folder)
    assert "spec.lock: written; commit it with the spec" in ran.out


def test_a_plan_file_is_executed_where_its_name_says(folder: Path) -> None:
    before = state(folder)
    ran = npuspec("apply", "build/spec.plan", cwd=folder)
    assert ran.code == 0, ran.err
    assert "nothing to do: `build/spec`" in ran.out
    ran = npuspec("apply", "build/spec.plan", "-o", "elsewhere", cwd=folder)
    assert ran.code == 0, ran.err
    assert version(folder / "elsewhere") == before[0]
    assert state(folder) == before


def _spec(folder: Path) -> None:
    replace_text(folder / "spec.toml", "size = 32", "size = 48")


def _model(folder: Path) -> None:
    flip(folder / "model" / "model.bin", 0)


def _data(folder: Path) -> None:
    (folder / "data" / "2.npy").unlink()


def _tool(folder: Path) -> None:
    replace_text(folder / "build" / "spec.plan", '"nncf": "', '"nncf": "1-')


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_spec, "dims.time.size 32 → 48"),
        (_model, "model.sha256 "),
        (_data, "data.sha256 "),
        (_tool, "toolchain.nncf 1-"),
    ],
)
def test_a_stale_plan_file_is_exit_3_and_says_what_changed(
    folder: Path, change: Callable[[Path], None], said: str
) -> None:
    before = state(folder)
    change(folder)
    ran = npuspec("apply", "build/spec.plan", cwd=folder)
    assert (ran.code, ran.out) == (3, "")
    assert "error[stale-plan]: `build/spec.plan` is stale: " in ran.err
    assert said in ran.err
    assert "npuspec plan spec.toml --out build/spec.plan" in ran.err
    assert "Traceback" not in ran.err
    assert state(folder) == before


def test_a_plan_file_has_its_device_and_takes_no_other(folder: Path) -> None:
    ran = npuspec("apply", "build/spec.plan", "--device", "CPU", cwd=folder)
    assert (ran.code, ran.out) == (2, "")
    assert "leave --device out" in ran.err
    assert ran.err.startswith("Usage: npuspec apply")


@pytest.mark.parametrize("text", ["{", "{}", '{"kind": "npuspec plan"}', "\n \t{"])
def test_what_only_begins_like_a_plan_file_is_exit_3(folder: Path, text: str) -> None:
    (folder / "build" / "spec.plan").write_text(text)
    ran = npuspec("apply", "build/spec.plan", cwd=folder)
    assert (ran.code, ran.out) == (3, "")
    assert "error[plan-unreadable]" in ran.err
    assert "Traceback" not in ran.err


def test_a_plan_file_whose_spec_is_gone_or_wrong_is_exit_2(folder: Path) -> None:
    replace_text(folder / "spec.toml", "size = 32", "size = 0")
    ran = npuspec("apply", "build/spec.plan", cwd=folder)
    assert ran.code == 2
    assert "error[wrong-value]" in ran.err
    (folder / "spec.toml").unlink()
    ran = npuspec("apply", "build/spec.plan", cwd=folder)
    assert ran.code == 2
    assert "error[spec-unreadable]" in ran.err


@pytest.mark.parametrize("verb", ["apply", "plan"])
def test_locked_holds_the_lock_and_writes_none(folder: Path, verb: str) -> None:
    before = state(folder)
    assert npuspec(verb, "spec.toml", "--locked", cwd=folder).code == 0
    replace_text(folder / "spec.toml", "size = 32", "size = 48")
    ran = npuspec(verb, "spec.toml", "--locked", cwd=folder)
    assert ran.code == 3
    assert "error[lock-drift]: not as in `spec.lock`: dims.time.size 32 → 48" in ran.err
    assert state(folder) == before
    (folder / "spec.lock").unlink()
    ran = npuspec(verb, "spec.toml", "--locked", cwd=folder)
    assert ran.code == 3
    assert "error[no-lock]" in ran.err
    assert not (folder / "spec.lock").exists()


def test_a_locked_plan_file_of_another_device_is_drift(folder: Path) -> None:
    ran = npuspec("plan", "spec.toml", "--device", "NPU", "--locked", cwd=folder)
    assert ran.code == 3
    assert "error[lock-drift]" in ran.err
    assert "target.device" in ran.err


def test_a_plan_that_is_not_as_locked_is_not_written(folder: Path) -> None:
    replace_text(folder / "spec.toml", "size = 32", "size = 48")
    before = (folder / "build" / "spec.plan").read_bytes()
    assert npuspec("plan", "spec.toml", "--locked", "--out", "build/spec.plan", cwd=folder).code == 3
    assert (folder / "build" / "spec.plan").read_bytes() == before


def test_the_detailed_exit_code_is_0_5_or_2(folder: Path) -> None:
    def ran() -> tuple[int, str]:
        found = npuspec("plan", "spec.toml", "--detailed-exitcode", cwd=folder)
        return found.code, found.err

    assert ran()[0] == 0
    replace_text(folder / "spec.toml", "size = 32", "size = 48")
    code, said = ran()
    assert (code, "dims.time.size 32 → 48" in said) == (5, True)
    (folder / "spec.lock").unlink()
    code, said = ran()
    assert (code, "there is no spec.lock" in said) == (5, True)
    replace_text(folder / "spec.toml", "size = 48", "size = 0")
    assert ran()[0] == 2


def test_a_lock_that_can_not_be_read_is_exit_3(folder: Path) -> None:
    (folder / "spec.lock").write_text("<<<<<<< ours\n")
    for option in ("--detailed-exitcode", "--locked"):
        ran = npuspec("plan", "spec.toml", option, cwd=folder)
        assert ran.code == 3
        assert "error[lock-unreadable]" in ran.err


def test_writing_the_same_plan_again_says_so(folder: Path) -> None:
    ran = npuspec("plan", "spec.toml", "--out", "build/spec.plan", cwd=folder)
    assert ran.code == 0
    assert "build/spec.plan: unchanged; execute it with `npuspec apply build/spec.plan`" in ran.err
    replace_text(folder / "spec.toml", "size = 32", "size = 48")
    ran = npuspec("plan", "spec.toml", "--out", "build/spec.plan", cwd=folder)
    assert "build/spec.plan: written" in ran.err
    assert json.loads((folder / "build" / "spec.plan").read_text())["spec"] == "../spec.toml"
    assert npuspec("apply", "build/spec.plan", cwd=folder).code == 0


def test_a_plan_takes_no_other_file_s_place(folder: Path) -> None:
    before = (folder / "spec.toml").read_bytes()
    ran = npuspec("plan", "spec.toml", "--out", "spec.toml", cwd=folder)
    assert ran.code == 2
    assert "error[output-taken]" in ran.err
    assert (folder / "spec.toml").read_bytes() == before


def test_a_budget_that_is_not_met_is_said_at_its_place_and_leaves_all_as_it_was(folder: Path) -> None:
    before = state(folder)
    budget = '\n[[gates]]\nmetric = "size-mib"\nmax = 0.001\n'
    (folder / "spec.toml").write_text((folder / "spec.toml").read_text() + budget)
    ran = npuspec("plan", "spec.toml", "--out", "build/new.plan", cwd=folder)
    assert (ran.code, "size-mib: at most 0.001" in ran.out) == (0, True)
    for what in ("spec.toml", "build/new.plan"):
        ran = npuspec("apply", what, cwd=folder)
        assert ran.code == 1
        assert "error[gate-failed]: size-mib: 0.0" in ran.err
        assert "at most 0.001 wanted (FAILED, margin -" in ran.err
        assert "spec.toml:29:1" in ran.err
        assert state(folder) == before


def test_an_override_leaves_the_lock(folder: Path) -> None:
    before = state(folder)
    ran = npuspec("apply", "spec.toml", "--device", "CPU", "-o", "elsewhere", cwd=folder)
    assert ran.code == 0, ran.err
    assert "spec.lock" not in ran.out
    assert state(folder) == before


def test_a_gate_that_fails_is_exit_1_and_leaves_everything(folder: Path) -> None:
    before = state(folder)
    replace_text(folder / "spec.toml", "min = 0.5", "min = 0.001\nmax = 0.01")
    ran = npuspec("apply", "spec.toml", cwd=folder)
    assert ran.code == 1
    assert "build/spec:" not in ran.out
    assert "error[gate-failed]: frame-agreement of static against original, y: " in ran.err
    assert "at most 0.01 wanted (FAILED" in ran.err
    assert state(folder) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent in another way there")
@pytest.mark.parametrize("name", ["spec.toml", "build/spec.plan"])
def test_ctrl_c_leaves_the_lock_and_the_bundle_as_they_were(folder: Path, name: str) -> None:
    before = state(folder)
    code, out, err = interrupt_apply(name, cwd=folder)
    assert (code, out) == (130, "")
    assert "interrupted" in err
    assert "Traceback" not in err
    assert state(folder) == before
    assert sorted(p.name for p in folder.iterdir()) == ["build", "data", "model", "spec.lock", "spec.toml"]
    assert "nothing to do: " in npuspec("apply", name, cwd=folder).out
