"""A plan that is encoded and decoded is the same plan, and has the same bytes again."""

from math import isfinite
from typing import Any

import msgspec
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import DATA, GATE, SMALL, plan_of
from npuspec.plan import Plan

FILES = tuple(f"{i}.npy" for i in range(6))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
VALUE = st.booleans() | st.integers(-(2**63), 2**63 - 1) | FINITE | TEXT
UNCHECKED = st.dictionaries(st.from_regex(r"ZZ_[A-Z0-9_]{1,20}", fullmatch=True), VALUE, max_size=4)


@settings(deadline=None, max_examples=100)
@given(UNCHECKED, FINITE, FINITE, st.integers(1, 2**20))
def test_a_plan_comes_back_equal_to_the_byte(unchecked: dict[str, Any], pad: float, limit: float, size: int) -> None:
    text = SMALL.replace("size = 64", f"size = {size}") + tomli_w.dumps({"pad-value": pad}) + DATA
    text += tomli_w.dumps({"properties": {"unchecked": unchecked}})
    text += GATE.replace("frame-agreement", "sqnr").replace("min = 0.5", tomli_w.dumps({"min": limit}))
    plan = plan_of(text, files=FILES)
    again = msgspec.json.decode(plan.encode(), type=Plan)
    assert again == plan
    assert again.encode() == plan.encode()
    assert again.digest == plan.digest
    values = {p.name: p.value for d in again.deployments for p in d.properties if p.name in unchecked}
    assert {name: (type(value), value) for name, value in values.items()} == {
        name: (type(value), value) for name, value in unchecked.items()
    }
    assert isfinite(float(next(s.value for s in again.settings if s.path == "inputs.x.pad-value")))
