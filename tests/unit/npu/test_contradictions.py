"""Which settings contradict each other."""

from typing import Any

import pytest

from npuspec.diagnostics.codes import CODES
from npuspec.npu import Contradiction, contradictions, property_table
from npuspec.npu.contradictions import CACHE_KIND, PLATFORMS, Condition

PAIRS = contradictions()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.first} with {pair.second}")
def test_a_pair_is_of_settings_that_a_spec_can_have(pair: Contradiction) -> None:
    table = property_table()
    assert pair.code in CODES
    assert pair.code in {
        "contradictory-properties",
        "doubtful-properties",
        "redundant-bypass",
        "turbo-sequential",
    }
    assert pair.first.key != pair.second.key
    assert pair.first.key != CACHE_KIND, "the fault is shown at the first, which must be written"
    assert not pair.why.endswith(".")
    for condition in (pair.first, pair.second):
        if condition.key == CACHE_KIND:
            assert {*condition.values} <= {"blob", "directory", "none"}
        elif condition.key == PLATFORMS:
            assert {*condition.values} <= {*table["platform"].listed()}
        else:
            row = table[condition.key]
            assert row.access == "spec"
            assert all(row.fault(value) == "" for value in condition.values)
            assert condition.above is None or row.type == "integer"
            assert not condition.containing or row.type == "string"


@pytest.mark.parametrize(
    ("condition", "stated", "holds"),
    [
        (Condition("a"), {"a": False}, True),
        (Condition("a"), {"b": True}, False),
        (Condition("a", values=(True,)), {"a": True}, True),
        (Condition("a", values=(True,)), {"a": 1}, False),
        (Condition("a", values=("x", "y")), {"a": "y"}, True),
        (Condition("a", values=("x",)), {"a": ["x"]}, False),
        (Condition("a", above=2), {"a": 3}, True),
        (Condition("a", above=2), {"a": 2}, False),
        (Condition("a", above=0), {"a": True}, False),
        (Condition("a", above=0), {"a": "3"}, False),
        (Condition("a", containing="x="), {"a": "y=1 x=2"}, True),
        (Condition("a", containing="x="), {"a": 2}, False),
    ],
)
def test_a_condition_looks_at_one_value_and_its_type(condition: Condition, stated: dict[str, Any], holds: bool) -> None:
    assert condition.holds(stated) is holds


def test_both_conditions_must_hold_and_on_a_device_that_it_concerns() -> None:
    pair = Contradiction(Condition("a"), Condition("b"), "error", "why", "help", devices=("NPU",))
    assert pair.holds({"a": 1, "b": 2}, ("CPU", "NPU"))
    assert not pair.holds({"a": 1, "b": 2}, ("CPU",))
    assert not pair.holds({"a": 1}, ("NPU",))


def test_a_condition_is_said_as_a_spec_has_it() -> None:
    said = [
        str(condition)
        for condition in (
            Condition("turbo", values=(True,)),
            Condition(CACHE_KIND, values=("blob", "none")),
            Condition("tiles", above=2),
            Condition("mode", containing="x"),
            Condition("strides"),
        )
    ]
    assert said == ["turbo = true", '[cache] kind = "blob" or "none"', "tiles above 2", "mode with `x`", "strides"]
