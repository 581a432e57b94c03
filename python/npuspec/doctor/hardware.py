"""Which NPUs are there, and what is known of drivers. The table beside this file is data that people can correct."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import tomli

from npuspec.doctor.machine import Machine

_INTEL = "0x8086"
_MODULE = "intel_vpu"
_WINDOWS = 10_000  # 1004509 is 100.4509


@dataclass(frozen=True, slots=True)
class Npu:
    """An NPU among the PCI devices.

    Attributes:
        name: of the processor that it is part of.
        platform: OpenVINO's NPU_PLATFORM, or nothing where that isn't known.
        firmware: what the names of its firmware's files begin with, behind `vpu_`; nothing where that isn't known.
        nodes: the device nodes that the kernel gave it, by their paths below the root.

    """

    name: str
    platform: str
    firmware: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BadDriver:
    """What is known of a driver."""

    status: str
    means: str
    todo: str


def find_npus(machine: Machine) -> tuple[Npu, ...]:
    """Return the NPUs that Linux tells of, whether they can be used or not; nothing on other systems."""
    return tuple(_npus(machine)) if machine.is_linux else ()


def _npus(machine: Machine) -> Iterator[Npu]:
    known = {row["device"]: row for row in _table()["npu"]}
    places = (*machine.find("sys/bus/pci/devices/*"), *machine.find("sys/class/accel/*/device"))
    for place in dict.fromkeys(path.resolve() for path in places):
        if machine.text(str(place / "vendor")) != _INTEL:
            continue
        device = machine.text(str(place / "device"))
        row = known.get(device)
        if row is None and (place / "driver").resolve().name != _MODULE:
            continue
        nodes = tuple(f"dev/accel/{path.name}" for path in sorted(place.glob("accel/accel*")))
        row = row or {"name": f"Intel NPU {device}"}
        yield Npu(row["name"], row.get("platform", ""), row.get("firmware", ""), nodes)


def driver_name(system: str, number: str) -> str:
    """Return a driver's version as people know it."""
    if system == "Windows" and number.isdecimal() and int(number) > _WINDOWS:
        return f"32.0.{int(number) // _WINDOWS}.{int(number) % _WINDOWS}"
    return number


def known_of_driver(system: str, platform: str, number: str) -> BadDriver | None:
    """Return what is known against a driver.

    Args:
        system: the operating system.
        platform: the NPU, as OpenVINO tells it; nothing where it doesn't.
        number: NPU_DRIVER_VERSION.

    """
    if not number.isdecimal():
        return None
    for row in _table()["driver"]:
        is_meant = row["system"] == system and (not platform or platform in row["platforms"])
        if is_meant and (int(number) in row.get("versions", ()) or int(number) < row.get("below", 0)):
            return BadDriver(row["status"], f"{row['means']} ({row['source']})", row["do"])
    return None


@cache
def _table() -> dict[str, Any]:
    return tomli.loads(Path(__file__).with_name("hardware.toml").read_text("utf-8"))
