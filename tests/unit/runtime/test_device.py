"""What a device is called: enough to tell two of them apart for which a blob isn't the same."""

import openvino as ov
import pytest

from npuspec.runtime.device import identity

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
