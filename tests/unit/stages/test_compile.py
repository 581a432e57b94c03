"""Compiling: an exported blob where it is wanted and can be had, or the device's own reason."""

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import openvino as ov
import pytest
from runtime.toys import CORE

from npuspec.diagnostics import NpuspecError
from stages.conftest import Stage
from toy_specs import convolutions, write


@pytest.fixture
def static(tmp_path: Path) -> Path:
    return write(tmp_path / "static", convolutions(32))


def failed(stage: Stage, static: Path, **parameters: Any) -> NpuspecError:
    with pytest.raises(NpuspecError) as caught:
        stage("compile", static, **{"device": "CPU", "properties": {}, "blob": True, **parameters})
    return caught.value


def test_a_blob_is_exported_that_gives_what_the_model_gives(stage: Stage, static: Path) -> None:
    made = stage("compile", static, device="CPU", properties={"PERFORMANCE_HINT": "LATENCY"}, blob=True)
    assert sorted(p.name for p in made.iterdir()) == ["compilation.json", "model.blob", "timings.json"]
    told = json.loads((made / "compilation.json").read_bytes())
    assert told == {"device": "CPU", "executed": ["CPU"], "exported": True}
    assert json.loads((made / "timings.json").read_bytes())["compile_seconds"] > 0
    sample = np.random.default_rng(0).standard_normal((1, 3, 32)).astype(np.float32)
    imported = CORE.import_model((made / "model.blob").read_bytes(), "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    wanted = CORE.compile_model(static / "model.xml", "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    np.testing.assert_array_equal(imported({"x": sample})["y"], wanted({"x": sample})["y"])


def test_no_blob_is_exported_where_none_is_wanted(stage: Stage, static: Path) -> None:
    made = stage("compile", static, device="CPU", properties={}, blob=False)
    assert not (made / "model.blob").exists()
    assert json.loads((made / "compilation.json").read_bytes())["exported"] is False


@pytest.mark.parametrize(
    ("properties", "reason"),
    [({"NPU_TURBO": True}, "NPU_TURBO"), ({"PERFORMANCE_HINT": "WARP"}, "WARP"), ({"NUM_STREAMS": "many"}, "many")],
)
def test_a_property_that_the_device_does_not_know_is_its_reason(
    stage: Stage, static: Path, properties: dict[str, Any], reason: str
) -> None:
    error = failed(stage, static, properties=properties)
    assert error.code == "compile-failed"
    assert "CPU can't compile `model.xml`" in error.diagnostics[0].message
    assert reason in error.diagnostics[0].message


def test_a_device_that_is_not_there_is_the_reason(stage: Stage, static: Path) -> None:
    error = failed(stage, static, device="NPU")
    assert error.code == "no-compiler"
    assert "NPU: OpenVINO has no compiler for NPUs here" in error.diagnostics[0].message
    assert "Cannot load library" in error.diagnostics[0].message


@pytest.mark.parametrize("device", ["AUTO", "AUTO:NPU,CPU"])
def test_a_device_that_chooses_another_is_refused(stage: Stage, static: Path, device: str) -> None:
    error = failed(stage, static, device=device)
    assert error.code == "other-device"
    assert "would run it on CPU" in error.diagnostics[0].message


def test_a_model_that_cannot_be_read_is_the_reason(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "model.xml").write_bytes(b"<net/>")
    assert failed(stage, tmp_path / "static").code == "compile-failed"


class Cores(ov.Core):  # type: ignore[misc]
    """OpenVINO's core, of which every one that is made can be asked afterwards."""

    made: ClassVar[list[ov.Core]] = []

    def __init__(self) -> None:
        super().__init__()
        self.made.append(self)


@pytest.mark.parametrize("mapped", [True, False])
def test_properties_of_openvino_itself_are_set(
    stage: Stage, static: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool
) -> None:
    monkeypatch.setattr(ov, "Core", Cores)
    stage("compile", static, device="CPU", core={"ENABLE_MMAP": mapped}, properties={}, blob=False)
    assert Cores.made.pop().get_property("ENABLE_MMAP") is mapped
