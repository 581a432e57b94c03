"""One changed value changes the plan's digest if and only if there is a difference, and each stage is explained."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import DATA, GATE, SMALL, plan_of
from npuspec.plan import Plan
from npuspec.plan.diff import diff_plans
from npuspec.plan.effects import Consequence

FILES = tuple(f"{i}.npy" for i in range(6))
CHOICES = {
    "size": ["64", "65", "128"],
    "overflow": ['"error"', '"truncate"'],
    "fallback": ["[]", '["CPU"]'],
    "preset": ['"performance"', '"mixed"'],
    "samples": ["2", "3", "4"],
    "fast": ["true", "false"],
    "turbo": ["true", "false"],
    "hint": ['"LATENCY"', '"THROUGHPUT"'],
    "batch": ["1", "2"],
    "cache": ['"blob"', '"directory"', '"none"'],
    "queue": ["8", "1024"],
    "pad": ["0.0", "0.5", "-1.0"],
    "place": ['"model"', '"native"'],
    "mean": ["[]", "[0.0]", "[1.5]"],
    "swap": ["true", "false"],
    "finite": ["true", "false"],
    "minimum": ["0.5", "0.50000001", "0.9"],
}
FOLLOWS = {"cache": "properties.bypass-umd-caching"}
"""A default that goes by another value, and is told beside it."""

VERBS = {"quantize": Consequence.REQUANTIZE, "compile": Consequence.RECOMPILE}


def plan(values: dict[str, str]) -> Plan:
    text = SMALL.replace("size = 64", f"size = {values['size']}").replace('"error"', values["overflow"])
    text = text.replace('fallback = ["CPU"]', f"fallback = {values['fallback']}")
    text += f"pad-value = {values['pad']}\nfinite = {values['finite']}\n"
    steps = f"place = {values['place']}, mean = {values['mean']}, swap-channels = {values['swap']}"
    text += f'layout = "NC"\npreprocess = {{ {steps} }}\n' + DATA
    text += f"""
[quantization]
mode = "int8"
preset = {values["preset"]}
samples = {values["samples"]}
fast-bias-correction = {values["fast"]}

[properties]
turbo = {values["turbo"]}
performance-hint = {values["hint"]}

[batching]
size = {values["batch"]}

[cache]
kind = {values["cache"]}

[load]
queue = {values["queue"]}
"""
    return plan_of(text + GATE.replace("0.5", values["minimum"]), files=FILES)


VALUES = st.fixed_dictionaries({key: st.sampled_from(choices) for key, choices in CHOICES.items()})


@settings(deadline=None, max_examples=60)
@given(VALUES, st.data())
def test_one_value_changes_the_digest_exactly_if_there_is_a_difference(
    values: dict[str, str], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(CHOICES)))
    before, after = plan(values), plan({**values, key: data.draw(st.sampled_from(CHOICES[key]))})
    diff = diff_plans(before, after)
    assert (before.digest != after.digest) == bool(diff.changes)
    assert len([change for change in diff.changes if change.what != FOLLOWS.get(key)]) <= 1


@settings(deadline=None, max_examples=60)
@given(VALUES, VALUES)
def test_every_stage_that_differs_is_explained(left: dict[str, str], right: dict[str, str]) -> None:
    diff = diff_plans(plan(left), plan(right))
    assert not any(change.what.startswith("stage ") for change in diff.changes)
    for stage in diff.stages:
        verb = stage.name.partition("[")[0]
        if stage.kind == "changed" and verb in VERBS:
            assert VERBS[verb] in diff.consequences
    if diff.stages:
        assert diff.changes


@settings(deadline=None, max_examples=30)
@given(VALUES)
def test_a_plan_is_no_different_from_itself_as_it_is_read_back(values: dict[str, str]) -> None:
    found = plan(values)
    assert diff_plans(found, msgspec.json.decode(found.encode(), type=Plan)).changes == ()
