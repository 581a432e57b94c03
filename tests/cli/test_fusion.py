"""`npuspec fusion`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from fusion import toys
from openvino import opset13 as op

from conftest import npuspec
from helpers import flip

VERSION = '{"protocol": 1, "compiler": "toy 1", "platforms": ["4000"]}'
MADE = '{"protocol": 1, "ok": true, "compile_seconds": 0.5}'


@pytest.fixture
def cnn(tmp_path: Path) -> Path:
    return toys.write(toys.cnn(), tmp_path / "cnn.xml")


@pytest.fixture
def tapped(tmp_path: Path) -> Path:
    return toys.write(toys.cnn(tapped=True), tmp_path / "tapped.xml")


def compiler(folder: Path, answer: str = MADE, code: int = 0, more: str = "") -> str:
    """Return a command that answers what it is told to."""
    script = folder / "compiler"
    script.write_text(
        f"#!/bin/sh\nif [ $1 = version ]; then echo '{VERSION}'; exit; fi\n{more}\necho '{answer}'\nexit {code}\n"
    )
    script.chmod(0o755)
    return str(script)


def test_what_is_fused_is_a_line_and_ci_passes(cnn: Path) -> None:
    ran = npuspec("fusion", cnn, "--fail-on", "unfused")
    assert (ran.code, ran.err) == (0, "running on CPU ...\n")
    assert "\nfused: 3 Convolution + BatchNormInference + Relu\n" in ran.out
    assert "not fused" not in ran.out
    assert "  input x: given as NCHW, and the device takes NHWC, " in ran.out


def test_what_is_not_fused_is_told_with_its_cause_and_fails_ci(tapped: Path) -> None:
    ran = npuspec("fusion", tapped, COLUMNS="40")
    assert ran.code == 0
    row = next(line for line in ran.out.splitlines() if line.startswith("Convolution + BatchNormInference + Relu  "))
    assert row.split()[5:7] == ["Relu", "1"]
    assert row.split()[-1] == "consumer"
    assert "  `bn1` is also read by `tap` (Multiply)\n  do: " in ran.out
    assert "\nfused: 2 Convolution + BatchNormInference + Relu\n" in ran.out
    assert npuspec("fusion", tapped, "--fail-on", "unfused").code == 1


def test_json_is_all_that_is_printed(tapped: Path) -> None:
    ran = npuspec("fusion", tapped, "--json", "--fail-on", "unfused")
    assert ran.code == 1
    found = json.loads(ran.out)
    assert found.keys() == {"device", "variant", "estimated", "whole_us", "chains", "borders"}
    assert (found["device"], found["variant"], found["estimated"]) == ("CPU", None, False)
    assert [chain["verdict"] for chain in found["chains"]] == ["fused", "apart", "fused"]
    assert found["chains"][1]["apart"] == ["relu1"]


def test_a_bundle_is_looked_at_with_its_variant(toy_spec: Path) -> None:
    made = toy_spec.parent / "made"
    assert npuspec("apply", toy_spec, "--output", made).code == 0
    ran = npuspec("fusion", made, "--json")
    assert ran.code == 0, ran.err
    variant = json.loads(ran.out)["variant"]
    assert json.loads(npuspec("fusion", made, "--variant", variant, "--json").out)["variant"] == variant
    ran = npuspec("fusion", made, "--variant", "none")
    assert ran.code == 2
    assert ran.err.startswith("error[unknown-variant]: the bundle has no variant `none`\n")
    model = next(made.rglob("models/*.bin"))
    flip(model, 0)
    ran = npuspec("fusion", made)
    assert (ran.code, ran.err.partition("]")[0]) == (3, "error[broken-bundle")


@pytest.mark.parametrize(
    ("name", "content", "code", "error"),
    [
        ("none.xml", None, 2, "missing-file"),
        ("model.onnx", b"no model", 2, "not-a-model"),
        ("model.xml", b"<net", 2, "not-a-model"),
        ("model.txt", b"", 2, "unsupported-model-format"),
    ],
)
def test_what_is_no_model_is_said(name: str, content: bytes | None, code: int, error: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    ran = npuspec("fusion", tmp_path / name)
    assert (ran.code, ran.out) == (code, "")
    assert f"error[{error}]" in ran.err
    assert "Traceback" not in ran.err


def test_a_folder_that_is_no_bundle_is_said(tmp_path: Path) -> None:
    ran = npuspec("fusion", tmp_path)
    assert (ran.code, ran.err.partition("]")[0]) == (3, "error[no-bundle")


def test_a_model_without_sizes_is_said(tmp_path: Path) -> None:
    x = op.parameter(ov.PartialShape([-1, 4]), np.float32, name="x")
    ran = npuspec("fusion", toys.write(toys.model({"y": op.relu(x)}, x), tmp_path / "m.xml"))
    assert ran.code == 2
    assert "error[dynamic-dimension]: `x` has axes without a size" in ran.err


def test_a_device_that_is_not_here_is_exit_4(cnn: Path) -> None:
    ran = npuspec("fusion", cnn, "--device", "NPU")
    assert (ran.code, ran.out) == (4, "")
    assert "error[no-device]" in ran.err


@pytest.mark.parametrize(
    "options", [("--device", "CPU", "--platform", "4000"), ("--compiler", "true"), ("--variant", "static")]
)
def test_options_that_mean_nothing_together_are_a_wrong_call(options: tuple[str, ...], cnn: Path) -> None:
    ran = npuspec("fusion", cnn, *options)
    assert (ran.code, ran.out) == (2, "")
    assert "Error: --" in ran.err


def test_without_a_compiler_there_is_no_schedule(cnn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPUSPEC_NPU_COMPILER", raising=False)
    ran = npuspec("fusion", cnn, "--platform", "4000")
    assert (ran.code, ran.out) == (2, "")
    assert "error[no-compiler]" in ran.err


def test_a_compiler_that_writes_no_schedule_is_said(cnn: Path, tmp_path: Path) -> None:
    ran = npuspec("fusion", cnn, "--platform", "4000", "--compiler", compiler(tmp_path))
    assert (ran.code, ran.out) == (1, "")
    assert "error[no-compiler]: the compiler writes no schedule" in ran.err


def test_a_compiler_that_refuses_is_said(cnn: Path, tmp_path: Path) -> None:
    refused = '{"protocol": 1, "ok": false, "step": "compile", "error": "no such thing"}'
    ran = npuspec("fusion", cnn, "--platform", "4000", "--compiler", compiler(tmp_path, refused, 1))
    assert (ran.code, ran.out) == (1, "")
    assert "no such thing" in ran.err


def test_what_a_schedule_does_not_name_is_told_apart_from_what_is_fused(cnn: Path, tmp_path: Path) -> None:
    def task(name: str, engine: str) -> dict[str, Any]:
        return {"name": name, "cat": engine, "ph": "X", "ts": 0, "dur": 1}

    trace = tmp_path / "trace.json"
    tasks = [task("conv0?t_Convolution", "DPU"), task("conv1?t_Convolution", "DPU"), task("relu1?t_Relu", "Shave")]
    trace.write_text(json.dumps({"traceEvents": tasks}))
    copies = f'while [ "$1" != --trace ]; do shift; done; cp {trace} "$2"'
    ran = npuspec("fusion", cnn, "--platform", "4000", "--compiler", compiler(tmp_path, more=copies))
    assert ran.code == 0, ran.err
    assert ran.out.startswith(f"{cnn}: 1 us on NPU 4000, estimated\n")
    assert "NPU 4000 runs Relu behind Convolution by itself, and nothing stands between" in ran.out
    assert "\nfused: 1 Convolution + BatchNormInference + Relu\n" in ran.out
    assert (
        "\nnot judged: 1 Convolution + BatchNormInference + Relu: the device names none of its operations\n" in ran.out
    )
