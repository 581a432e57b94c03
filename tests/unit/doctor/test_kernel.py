"""The NPU as Linux has it: for each thing that may be missing, what is said, and what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from doctor.trees import add_module, add_node, add_pci, healthy, machine, named, write, wrong
from npuspec.doctor import Check, Machine
from npuspec.doctor.hardware import find_npus
from npuspec.doctor.kernel import check_kernel

AS_NOBODY = """
import os
from pathlib import Path
from npuspec.doctor import this_machine
machine = this_machine()
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print(machine.may_open(Path("/dev/null")), machine.may_open(Path("/etc/group")))
"""


def checked(found: Machine) -> dict[str, Check]:
    return named(check_kernel(found, find_npus(found)))


def test_a_machine_without_npu_has_no_problem(tmp_path: Path) -> None:
    checks = checked(machine(tmp_path))
    assert checks.pop("container").found == "none"
    assert {check.status for check in checks.values()} == {"not here"}
    assert checks["npu"].found == "no Intel NPU among the PCI devices"


def test_an_npu_that_can_be_used_is_ok_in_all(tmp_path: Path) -> None:
    healthy(tmp_path)
    checks = checked(machine(tmp_path))
    assert {check.status for check in checks.values()} == {"ok"}
    assert checks["npu"].found == "Meteor Lake (platform 3720)"
    assert checks["kernel-module"].found == "intel_vpu 1.0.0, kernel 6.8.0-45-generic"
    assert checks["firmware"].found == "vpu_37xx_v1.bin"
    assert checks["device-node"].found == "/dev/accel/accel0"
    assert checks["permissions"].found.startswith("/dev/accel/accel0 is rw-rw----, of the group ")


@pytest.mark.parametrize("place", ["intel/vpu/vpu_37xx_v1.bin.zst", "updates/intel/vpu/vpu_37xx_v0.0.bin"])
def test_firmware_is_found_packed_and_in_updates(tmp_path: Path, place: str) -> None:
    add_pci(tmp_path, node="")
    write(tmp_path, {f"lib/firmware/{place}": ""})
    assert checked(machine(tmp_path))["firmware"].status == "ok"


def test_without_a_module_there_is_no_node_and_both_say_so(tmp_path: Path) -> None:
    add_pci(tmp_path, node="")
    write(tmp_path, {"lib/firmware/intel/vpu/vpu_37xx_v1.bin": ""})
    checks = checked(machine(tmp_path, kernel="5.15.0-1-generic"))
    assert wrong(checks.values()) == ["kernel-module", "device-node"]
    assert "kernel 5.15.0-1-generic" in checks["kernel-module"].found
    assert "install a kernel of 6.6 or later" in checks["kernel-module"].todo
    assert checks["device-node"].todo == "load the kernel module first"
    assert checks["permissions"].status == "not here"


def test_a_module_that_the_kernel_has_is_only_to_be_loaded(tmp_path: Path) -> None:
    add_pci(tmp_path, node="")
    write(tmp_path, {"lib/modules/6.8.0-45-generic/kernel/drivers/accel/ivpu/intel_vpu.ko.zst": ""})
    found = checked(machine(tmp_path))["kernel-module"]
    assert found.found == "intel_vpu is there and not loaded"
    assert found.todo.startswith("sudo modprobe intel_vpu")


def test_an_old_kernel_is_warned_of(tmp_path: Path) -> None:
    healthy(tmp_path)
    checks = checked(machine(tmp_path, kernel="6.5.0-41-generic"))
    assert checks["kernel-module"].status == "warning"
    assert not wrong(checks.values())


def test_a_module_that_gave_no_node_wants_its_firmware(tmp_path: Path) -> None:
    add_pci(tmp_path, device="0x643e", node="")
    add_module(tmp_path)
    checks = checked(machine(tmp_path))
    assert wrong(checks.values()) == ["firmware", "device-node"]
    assert checks["firmware"].found == "intel/vpu/vpu_40xx_v1.bin is missing"
    assert "dmesg" in checks["device-node"].todo


def test_firmware_that_was_loaded_is_not_looked_for(tmp_path: Path) -> None:
    add_pci(tmp_path)
    add_module(tmp_path)
    add_node(tmp_path)
    assert checked(machine(tmp_path))["firmware"].found == "loaded, as there is a device node"


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to a group")
def test_a_user_who_is_in_no_group_is_told_which_to_join(tmp_path: Path) -> None:
    healthy(tmp_path)
    os.chown(tmp_path / "dev/accel/accel0", 0, 993)
    found = checked(machine(tmp_path, may_open=False, members="bob"))["permissions"]
    assert found.status == "problem"
    assert found.found == "/dev/accel/accel0 is rw-rw----, of the group render"
    assert found.todo == "sudo usermod -a -G render $USER, then log in again"


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to a group")
def test_a_group_that_was_joined_and_is_not_active_needs_a_new_session(tmp_path: Path) -> None:
    healthy(tmp_path)
    os.chown(tmp_path / "dev/accel/accel0", 0, 993)
    found = checked(machine(tmp_path, may_open=False, members="bob,alice"))["permissions"]
    assert found.status == "problem"
    assert "this session began before that" in found.means
    assert found.todo == "log out and in again, or for this shell: newgrp render"


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to a group")
def test_in_a_container_the_group_is_given_by_its_number(tmp_path: Path) -> None:
    healthy(tmp_path)
    write(tmp_path, {".dockerenv": ""})
    os.chown(tmp_path / "dev/accel/accel0", 0, 993)
    found = checked(machine(tmp_path, may_open=False))["permissions"]
    assert found.todo == "docker run --group-add 993 ..."


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_node_that_no_group_may_open_needs_a_rule(tmp_path: Path, mode: int) -> None:
    healthy(tmp_path)
    (tmp_path / "dev/accel/accel0").chmod(mode)
    found = checked(machine(tmp_path, may_open=False))["permissions"]
    assert found.status == "problem"
    assert 'GROUP="render", MODE="0660"' in found.todo


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes somebody else")
def test_whether_a_file_may_be_opened_is_asked_of_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", AS_NOBODY], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


@pytest.mark.parametrize(
    ("files", "environment", "name", "todo"),
    [
        ({".dockerenv": ""}, {}, "Docker", "docker run --device /dev/accel"),
        ({"run/.containerenv": ""}, {}, "Podman", "--device /dev/accel"),
        ({"proc/1/cgroup": "0::/lxc.payload.box"}, {}, "LXC", "--device /dev/accel"),
        ({".dockerenv": ""}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "Kubernetes", "device plugin"),
    ],
)
def test_a_container_without_the_node_is_told_how_to_pass_it_in(
    tmp_path: Path, files: dict[str, str], environment: dict[str, str], name: str, todo: str
) -> None:
    add_pci(tmp_path)
    add_module(tmp_path)
    write(tmp_path, files)
    checks = checked(machine(tmp_path, environment=environment))
    assert checks["container"].found == name
    assert wrong(checks.values()) == ["device-node"]
    assert checks["device-node"].found == "/dev/accel/accel0 wasn't passed into the container"
    assert todo in checks["device-node"].todo
    assert checks["firmware"].status == "not here"


def test_wsl_has_no_npu_and_windows_itself_is_named(tmp_path: Path) -> None:
    checks = checked(machine(tmp_path, kernel="5.15.167.4-microsoft-standard-WSL2"))
    assert checks["container"].found == "WSL"
    assert checks["container"].todo == "to use an NPU, run npuspec in Windows itself"
    assert not wrong(checks.values())


def test_other_systems_are_said_not_to_be_looked_at(tmp_path: Path) -> None:
    healthy(tmp_path)
    [found] = checked(machine(tmp_path, system="Windows")).values()
    assert (found.name, found.status) == ("npu", "not here")
    assert "on Windows" in found.found
