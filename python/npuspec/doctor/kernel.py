"""The NPU as Linux has it: the device, its module and firmware, its node, and who may open that."""

import re
import stat
from collections.abc import Iterator, Sequence

from npuspec.doctor.check import Check, Status
from npuspec.doctor.hardware import Npu
from npuspec.doctor.machine import Machine

_MODULE = "sys/module/intel_vpu"
_LEAST_KERNEL = (6, 6)
_GROUP = stat.S_IRGRP | stat.S_IWGRP
_LOG = "sudo dmesg | grep intel_vpu"
_RULE = 'SUBSYSTEM=="accel", KERNEL=="accel*", GROUP="render", MODE="0660"'


def check_kernel(machine: Machine, npus: Sequence[Npu]) -> Iterator[Check]:
    """Look at everything between the PCI device and the user; on other systems only say that it isn't looked at."""
    if not machine.is_linux:
        yield Check("npu", Status.NOT_HERE, f"npuspec can't look for it on {machine.system}: OpenVINO's devices tell")
        return
    yield _container(machine)
    yield _npu(npus)
    if npus:
        yield _module(machine)
        yield _firmware(machine, npus)
        yield _node(machine, npus)
        yield _rights(machine, npus)
    else:
        for name in ("kernel-module", "firmware", "device-node", "permissions"):
            yield Check(name, Status.NOT_HERE, "no NPU that would need it")


def _container(machine: Machine) -> Check:
    if machine.is_wsl:
        means = "Windows doesn't show its NPU to the Linux in it, nor to the containers in that"
        return Check("container", Status.NOTE, "WSL", means, "to use an NPU, run npuspec in Windows itself")
    if name := machine.container:
        means = "a device of the host is only here if it was passed in; module and firmware are the host's"
        return Check("container", Status.OK, name, means)
    return Check("container", Status.OK, "none")


def _npu(npus: Sequence[Npu]) -> Check:
    if not npus:
        means = "nothing is wrong: bundles run on the CPU where their specs allow it"
        return Check("npu", Status.NOT_HERE, "no Intel NPU among the PCI devices", means)
    found = ", ".join(f"{npu.name} (platform {npu.platform})" if npu.platform else npu.name for npu in npus)
    return Check("npu", Status.OK, found)


def _module(machine: Machine) -> Check:
    on_host = " on the host" if machine.container else ""
    if not machine.has(_MODULE):
        means = "without the kernel module intel_vpu the NPU has no device node"
        if any(machine.find(f"lib/modules/{machine.kernel}/kernel/drivers/accel/ivpu/*")):
            todo = f"sudo modprobe intel_vpu, and then what it says: {_LOG}"
            return Check("kernel-module", Status.PROBLEM, "intel_vpu is there and not loaded", means, todo)
        found = f"intel_vpu isn't loaded{on_host}; kernel {machine.kernel}"
        todo = f"load it{on_host}: sudo modprobe intel_vpu; where there is none, install a kernel of 6.6 or later"
        return Check("kernel-module", Status.PROBLEM, found, means, todo)
    version = machine.text(f"{_MODULE}/version")
    found = f"intel_vpu {version}".strip() + f", kernel {machine.kernel}"
    numbers = tuple(map(int, re.findall(r"\d+", machine.kernel)[:2]))
    if numbers < _LEAST_KERNEL:
        means = "OpenVINO asks for Linux 6.6 or later where there is an NPU"
        return Check("kernel-module", Status.WARNING, found, means, "install a later kernel")
    return Check("kernel-module", Status.OK, found)


