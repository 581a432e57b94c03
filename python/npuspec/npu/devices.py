"""Which of the wanted devices to take."""

from collections.abc import Collection, Sequence

from npuspec.diagnostics import DeviceError, Diagnostic


def choose_device(wanted: Sequence[str], present: Collection[str]) -> str:
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
