"""The driver's libraries, and the devices that OpenVINO makes of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from npuspec.doctor.check import Check, Status
from npuspec.doctor.hardware import driver_name, known_of_driver
from npuspec.doctor.machine import Machine

_LOADER = {"Linux": "libze_loader.so.1", "Windows": "ze_loader.dll"}
_DRIVER, _OLD_DRIVER = "libze_intel_npu.so.1", "libze_intel_vpu.so.1"
_CACHE = "ZE_INTEL_NPU_CACHE_DIR"


def check_driver(machine: Machine, *, has_npu: bool) -> Iterator[Check]:
    """Load the libraries, and ask OpenVINO what it sees."""
    yield from _libraries(machine, has_npu=has_npu)
    if "openvino" not in machine.versions:
        yield Check("devices", Status.NOT_HERE, "there is no OpenVINO to ask")
        return
    answer, why = machine.ask("devices", {})
    yield _devices(answer, why, has_npu=has_npu)
    yield _version(machine, answer["npu"] if answer else {})
    yield _cache(machine, has_npu=has_npu)


def _libraries(machine: Machine, *, has_npu: bool) -> Iterator[Check]:
    if (loader := _LOADER.get(machine.system)) is None:
        return
    names = [loader, _DRIVER, _OLD_DRIVER] if machine.is_linux else [loader]
    answer, why = machine.ask("libraries", {"names": names})
    if answer is None:
        means, todo = "a library of the driver crashes while it is loaded", "install the driver again"
        yield Check("level-zero", Status.PROBLEM, why, means, todo)
        return
    yield _library("level-zero", loader, answer[loader], has_npu=has_npu, package="libze1 or level-zero")
    if not machine.is_linux:
        return
    named = machine.environment.get("ZE_ENABLE_ALT_DRIVERS", "")
    if answer[_DRIVER] and not answer[_OLD_DRIVER]:
        means = "the driver is older than 1.16, or a leftover of one: its library was renamed then"
        todo = "install the current driver, and remove the old library"
        yield Check("user-driver", Status.WARNING, _OLD_DRIVER, means, todo)
    elif answer[_DRIVER] and named:
        yield Check("user-driver", Status.NOTE, "ZE_ENABLE_ALT_DRIVERS names another", "it is taken from there")
    else:
        package = "intel-level-zero-npu and intel-driver-compiler-npu, of github.com/intel/linux-npu-driver"
        yield _library("user-driver", _DRIVER, answer[_DRIVER], has_npu=has_npu, package=package)


def _library(name: str, file: str, hindrance: str, *, has_npu: bool, package: str) -> Check:
    if not hindrance:
        return Check(name, Status.OK, file)
    if not has_npu:
        return Check(name, Status.NOT_HERE, f"{file} isn't installed, and no NPU needs it")
    means = "OpenVINO reaches the NPU through it; a container needs one of its own"
    return Check(name, Status.PROBLEM, f"{file} can't be loaded: {hindrance}", means, f"install {package}")


def _devices(answer: Any, why: str, *, has_npu: bool) -> Check:
    if answer is None:
        means = "a plugin or a driver ended the process that asked, as it would end yours"
        return Check("devices", Status.PROBLEM, f"OpenVINO can't say: {why}", means, "update the device's driver")
    found = ", ".join(f"{name} ({full})" for name, full in answer["devices"].items()) or "none"
    if has_npu and not any(name.partition(".")[0] == "NPU" for name in answer["devices"]):
        means = "there is an NPU, and OpenVINO doesn't see it"
        todo = "mend the problems above; where there is none: OV_NPU_LOG_LEVEL=LOG_DEBUG npuspec doctor"
        return Check("devices", Status.PROBLEM, found, means, todo)
    if not answer["devices"]:
        return Check("devices", Status.PROBLEM, found, "OpenVINO finds no device at all", "install OpenVINO again")
    return Check("devices", Status.OK, found)


def _version(machine: Machine, told: Mapping[str, str]) -> Check:
    number = told.get("NPU_DRIVER_VERSION", "")
    if not number:
        return Check("driver", Status.NOT_HERE, "no NPU that tells its driver's version")
    compiler = told.get("NPU_COMPILER_VERSION", "")
    found = driver_name(machine.system, number) + (f", compiler {compiler}" if compiler else "")
    if known := known_of_driver(machine.system, told.get("DEVICE_ARCHITECTURE", ""), number):
        return Check("driver", Status(known.status), found, known.means, known.todo)
    return Check("driver", Status.OK, found)


def _cache(machine: Machine, *, has_npu: bool) -> Check:
    """Say where the driver keeps what its own compiler made."""
    if not has_npu or not machine.is_linux:
        return Check("driver-cache", Status.NOT_HERE, "no NPU whose driver would keep one")
    named = machine.environment.get(_CACHE)
    if named == "":
        means = "the driver's compiler starts anew each time, unless the bundle has a blob or a cache"
        return Check("driver-cache", Status.NOTE, f"switched off by {_CACHE}", means)
    base = machine.environment.get("XDG_CACHE_HOME", "~/.cache")
    return Check("driver-cache", Status.OK, named or f"{base}/ze_intel_npu_cache")