def _firmware(machine: Machine, npus: Sequence[Npu]) -> Check:
    names = {npu.firmware for npu in npus if npu.firmware}
    found = sorted(
        {
            path.name
            for name in names
            for folder in ("", "updates/")
            for path in machine.find(f"lib/firmware/{folder}intel/vpu/vpu_{name}*")
        }
    )
    if found:
        return Check("firmware", Status.OK, ", ".join(found))
    if _nodes(machine, npus):
        return Check("firmware", Status.OK, "loaded, as there is a device node")
    if machine.container or not names:
        return Check("firmware", Status.NOT_HERE, "can't be seen from here")
    wanted = ", ".join(f"intel/vpu/vpu_{name}_v1.bin" for name in sorted(names))
    means = "the kernel module gives no device node without it"
    todo = "install linux-firmware, or the driver's package intel-fw-npu, and start the machine again"
    return Check("firmware", Status.PROBLEM, f"{wanted} is missing", means, todo)


def _nodes(machine: Machine, npus: Sequence[Npu]) -> list[str]:
    return [node for npu in npus for node in npu.nodes if machine.has(node)]


def _node(machine: Machine, npus: Sequence[Npu]) -> Check:
    if found := _nodes(machine, npus):
        return Check("device-node", Status.OK, ", ".join(f"/{node}" for node in found))
    given = [f"/{node}" for npu in npus for node in npu.nodes]
    means = "programs reach the NPU through it alone"
    if machine.container and given:
        found_ = f"{given[0]} wasn't passed into the container"
        todo = "docker run --device /dev/accel --group-add $(stat -c %g /dev/accel/accel0) ..."
        if machine.container == "Kubernetes":
            todo = "ask for it in the pod's resources, by Intel's device plugin for NPUs"
        return Check("device-node", Status.PROBLEM, found_, means, todo)
    if not machine.has(_MODULE):
        return Check("device-node", Status.PROBLEM, "no /dev/accel/accel0", means, "load the kernel module first")
    means += "; the module is loaded and gave none, so the NPU didn't start: mostly for want of firmware"
    return Check("device-node", Status.PROBLEM, "no /dev/accel/accel0", means, f"see what the module says: {_LOG}")


def _rights(machine: Machine, npus: Sequence[Npu]) -> Check:
    nodes = _nodes(machine, npus)
    if not nodes:
        return Check("permissions", Status.NOT_HERE, "no device node")
    path = machine.root / nodes[0]
    status = path.stat()
    group = _group_name(machine, status.st_gid)
    found = f"/{nodes[0]} is {stat.filemode(status.st_mode)[1:]}, of the group {group}"
    if machine.may_open(path):
        return Check("permissions", Status.OK, found)
    means = "this user may not read and write it, and OpenVINO then shows no NPU"
    if status.st_mode & _GROUP != _GROUP or status.st_gid == 0:
        todo = f"let the group render have it, by a rule in /etc/udev/rules.d: {_RULE}"
        return Check("permissions", Status.PROBLEM, found, f"{means}; nor may any group of users", todo)
    if machine.container:
        return Check("permissions", Status.PROBLEM, found, means, f"docker run --group-add {status.st_gid} ...")
    if _is_member(machine, status.st_gid):
        means = f"the user was added to the group {group}, and this session began before that"
        return Check(
            "permissions", Status.PROBLEM, found, means, f"log out and in again, or for this shell: newgrp {group}"
        )
    return Check("permissions", Status.PROBLEM, found, means, f"sudo usermod -a -G {group} $USER, then log in again")


def _group_name(machine: Machine, gid: int) -> str:
    rows = (line.split(":") for line in machine.text("etc/group").splitlines())
    return next((row[0] for row in rows if row[2:3] == [str(gid)]), str(gid))


def _is_member(machine: Machine, gid: int) -> bool:
    """Tell whether the files make the user a member, whatever this session has of it."""
    users = [line.split(":") for line in machine.text("etc/passwd").splitlines()]
    names = {row[0] for row in users if row[2:3] == [str(machine.uid)]}
    rows = (line.split(":") for line in machine.text("etc/group").splitlines())
    members = {name for row in rows if row[2:3] == [str(gid)] for name in row[3].split(",")}
    return bool(names & members) and gid not in machine.groups
