"""What was compiled ahead of time is taken by the NPU of its platform whose driver takes it, and by no other."""

from pathlib import Path
from typing import Any

import openvino as ov
import pytest
from openvino.properties import CompatibilityCheck

from npuspec.bundle import Bundle, open_bundle
from npuspec.runtime.blobs import Obtained
from npuspec.runtime.opening import obtain
from runtime.toys import CORE, along, bundle, data, program, times

TOY = program(data(), outputs=(along(),))
NAME = TOY.variants[0].name


class Npu:
    """OpenVINO's core of a machine with an NPU, of which the CPU plays the part."""

    def __init__(self, platform: str, answer: CompatibilityCheck = CompatibilityCheck.SUPPORTED) -> None:
        self._told = {"DEVICE_ARCHITECTURE": platform, "COMPATIBILITY_CHECK": answer}

    def get_property(self, device: str, name: str, *_: Any) -> Any:
        assert device == "NPU"
        return self._told[name]

    def import_model(self, blob: ov.Tensor, device: str, properties: dict[str, Any]) -> ov.CompiledModel:
        assert device == "NPU"
        return CORE.import_model(blob, "CPU", properties)

    def compile_model(self, model: Any, device: str, properties: dict[str, Any]) -> ov.CompiledModel:
        assert device == "NPU"
        return CORE.compile_model(model, "CPU", properties)

    def read_model(self, *model: Any) -> ov.Model:
        return CORE.read_model(*model)


@pytest.fixture
def made(tmp_path: Path) -> Bundle:
    """A bundle with a blob for 4000, and a file that is none for 5010."""
    row = {"variant": NAME, "compiler": "toy 1", "requirements": "npu=4000"}
    platforms = [
        {**row, "platform": "4000", "path": f"blobs/{NAME}.blob"},
        {**row, "platform": "5010", "path": f"models/{NAME}.bin"},
    ]
    bundle(tmp_path / "bundle", TOY, times(3), blob=True, blobs={}, platforms=platforms)
    return open_bundle(tmp_path / "bundle", hashed=False)


def obtained(made: Bundle, npu: Npu) -> Obtained:
    found: Obtained = obtain(npu, made, NAME, "NPU", "an NPU", {}, None)
    return found


def test_the_blob_of_the_platform_that_is_here_is_taken(made: Bundle) -> None:
    found = obtained(made, Npu("4000"))
    assert (found.origin, found.notes) == ("blob", ())


def test_an_npu_of_another_platform_compiles(made: Bundle) -> None:
    found = obtained(made, Npu("3720"))
    assert (found.origin, found.notes) == ("compiled", ())


def test_a_driver_that_does_not_take_it_is_said_and_the_model_compiled(made: Bundle) -> None:
    found = obtained(made, Npu("4000", CompatibilityCheck.UNSUPPORTED))
    assert found.origin == "compiled"
    assert found.notes == (f"`blobs/{NAME}.blob` needs another driver than the one here, and isn't used: npu=4000",)


def test_what_the_device_refuses_is_said_and_the_model_compiled(made: Bundle) -> None:
    found = obtained(made, Npu("5010"))
    assert found.origin == "compiled"
    assert "was refused by NPU, and isn't used" in found.notes[0]


def test_a_blob_that_was_changed_is_refused(made: Bundle) -> None:
    blob = made.root / "blobs" / f"{NAME}.blob"
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    with pytest.raises(Exception, match=f"`blobs/{NAME}.blob` was changed"):
        obtained(made, Npu("4000"))
