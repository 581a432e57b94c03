"""Mistakes that have a code of their own, and those that only look like them."""

import pytest

from builders import BUCKETS, SMALL, faults_of, places
from npuspec.diagnostics import Path, Severity

FIXED = SMALL.replace('"pad"', '"fixed"').replace('overflow = "error"\n', "")


@pytest.mark.parametrize("device", ["AUTO", "auto", "AUTO:NPU,CPU", "MULTI:CPU", "HETERO:NPU,CPU", "BATCH:NPU"])
@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('device = "NPU"', 'device = "{}"', ("target", "device")),
        ('["CPU"]', '["CPU", "{}"]', ("target", "fallback", 1)),
    ],
)
def test_what_chooses_a_device_is_told_by_name(device: str, old: str, new: str, path: Path) -> None:
    [fault] = faults_of(SMALL.replace(old, new.format(device)))
    assert (fault.code, fault.severity, fault.labels[0].path) == ("auto-device", Severity.ERROR, path)
    assert f"`{device}`" in fault.message


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('device = "NPU"', 'device = "GPU"', ("target", "device")),
        ('device = "NPU"', 'device = "NPU"\nplatforms = ["AUTO"]', ("target", "platforms", 0)),
        ("[dims.time]", '[load]\nkind = "AUTO"\n[dims.time]', ("load", "kind")),
    ],
)
def test_another_wrong_word_is_a_wrong_value(old: str, new: str, path: Path) -> None:
    assert places(SMALL.replace(old, new)) == [("wrong-value", path)]


@pytest.mark.parametrize("axis", ["-1", "-1.0", '"?"', '"-1"', '"*"', '"dynamic"', '"None"'])
def test_an_axis_that_is_left_dynamic_is_told_what_to_do(axis: str) -> None:
    [fault] = faults_of(SMALL.replace('["batch", "time"]', f'["batch", "time", {axis}]'))
    assert (fault.code, fault.severity) == ("dynamic-dimension", Severity.ERROR)
    assert fault.labels[0].path == ("inputs", "x", "shape", 2)
    assert "[dims.NAME]" in fault.help


@pytest.mark.parametrize("axis", ["0", "-2", "1.5", "true", "[]", "{}", "1979-05-27"])
def test_another_wrong_axis_is_a_wrong_value(axis: str) -> None:
    assert places(SMALL.replace('["batch", "time"]', f'["batch", "time", {axis}]')) == [
        ("wrong-value", ("inputs", "x", "shape", 2))
    ]


@pytest.mark.parametrize("text", [SMALL, BUCKETS])
def test_overflow_is_never_implied(text: str) -> None:
    [fault] = faults_of(text.replace('overflow = "error"\n', ""))
    assert (fault.code, fault.severity) == ("missing-overflow", Severity.ERROR)
    assert fault.labels[0].path == ("dims", "time")
    assert "`time`" in fault.message


def test_a_misspelt_overflow_is_misspelt_and_not_missing() -> None:
    assert places(SMALL.replace("overflow =", "overfow =")) == [("unknown-key", ("dims", "time", "overfow"))]


def test_a_dimension_may_be_called_overflow() -> None:
    text = SMALL.replace("time", "overflow")
    assert faults_of(text) == []
    assert places(text.replace("size = 64\n", "")) == [("missing-key", ("dims", "overflow"))]
    assert places(text.replace('overflow = "error"\n', "")) == [("missing-overflow", ("dims", "overflow"))]


def test_a_fixed_dimension_has_none() -> None:
    assert faults_of(FIXED) == []
