"""The first wanted device that is there, and never one that nobody named."""

import pytest

from npuspec.diagnostics import DeviceError
from npuspec.npu import choose_device


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
