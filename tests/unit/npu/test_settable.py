"""The names of what may be set are those of the tables."""

from npuspec.npu import property_table
from npuspec.npu.settable import NEVER, OF_CORE, may_be_set

STATED = {row.name: row.scope for row in property_table().values() if row.access in ("spec", "unchecked")}


def test_they_are_those_of_the_tables() -> None:
    assert {name for name, scope in STATED.items() if scope == "core"} == OF_CORE
    assert {row.name for row in property_table().values()} - STATED.keys() == NEVER


def test_what_the_tables_do_not_have_is_a_device_s() -> None:
    assert may_be_set("NPU_ANYTHING_NEW", of_core=False)
    assert not may_be_set("NPU_ANYTHING_NEW", of_core=True)
