"""The plan's one form: it comes back as it went, and holds nothing of the machine that made it."""

import json
from pathlib import Path

import msgspec
import pytest
from msgspec import convert

from builders import DATA, GATE, SMALL, plan_of, port, signature_of
from npuspec.plan import Plan

FULL = (
    SMALL
    + 'finite = true\n\n[inputs.n]\nrole = "length"\nof = "x"\n'
    + DATA
    + '\n[quantization]\nmode = "int8"\nsamples = 4\n\n[properties]\nturbo = true\ntiles = 2\nlog-level = "LOG_ERROR"\n'
    + GATE
)

SIGNATURE = signature_of(port("x", None, None), port("n", None, dtype="int64"))
PLANS = {
    "full": plan_of(FULL, files=tuple(f"{i}.npy" for i in range(6)), signature=SIGNATURE),
    "smallest": plan_of(SMALL),
    "buckets": plan_of(SMALL.replace('"pad"', '"buckets"').replace("size = 64", "sizes = [16, 64]")),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_comes_back_from_its_bytes_as_it_was(name: str) -> None:
    plan = PLANS[name]
    again = msgspec.json.decode(plan.encode(), type=Plan)
    assert again == plan
    assert again.encode() == plan.encode()
    assert again.digest == plan.digest


def test_a_boolean_property_comes_back_as_one_and_not_as_a_number() -> None:
    values = {p.name: p.value for p in msgspec.json.decode(PLANS["full"].encode(), type=Plan).deployments[0].properties}
    assert values["NPU_TURBO"] is True
    assert type(values["NPU_TILES"]) is int


def test_the_bytes_are_json_with_sorted_keys_and_one_newline_at_the_end() -> None:
    data = PLANS["full"].encode()
    assert data.endswith(b"}\n")
    assert not data.endswith(b"\n\n")
    pairs: list[list[str]] = []
    json.loads(data, object_pairs_hook=lambda items: pairs.append([key for key, _ in items]))
    assert pairs
    assert all(keys == sorted(keys) for keys in pairs)


def test_it_holds_no_path_of_this_machine() -> None:
    text = PLANS["full"].encode().decode()
    assert str(Path.cwd()) not in text
    assert str(Path.home()) + "/" not in text


def test_a_plan_of_an_unknown_form_is_refused() -> None:
    data = json.loads(PLANS["full"].encode())
    with pytest.raises(ValueError, match="format"):
        convert({**data, "format": 2}, Plan)
    with pytest.raises(ValueError, match="unknown field `made-at`"):
        convert({**data, "made-at": "noon"}, Plan)
