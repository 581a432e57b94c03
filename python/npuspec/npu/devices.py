"""Which of the wanted devices to take, and whether it is one at all."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from npuspec.diagnostics import DeviceError, Diagnostic
from npuspec.npu.choosers import DEVICES, explain_chooser


def check_device(device: str) -> None:
    """Refuse what names no device, with what it would do.

    Raises:
        DeviceError: `no-device`.

    """
    if device not in DEVICES:
        other = f"npuspec runs models on the NPU or the CPU, and not on `{device}`", f"name one of them: {DEVICES[0]}"
        raise DeviceError(Diagnostic("no-device", *(explain_chooser(device) or other)))


_Name = TypeVar("_Name", bound=str)


def choose_device(wanted: Sequence[_Name], present: Collection[str]) -> _Name:
    """Return the first wanted device that is present.

    Raises:
        DeviceError: `no-device`; nothing undeclared is ever taken instead.

    """
    for device in wanted:
        if device in present:
            return device
    message = f"there is no {' and no '.join(wanted)} on this machine"
    help_ = (
        'install its driver, declare a fallback ([target] fallback = ["CPU"]), or override the target (--device CPU); '
        f"present: {', '.join(sorted(present)) or 'none'}"
    )
    raise DeviceError(Diagnostic("no-device", message, help_).at(("target", "device")))
