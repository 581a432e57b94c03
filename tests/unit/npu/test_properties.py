"""The table of device properties, and what a value must be."""

import re
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from npuspec.npu import property_key, property_table
from npuspec.npu.properties import read_row

TABLE = property_table()


def test_a_spec_may_set_twenty_eight_properties_and_is_told_of_the_others_why_not() -> None:
    assert Counter(row.access for row in TABLE.values()) == {"spec": 28, "npuspec": 7, "read-only": 24, "unchecked": 17}


@pytest.mark.parametrize("key", TABLE)
def test_a_key_is_openvino_s_name_in_lower_case_without_the_device(key: str) -> None:
    row = TABLE[key]
    assert re.fullmatch(r"(NPU_)?[A-Z]+(_[A-Z]+)*", row.name)
    assert key == row.name.removeprefix("NPU_").lower().replace("_", "-")


@pytest.mark.parametrize("key", TABLE)
def test_a_row_says_what_is_known_and_its_limits_fit_its_type(key: str) -> None:
    row = TABLE[key]
    assert row.known[0].isupper() or row.known.startswith(("`", "0 or"))
    assert row.known.endswith(".")
    assert not row.values or row.type == "string"
    assert {row.minimum, row.maximum} == {None} or row.type == "integer"
    assert all(len(set(taken)) == len(taken) for taken in row.values.values())
    assert len(set(row.devices)) == len(row.devices)


@pytest.mark.parametrize("key", TABLE)
def test_a_row_s_fields_fit_together(key: str) -> None:
    row = TABLE[key]
    where = row.devices or ("core",)
    assert {*row.values, *row.default} <= {*where}
    assert (row.access == "npuspec") is bool(row.instead)
    assert (row.access == "read-only") is (row.phase == "query")
    assert row.access != "spec" or (row.scope == "core") is (not row.devices)
    assert row.access != "spec" or row.type != "other"
    assert not row.since or re.fullmatch(r"20\d\d\.\d", row.since)
    assert {*row.platforms} <= {*TABLE["platform"].listed()}


@pytest.mark.parametrize("key", [key for key, row in TABLE.items() if row.type != "other"])
def test_a_default_is_of_the_property_s_type_and_one_of_its_values(key: str) -> None:
    types = {"boolean": bool, "integer": int, "string": str}
    for device, default in TABLE[key].default.items():
        assert type(default) is types[TABLE[key].type]
        assert not TABLE[key].values or default in ("", *TABLE[key].values[device])


def test_names_are_stated_once() -> None:
    assert len({row.name for row in TABLE.values()}) == len(TABLE)


def test_names_that_begin_with_npu_are_the_npu_s_alone() -> None:
    assert all(row.devices == ("NPU",) for row in TABLE.values() if row.name.startswith("NPU_"))


@pytest.mark.parametrize("name", ["NPU_TURBO", "npu-turbo", "turbo", "Turbo", " NPU_turbo "])
def test_a_name_of_openvino_s_gives_the_key_of_a_spec(name: str) -> None:
    assert property_key(name) == "turbo"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("turbo", True),
        ("tiles", 0),
        ("tiles", 2**31 - 1),
        ("performance-hint", "LATENCY"),
        ("compilation-mode-params", "optimization-level=2"),
    ],
)
def test_a_right_value_has_no_fault(key: str, value: object) -> None:
    assert TABLE[key].fault(value) == ""


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("turbo", 1, "takes a boolean"),
        ("turbo", "YES", "takes a boolean"),
        ("tiles", True, "takes an integer"),
        ("tiles", 1.0, "takes an integer"),
        ("tiles", -1, "takes a number of at least 0"),
        ("tiles", 2**31, "takes a number of at most 2147483647"),
        ("performance-hint", "latency", "takes one of `LATENCY`, `THROUGHPUT`, `CUMULATIVE_THROUGHPUT`"),
        ("performance-hint", ["LATENCY"], "takes a string"),
        ("compiler-type", "MLIR", "takes one of `PREFER_PLUGIN`, `PLUGIN`, `DRIVER`"),
        ("performance-hint-num-requests", -1, "takes a number of at least 0"),
    ],
)
def test_a_wrong_value_is_told_what_is_taken(key: str, value: object, why: str) -> None:
    assert TABLE[key].fault(value) == why


@pytest.mark.parametrize(
    ("value", "devices", "refusing"),
    [
        ("bf16", ("NPU",), ("NPU",)),
        ("bf16", ("NPU", "CPU"), ("NPU",)),
        ("bf16", ("CPU",), ()),
        ("i8", ("NPU", "CPU"), ("CPU",)),
        ("f16", ("NPU", "CPU"), ()),
    ],
)
def test_a_precision_is_refused_by_each_device_that_does_not_list_it(
    value: str, devices: tuple[str, ...], refusing: tuple[str, ...]
) -> None:
    hint = TABLE["inference-precision-hint"]
    assert hint.fault(value) == ""
    assert hint.refused_by(value, devices) == refusing


ROW: dict[str, Any] = {
    "name": "A",
    "type": "integer",
    "scope": "run",
    "phase": "run",
    "devices": ["NPU", "CPU"],
    "known": "Known.",
}


def test_what_is_stated_once_holds_for_each_device_and_a_table_says_it_by_device() -> None:
    assert read_row("a", {**ROW, "default": 3}).default == {"NPU": 3, "CPU": 3}
    assert read_row("a", {**ROW, "default": {"CPU": 3}}).default == {"CPU": 3}
    assert read_row("a", {**ROW, "devices": [], "default": 3}).default == {"core": 3}
    assert read_row("a", ROW).default == {}
    assert read_row("a", {**ROW, "type": "string", "values": ["x", "y"]}).listed() == ("x", "y")


def test_a_maximum_is_held() -> None:
    row = read_row("a", {**ROW, "minimum": 0, "maximum": 4})
    assert [row.fault(n) for n in (0, 4)] == ["", ""]
    assert row.fault(5) == "takes a number of at most 4"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"colour": "red"}, "a: `colour` is no field of a property"),
        ({"type": "float"}, "a: `float` is no type of a property"),
        ({"scope": "device"}, "a: `device` is no scope of a property"),
        ({"access": "write"}, "a: `write` is no access of a property"),
        ({"needs": "luck"}, "a: `luck` is no needs of a property"),
        ({"devices": ["GPU"]}, "a: `GPU` is no device"),
    ],
)
def test_a_row_that_is_not_in_order_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        read_row("a", {**ROW, **change})


@pytest.mark.parametrize("name", ROW)
def test_a_row_that_lacks_a_field_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"a: `{name}` is missing"):
        read_row("a", {k: v for k, v in ROW.items() if k != name})


def test_the_table_is_read_without_anything_heavy() -> None:
    program = "import sys, npuspec.npu; npuspec.npu.property_table(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"pydantic", "openvino", "numpy", "importlib.resources"} & {*done.stdout.split()} == set()
