"""What changed between two plans is said in the words of `npuspec diff`, and nothing is passed over."""

import msgspec
import pytest
from msgspec import structs

from builders import DATA, GATE, SMALL, TOOLCHAIN, plan_of
from npuspec.plan import Plan
from npuspec.plan.diff import diff_plans
from npuspec.plan.stale import plan_changes

INT8 = '\n[quantization]\nmode = "int8"\nsamples = 2\n'
FILES = ("a.npy", "b.npy", "c.npy", "d.npy")
TEXT = SMALL + DATA + GATE + INT8
PLAN = plan_of(TEXT, files=FILES)


def test_the_same_plan_has_not_changed() -> None:
    assert plan_changes(PLAN, plan_of("# another look\n" + TEXT, files=FILES)) == []


def test_it_has_not_changed_by_going_through_json() -> None:
    assert plan_changes(msgspec.json.decode(PLAN.encode(), type=Plan), PLAN) == []


def test_the_words_are_those_of_diff() -> None:
    text = TEXT.replace("samples = 2", "samples = 3").replace("min = 0.5", "min = 0.75")
    after = plan_of(text, files=(*FILES, "e.npy"), toolchain=TOOLCHAIN | {"openvino": "9", "nncf": ""})
    found = plan_changes(PLAN, after)
    assert found == [change.sentence() for change in diff_plans(PLAN, after).changes]
    assert [line.partition(" ")[0] for line in found] == [
        "data.sha256",
        "gates[frame-agreement",
        "quantization.samples",
        "toolchain.nncf",
        "toolchain.openvino",
    ]
    assert found[2:] == ["quantization.samples 2 → 3", "toolchain.nncf 2 → not stated", "toolchain.openvino 1 → 9"]


def test_a_default_that_is_now_stated_is_the_same_plan() -> None:
    after = plan_of(TEXT + 'preset = "performance"\n', files=FILES)
    assert after.encode() != PLAN.encode()
    assert after.digest == PLAN.digest
    assert plan_changes(PLAN, after) == []


def test_an_override_counts_where_it_changes_something() -> None:
    assert 'target.device "NPU" → "CPU"' in plan_changes(PLAN, plan_of(TEXT, files=FILES, device="CPU"))
    cpu = TEXT.replace('device = "NPU"\nfallback = ["CPU"]', 'device = "CPU"\nfallback = []')
    assert plan_changes(plan_of(cpu, files=FILES), plan_of(cpu, files=FILES, device="CPU")) == []


@pytest.mark.parametrize("field", ["gates", "platforms", "recipe", "samples"])
def test_whatever_else_changed_is_not_passed_over(field: str) -> None:
    value = ("4000",) if field == "platforms" else getattr(plan_of(SMALL), field)
    assert plan_changes(PLAN, structs.replace(PLAN, **{field: value})) != []


def test_where_a_plan_was_edited_the_place_is_named() -> None:
    recipe = structs.replace(PLAN.recipe, subset_size=3)
    assert plan_changes(PLAN, structs.replace(PLAN, recipe=recipe)) == [
        "it differs in `recipe`, though the spec, the sources and the tools are the same"
    ]


def test_a_name_can_not_begin_a_line() -> None:
    setting = structs.replace(PLAN.settings[0], path="x\n\nspec.toml: ok", value="a\nb")
    (found,) = plan_changes(structs.replace(PLAN, settings=(*PLAN.settings, setting)), PLAN)
    assert "\n" not in found
