"""All checks together, on machines of files and on this one."""

from pathlib import Path

import pytest

from doctor.trees import NONE, add_pci, healthy, machine, named, wrong
from npuspec.doctor import Check, examine, this_machine
from npuspec.doctor.machine import nameless

NAMES = [
    "system", "python", "openvino", "npu-plugin", "npu-compiler", "compiler-command", "nncf", "container", "npu",
    "kernel-module", "firmware", "device-node", "permissions", "level-zero", "user-driver", "devices", "driver",
    "driver-cache",
]  # fmt: skip


def test_nothing_hinders_a_machine_without_npu(tmp_path: Path) -> None:
    checks = examine(machine(tmp_path, libraries=NONE, devices={"CPU": "a CPU"}))
    assert [check.name for check in checks] == NAMES
    assert not wrong(checks)


def test_nothing_hinders_a_machine_whose_npu_can_be_used(tmp_path: Path) -> None:
    healthy(tmp_path)
    checks = examine(machine(tmp_path))
    assert [check.name for check in checks] == NAMES
    assert not wrong(checks)


def test_every_problem_says_what_it_means_and_what_to_do(tmp_path: Path) -> None:
    add_pci(tmp_path, node="")
    checks = examine(machine(tmp_path, libraries=NONE, devices=None))
    assert wrong(checks) == ["kernel-module", "firmware", "device-node", "level-zero", "user-driver", "devices"]
    assert all(check.means and check.todo for check in checks if check.status == "problem")


def test_this_machine_is_looked_at_and_each_check_is_told_as_it_is_done() -> None:
    told: list[Check] = []
    checks = examine(this_machine(), told.append)
    assert told == checks
    assert named(checks)["devices"].status == "ok" or named(checks)["npu"].status == "ok"
    assert "CPU (" in named(checks)["devices"].found


def test_no_home_folder_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    healthy(tmp_path)
    found = named(examine(machine(tmp_path, environment={"XDG_CACHE_HOME": "/home/alice/.cache"})))
    assert found["driver-cache"].found == "~/.cache/ze_intel_npu_cache"
    monkeypatch.setenv("HOME", "/")
    assert nameless("/a/b") == "/a/b"
