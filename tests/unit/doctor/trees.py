"""Machines as a folder of files has them: the layout is Linux's, and so are the links in it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from npuspec.doctor import Check, Machine
from npuspec.doctor.machine import this_machine

NOT_FOUND = "cannot open shared object file: No such file or directory"
LIBRARIES = {"libze_loader.so.1": "", "libze_intel_npu.so.1": "", "libze_intel_vpu.so.1": NOT_FOUND}
NONE = dict.fromkeys(LIBRARIES, NOT_FOUND)
DEVICES = {"CPU": "Intel(R) Core(TM) Ultra 7 155H", "NPU": "Intel(R) AI Boost"}
TOLD = {"DEVICE_ARCHITECTURE": "3720", "NPU_DRIVER_VERSION": "1782212450", "NPU_COMPILER_VERSION": "524289"}
GROUPS = "root:x:0:\nvideo:x:44:\nrender:x:993:{members}\nalice:x:1000:\n"


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{content}\n")


def add_pci(root: Path, *, vendor: str = "0x8086", device: str = "0x7d1d", node: str = "accel0") -> Path:
    """Add a PCI device that has, or would have, a device node."""
    place = root / "sys/devices/pci0000:00/0000:00:0b.0"
    write(place, {"vendor": vendor, "device": device})
    links = root / "sys/bus/pci/devices"
    links.mkdir(parents=True)
    (links / place.name).symlink_to(Path("../../../devices/pci0000:00") / place.name)
    if node:
        (place / "accel" / node).mkdir(parents=True)
        (place / "accel" / node / "device").symlink_to(Path("../.."))
        (root / "sys/class/accel").mkdir(parents=True)
        (root / "sys/class/accel" / node).symlink_to(Path("../../devices/pci0000:00") / place.name / "accel" / node)
    return place


def add_module(root: Path) -> None:
    write(root, {"sys/module/intel_vpu/version": "1.0.0"})


def add_node(root: Path, mode: int = 0o660) -> Path:
    write(root, {"dev/accel/accel0": ""})
    (root / "dev/accel/accel0").chmod(mode)
    return root / "dev/accel/accel0"


def healthy(root: Path) -> None:
    """Make all files of a machine whose NPU can be used."""
    add_pci(root)
    add_module(root)
    add_node(root)
    write(root, {"lib/firmware/intel/vpu/vpu_37xx_v1.bin": ""})


def machine(
    root: Path,
    *,
    system: str = "Linux",
    kernel: str = "6.8.0-45-generic",
    environment: Mapping[str, str] | None = None,
    may_open: bool = True,
    groups: Iterable[int] = (1000,),
    members: str = "",
    libraries: Mapping[str, str] = LIBRARIES,
    devices: Mapping[str, str] | None = DEVICES,
    told: Mapping[str, str] = TOLD,
) -> Machine:
    """Return a machine of these files; `devices` None is a plugin that dies when it is asked."""
    here = this_machine()
    write(
        root,
        {
            "proc/sys/kernel/osrelease": kernel,
            "etc/group": GROUPS.format(members=members),
            "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/bash",
        },
    )

    def ask(function: str, arguments: Mapping[str, Any]) -> tuple[Any, str]:
        if function == "libraries":
            return {name: libraries.get(name, NOT_FOUND) for name in arguments["names"]}, ""
        if devices is None:
            return None, "the process that ran `npuspec.doctor.ask` died (signal SIGSEGV)"
        return {"version": "2026.4.1", "devices": devices, "npu": told if "NPU" in devices else {}}, ""

    return Machine(
        root=root,
        system=system,
        architecture="x86_64",
        environment=environment or {},
        versions=here.versions,
        plugins=here.plugins,
        uid=1000,
        groups=frozenset(groups),
        may_open=lambda _path: may_open,
        ask=ask,
    )


def named(checks: Iterable[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def wrong(checks: Iterable[Check]) -> list[str]:
    """Return the names of what is a problem."""
    return [check.name for check in checks if check.status == "problem"]
