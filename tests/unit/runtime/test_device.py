"""What a device is called: enough to tell two of them apart for which a blob isn't the same."""

import openvino as ov
import pytest
from openvino.properties import CompatibilityCheck

from npuspec.runtime.device import identity, takes

CPU = {"FULL_DEVICE_NAME": " A processor ", "OPTIMIZATION_CAPABILITIES": ["INT8", "FP32"]}
NPU = {**CPU, "DEVICE_ARCHITECTURE": "4000", "NPU_DRIVER_VERSION": 1688, "NPU_COMPILER_VERSION": 458756}


class Devices:
    """OpenVINO's core of a machine with other devices than this one has."""

    def __init__(self, **devices: dict[str, object]) -> None:
        self._devices = devices

    def get_property(self, device: str, name: str) -> object:
        known = self._devices[device]
        return [*known, "SUPPORTED_PROPERTIES"] if name == "SUPPORTED_PROPERTIES" else known[name]


def named(**properties: object) -> str:
    return identity(Devices(NPU=properties), "NPU")


def test_it_has_the_full_name_the_abilities_and_openvinos_build() -> None:
    assert identity(Devices(CPU=dict(CPU)), "CPU") == f"A processor; FP32 INT8; OpenVINO {ov.get_version()}"


@pytest.mark.parametrize("name", ["DEVICE_ARCHITECTURE", "NPU_DRIVER_VERSION", "NPU_COMPILER_VERSION"])
def test_it_has_the_generation_driver_and_compiler_where_the_device_knows_them(name: str) -> None:
    whole = named(**NPU)
    assert f"{name} {NPU[name]}" in whole
    assert named(**{**NPU, name: "another"}) != whole
    without = named(**{key: value for key, value in NPU.items() if key != name})
    assert name not in without
    assert without != whole


class Asked:
    """OpenVINO's core of a machine whose NPU is asked what it takes."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def get_property(self, device: str, name: str, arguments: dict[str, str]) -> object:
        assert (device, name, arguments) == ("NPU", "COMPATIBILITY_CHECK", {"RUNTIME_REQUIREMENTS": "npu=4000"})
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "is_tried"),
    [
        (CompatibilityCheck.SUPPORTED, True),
        (CompatibilityCheck.NOT_APPLICABLE, True),
        (CompatibilityCheck.UNSUPPORTED, False),
        ("UNSUPPORTED", False),
        (RuntimeError("Unsupported configuration key"), True),
    ],
)
def test_what_a_device_refuses_beforehand_isn_t_tried(answer: object, is_tried: bool) -> None:
    assert takes(Asked(answer), "NPU", "npu=4000") is is_tried


def test_a_device_that_can_t_be_asked_refuses_nothing() -> None:
    assert takes(ov.Core(), "NPU", "npu=4000")
    assert takes(ov.Core(), "CPU", "npu=4000")
