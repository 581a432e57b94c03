"""The packages, OpenVINO's plugin, and commands that compile."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from doctor.trees import machine, named
from npuspec.compilers import VARIABLE as COMPILER
from npuspec.doctor import Check, Machine, this_machine
from npuspec.doctor.software import check_software


def checked(found: Machine, *, has_npu: bool = False) -> dict[str, Check]:
    return named(check_software(found, has_npu=has_npu))


def command(folder: Path, text: str, code: int = 0) -> str:
    """Write a compiler that answers `version` with a text, and return the command, as the environment has it."""
    script = folder / "npu compiler.py"
    script.write_text(f"import sys\nassert sys.argv[1:] == ['version']\nprint({text!r})\nsys.exit({code})\n")
    return f"{sys.executable} '{script}'"


def test_what_is_installed_here_is_found() -> None:
    checks = checked(this_machine())
    assert checks["openvino"].status == checks["npu-plugin"].status == checks["nncf"].status == "ok"
    assert checks["openvino"].found.startswith("2026.")
    assert checks["python"].found == ".".join(map(str, sys.version_info[:3]))


def test_packages_that_are_missing_are_told_with_what_follows(tmp_path: Path) -> None:
    checks = checked(replace(machine(tmp_path), versions={}, plugins=None))
    assert checks["openvino"].status == "problem"
    assert checks["nncf"].status == "note"
    assert checks["nncf"].todo == 'pip install "npuspec[quantize]"'
    assert checks["npu-plugin"].status == "not here"


@pytest.mark.parametrize(("has_npu", "status"), [(True, "problem"), (False, "note")])
def test_a_build_without_the_plugin_hinders_only_an_npu(tmp_path: Path, has_npu: bool, status: str) -> None:
    (tmp_path / "libs").mkdir()
    found = replace(machine(tmp_path), plugins=tmp_path / "libs")
    assert checked(found, has_npu=has_npu)["npu-plugin"].status == status


@pytest.mark.parametrize("name", ["libopenvino_intel_npu_compiler.so", "openvino_intel_npu_compiler.dll"])
def test_the_compiler_is_found_beside_the_plugin(tmp_path: Path, name: str) -> None:
    found = replace(machine(tmp_path), plugins=tmp_path)
    assert checked(found)["npu-compiler"].status == "note"
    (tmp_path / name).touch()
    assert checked(found)["npu-compiler"].status == "ok"


@pytest.mark.parametrize(("system", "architecture"), [("Darwin", "arm64"), ("Linux", "aarch64")])
def test_where_no_npu_can_be_it_is_noted(tmp_path: Path, system: str, architecture: str) -> None:
    found = replace(machine(tmp_path), system=system, architecture=architecture)
    assert checked(found)["system"].status == "note"


def test_a_command_that_is_named_tells_what_it_is(tmp_path: Path) -> None:
    said = '{"protocol": 1, "compiler": "a compiler 8.4", "platforms": ["3720", "4000"], "more": 1}'
    found = checked(machine(tmp_path, environment={COMPILER: command(tmp_path, said)}))["compiler-command"]
    assert (found.status, found.found) == ("ok", "a compiler 8.4, for 3720, 4000")


def test_without_a_command_there_is_nothing_to_ask(tmp_path: Path) -> None:
    assert checked(machine(tmp_path))["compiler-command"].status == "not here"


@pytest.mark.parametrize(
    ("said", "code", "why"),
    [
        ('{"protocol": 1, "ok": false, "error": "it isn\'t set up"}', 2, "it isn't set up"),
        ('{"protocol": 2, "compiler": "x"}', 0, "protocol 2"),
        ("[]", 0, "Expected `object`, got `array`"),
        ("ready", 0, "JSON is malformed"),
    ],
)
def test_a_command_that_is_no_compiler_is_a_problem(tmp_path: Path, said: str, code: int, why: str) -> None:
    found = checked(machine(tmp_path, environment={COMPILER: command(tmp_path, said, code)}))["compiler-command"]
    assert found.status == "problem"
    assert why in found.found


@pytest.mark.parametrize("named_", ["/none/npu-compiler", "'unclosed"])
def test_a_command_that_can_not_be_run_is_a_problem(tmp_path: Path, named_: str) -> None:
    found = checked(machine(tmp_path, environment={COMPILER: named_}))["compiler-command"]
    assert found.status == "problem"
    assert "can't compile for NPUs" in found.found
