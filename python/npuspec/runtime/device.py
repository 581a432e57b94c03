"""Compile or import models on a device of OpenVINO, and say exactly which device that is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openvino as ov

from npuspec.diagnostics import Diagnostic, StageError

# Several generations of NPU have the same full name, and what a blob needs changes with the driver.
_TELLING = ("DEVICE_ARCHITECTURE", "NPU_DRIVER_VERSION", "NPU_COMPILER_VERSION")


def present(core: ov.Core) -> list[str]:
    """Return the devices that are there, by their names without index: `CPU`, `NPU`."""
    return sorted({name.partition(".")[0] for name in core.available_devices})


def executed_on(model: ov.CompiledModel) -> list[str]:
    """Return the devices that a model was compiled for, as OpenVINO says, by their names without index."""
    return [name.strip("()").partition(".")[0] for name in model.get_property("EXECUTION_DEVICES")]


def identity(core: ov.Core, device: str) -> str:
    """Return what exactly a device is: its full name, what it can do, its driver and compiler, and OpenVINO's build."""
    name = str(core.get_property(device, "FULL_DEVICE_NAME")).strip()
    abilities = " ".join(sorted(core.get_property(device, "OPTIMIZATION_CAPABILITIES")))
    known = core.get_property(device, "SUPPORTED_PROPERTIES")
    more = [f"{key} {core.get_property(device, key)}" for key in _TELLING if key in known]
    return "; ".join([name, abilities, *more, f"OpenVINO {ov.get_version()}"])


def takes(core: ov.Core, device: str, requirements: str) -> bool:
    """Tell whether a device takes what was compiled ahead of time; where it can't be asked, that is tried.

    Args:
        core: OpenVINO's.
        device: `NPU`.
        requirements: what the compiled model needs, as RUNTIME_REQUIREMENTS has it.

    """
    try:
        answer = core.get_property(device, "COMPATIBILITY_CHECK", {"RUNTIME_REQUIREMENTS": requirements})
    except (RuntimeError, TypeError):  # a driver or plugin that is older than the question
        return True
    return bool(getattr(answer, "name", answer) != "UNSUPPORTED")


def read_ir(core: ov.Core, name: str, xml: bytes, weights: ov.Tensor) -> ov.Model:
    """Read an IR from memory.

    Raises:
        StageError: `compile-failed`, with OpenVINO's reason.

    """
    try:
        return core.read_model(xml, weights)
    except RuntimeError as error:
        message = f"OpenVINO can't read `{name}`: {str(error).strip()}"
        help_ = "make the bundle again with this version of OpenVINO: npuspec apply SPEC"
        raise StageError(Diagnostic("compile-failed", message, help_)) from None


def compile_model(
    core: ov.Core, model: Path | ov.Model, device: str, properties: Mapping[str, Any]
) -> ov.CompiledModel:
    """Compile an IR, or a model that was read, for exactly this device.

    Raises:
        StageError: `compile-failed`, or for an NPU the code of what its message means, with all that it says.

    """
    try:
        return core.compile_model(model, device, dict(properties))
    except RuntimeError as error:
        if device == "NPU":
            from npuspec.compilers.messages import compile_fault  # noqa: PLC0415  only what failed needs it

            ir = model if isinstance(model, Path) else None
            raise StageError(compile_fault(device, "compile", str(error), model=ir)) from None
        name = model.name if isinstance(model, Path) else model.get_friendly_name()
        message = f"{device} can't compile `{name}`: {str(error).strip()}"
        raise StageError(
            Diagnostic("compile-failed", message, "look the message up, or try another device: --device CPU")
        ) from None


def export_model(model: ov.CompiledModel) -> bytes:
    """Return what a device's compiler made of a model. Raises RuntimeError where the device exports nothing."""
    exported = model.export_model()
    return exported if isinstance(exported, bytes) else exported.read()
