"""The packages, OpenVINO's plugin, and what compiles for NPUs."""

from collections.abc import Iterator

from npuspec.compilers import VARIABLE as COMPILER
from npuspec.compilers import CommandCompiler
from npuspec.diagnostics import SpecError
from npuspec.doctor.check import Check, Status
from npuspec.doctor.machine import Machine

_ARCHITECTURES = ("x86_64", "AMD64")


def check_software(machine: Machine, *, has_npu: bool) -> Iterator[Check]:
    """Look at what is installed."""
    yield _system(machine)
    yield Check("python", Status.OK, machine.python)
    yield _openvino(machine)
    yield _plugin(machine, has_npu=has_npu)
    yield _compiler(machine)
    yield _command(machine)
    yield _nncf(machine)


def _system(machine: Machine) -> Check:
    found = f"{machine.system} {machine.kernel} {machine.architecture}"
    if machine.system in {"Linux", "Windows"} and machine.architecture in _ARCHITECTURES:
        return Check("system", Status.OK, found)
    means = "Intel's NPUs are parts of x86-64 processors, and have drivers for Linux and Windows"
    return Check(
        "system", Status.NOTE, found, means, "specs can be checked and planned here; run the bundles elsewhere"
    )


def _openvino(machine: Machine) -> Check:
    if found := machine.versions.get("openvino"):
        return Check("openvino", Status.OK, found)
    means = "nothing can be planned, applied or run without it"
    return Check("openvino", Status.PROBLEM, "not installed", means, "pip install npuspec")


def _plugin(machine: Machine, *, has_npu: bool) -> Check:
    if machine.plugins is None:
        return Check("npu-plugin", Status.NOT_HERE, "OpenVINO has no folder of libraries in its package")
    if any(machine.plugins.glob("*openvino_intel_npu_plugin.*")):
        return Check("npu-plugin", Status.OK, "in OpenVINO's package")
    means = "this build of OpenVINO can't use an NPU, whatever driver is there"
    todo = "take OpenVINO's own package: pip install --force-reinstall openvino"
    return Check("npu-plugin", Status.PROBLEM if has_npu else Status.NOTE, "missing", means, todo)


def _compiler(machine: Machine) -> Check:
    if machine.plugins is not None and any(machine.plugins.glob("*openvino_intel_npu_compiler*")):
        means = "models can be compiled for any NPU, also for one that isn't here"
        return Check("npu-compiler", Status.OK, "in OpenVINO's package", means)
    means = (
        "OpenVINO's package for Linux comes without it: the driver's compiler is the only one that OpenVINO can use, "
        "and without an NPU nothing can be compiled for one"
    )
    todo = f"where there is no NPU, name a command that compiles: {COMPILER}"
    return Check("npu-compiler", Status.NOTE, "not in OpenVINO's package", means, todo)


def _command(machine: Machine) -> Check:
    """Ask the command which compiler it is."""
    named = machine.environment.get(COMPILER, "")
    if not named:
        return Check("compiler-command", Status.NOT_HERE, f"{COMPILER} isn't set")
    try:
        compiler = CommandCompiler.ask(named)
    except SpecError as error:
        means = f"{COMPILER} names it, and nothing can be compiled with it"
        return Check("compiler-command", Status.PROBLEM, str(error), means, f"mend the command, or unset {COMPILER}")
    return Check("compiler-command", Status.OK, f"{compiler.identity}, for {', '.join(compiler.platforms)}")


def _nncf(machine: Machine) -> Check:
    if found := machine.versions.get("nncf"):
        return Check("nncf", Status.OK, found)
    means = "bundles run without it; specs that quantize can't be planned or applied"
    return Check("nncf", Status.NOTE, "not installed", means, 'pip install "npuspec[quantize]"')
