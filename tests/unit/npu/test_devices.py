"""The first wanted device that is there, and never one that nobody named."""

import pytest

from npuspec.diagnostics import DeviceError
from npuspec.npu import check_device, choose_device


@pytest.mark.parametrize(
    ("wanted", "present", "chosen"),
    [
        (["NPU", "CPU"], ["CPU", "NPU"], "NPU"),
        (["NPU", "CPU"], ["CPU"], "CPU"),
        (["CPU", "NPU"], ["CPU", "NPU"], "CPU"),
        (["CPU"], {"CPU": "an identity"}, "CPU"),
    ],
)
def test_the_first_that_is_there_is_taken(wanted: list[str], present: list[str], chosen: str) -> None:
    assert choose_device(wanted, present) == chosen


def test_nothing_undeclared_is_taken() -> None:
    with pytest.raises(DeviceError) as caught:
        choose_device(["NPU"], ["CPU", "GPU"])
    [fault] = caught.value.diagnostics
    assert fault.code == "no-device"
    assert fault.message == "there is no NPU on this machine"
    assert "present: CPU, GPU" in fault.help
    assert fault.labels[0].path == ("target", "device")


def test_all_that_were_wanted_are_named() -> None:
    with pytest.raises(DeviceError, match="no NPU and no CPU on this machine"):
        choose_device(["NPU", "CPU"], [])


@pytest.mark.parametrize(
    ("device", "message", "help_"),
    [
        (
            "AUTO:NPU,CPU",
            "`AUTO:NPU,CPU` runs on the first of NPU, CPU that is there",
            'device = "NPU", and what may take',
        ),
        ("GPU", "npuspec runs models on the NPU or the CPU, and not on `GPU`", "name one of them"),
        ("npu", "and not on `npu`", "name one of them"),
        ("NPU.0", "and not on `NPU.0`", "name one of them"),
    ],
)
def test_what_is_no_device_is_said_to_be_none(device: str, message: str, help_: str) -> None:
    with pytest.raises(DeviceError) as caught:
        check_device(device)
    [fault] = caught.value.diagnostics
    assert fault.code == "no-device"
    assert message in fault.message
    assert help_ in fault.help


def test_devices_are_devices() -> None:
    for device in ("NPU", "CPU"):
        check_device(device)
