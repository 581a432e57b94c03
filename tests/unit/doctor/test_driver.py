"""The driver's libraries, and what OpenVINO answers."""

import os
from pathlib import Path
from typing import Any

import pytest

from doctor.trees import DEVICES, LIBRARIES, NONE, NOT_FOUND, TOLD, healthy, machine, named, wrong
from npuspec.doctor import Check, Machine, this_machine
from npuspec.doctor.driver import check_driver


def checked(found: Machine, *, has_npu: bool = True) -> dict[str, Check]:
    return named(check_driver(found, has_npu=has_npu))


def of(tmp_path: Path, **more: Any) -> dict[str, Check]:
    healthy(tmp_path)
    return checked(machine(tmp_path, **more))


def test_all_is_ok_where_the_npu_can_be_used(tmp_path: Path) -> None:
    checks = of(tmp_path)
    assert {check.status for check in checks.values()} == {"ok"}
    assert checks["devices"].found == "CPU (Intel(R) Core(TM) Ultra 7 155H), NPU (Intel(R) AI Boost)"
    assert checks["driver"].found == "1782212450, compiler 524289"
    assert checks["driver-cache"].found == "~/.cache/ze_intel_npu_cache"


def test_missing_libraries_are_a_problem_only_where_there_is_an_npu(tmp_path: Path) -> None:
    found = machine(tmp_path, libraries=NONE, devices={"CPU": "a CPU"})
    assert wrong(checked(found).values()) == ["level-zero", "user-driver", "devices"]
    assert NOT_FOUND in checked(found)["level-zero"].found
    without = checked(found, has_npu=False)
    assert not wrong(without.values())
    assert {without[name].status for name in ("level-zero", "user-driver", "driver", "driver-cache")} == {"not here"}


def test_an_npu_that_openvino_does_not_see_is_a_problem(tmp_path: Path) -> None:
    checks = of(tmp_path, devices={"CPU": "a CPU"})
    assert wrong(checks.values()) == ["devices"]
    assert checks["devices"].means == "there is an NPU, and OpenVINO doesn't see it"


def test_a_driver_of_the_old_name_is_warned_of(tmp_path: Path) -> None:
    renamed = {**LIBRARIES, "libze_intel_npu.so.1": NOT_FOUND, "libze_intel_vpu.so.1": ""}
    found = of(tmp_path, libraries=renamed)["user-driver"]
    assert (found.status, found.found) == ("warning", "libze_intel_vpu.so.1")


def test_a_driver_that_the_environment_names_is_noted(tmp_path: Path) -> None:
    libraries = {**NONE, "libze_loader.so.1": ""}
    found = of(tmp_path, libraries=libraries, environment={"ZE_ENABLE_ALT_DRIVERS": "/opt/libze_intel_npu.so.1"})
    assert found["user-driver"].status == "note"


def test_a_driver_that_is_known_to_be_bad_is_a_problem(tmp_path: Path) -> None:
    told = {**TOLD, "DEVICE_ARCHITECTURE": "5010", "NPU_DRIVER_VERSION": "1004509"}
    found = of(tmp_path, system="Windows", libraries={"ze_loader.dll": ""}, told=told)["driver"]
    assert (found.status, found.found) == ("problem", "32.0.100.4509, compiler 524289")
    assert "may crash on Core Ultra Series 3" in found.means
    assert found.todo == "install the NPU driver 32.0.100.5540 or later"


@pytest.mark.parametrize(
    ("environment", "status", "found"),
    [
        ({"ZE_INTEL_NPU_CACHE_DIR": ""}, "note", "switched off by ZE_INTEL_NPU_CACHE_DIR"),
        ({"ZE_INTEL_NPU_CACHE_DIR": "/var/npu"}, "ok", "/var/npu"),
        ({"XDG_CACHE_HOME": "/var/cache"}, "ok", "/var/cache/ze_intel_npu_cache"),
    ],
)
def test_the_place_of_the_drivers_cache_follows_the_environment(
    tmp_path: Path, environment: dict[str, str], status: str, found: str
) -> None:
    check = of(tmp_path, environment=environment)["driver-cache"]
    assert (check.status, check.found) == (status, found)


def test_without_openvino_nothing_is_asked(tmp_path: Path) -> None:
    bare = machine(tmp_path, libraries=NONE)
    checks = checked(Machine(**{**{f: getattr(bare, f) for f in bare.__dataclass_fields__}, "versions": {}}))
    assert checks["devices"].found == "there is no OpenVINO to ask"


def test_openvino_and_the_linker_are_asked_in_earnest() -> None:
    ask = this_machine().ask
    answer, why = ask("devices", {})
    assert why == ""
    assert answer["devices"]["CPU"]
    assert answer["version"].startswith("20")
    found, why = ask("libraries", {"names": ["libm.so.6", "libze_none.so.1"]})
    assert (found["libm.so.6"], why) == ("", "")
    assert NOT_FOUND in found["libze_none.so.1"]


def test_a_plugin_that_dies_is_a_problem_and_ends_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino/__init__.py").write_text("import os\nos.abort()\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    found = checked(this_machine(), has_npu=False)["devices"]
    assert found.status == "problem"
    assert "died (signal SIGABRT)" in found.found


def test_a_machine_whose_devices_can_not_be_told_has_no_driver(tmp_path: Path) -> None:
    checks = of(tmp_path, devices=None)
    assert wrong(checks.values()) == ["devices"]
    assert checks["driver"].status == "not here"


def test_devices_with_an_index_are_npus_too(tmp_path: Path) -> None:
    assert not wrong(of(tmp_path, devices={"CPU": DEVICES["CPU"], "NPU.0": "one", "NPU.1": "two"}).values())
