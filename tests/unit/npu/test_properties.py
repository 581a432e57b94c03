"""The table of device properties, and what a value must be."""

import re

import pytest

from npuspec.npu import DeviceProperty, property_table

TABLE = property_table()


def test_there_are_eighteen_properties() -> None:
    assert len(TABLE) == 18


@pytest.mark.parametrize("key", TABLE)
def test_a_key_is_openvino_s_name_in_lower_case_without_the_device(key: str) -> None:
    row = TABLE[key]
    assert re.fullmatch(r"(NPU_)?[A-Z]+(_[A-Z]+)*", row.name)
    assert key == row.name.removeprefix("NPU_").lower().replace("_", "-")


@pytest.mark.parametrize("key", TABLE)
def test_a_row_says_what_is_known_and_its_limits_fit_its_type(key: str) -> None:
    row = TABLE[key]
    assert row.known[0].isupper() or row.known.startswith(("`", "0"))
    assert row.known.endswith(".")
    assert not row.values or row.type == "string"
    assert row.minimum is None or row.type == "integer"
    assert len(set(row.values)) == len(row.values)
    assert len(set(row.devices)) == len(row.devices)


def test_names_are_stated_once() -> None:
    assert len({row.name for row in TABLE.values()}) == len(TABLE)


def test_names_that_begin_with_npu_are_the_npu_s_alone() -> None:
    assert all(row.devices == ("NPU",) for row in TABLE.values() if row.name.startswith("NPU_"))


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


def test_a_row_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="extra"):
        DeviceProperty.model_validate({**TABLE["turbo"].model_dump(), "colour": "red"})
