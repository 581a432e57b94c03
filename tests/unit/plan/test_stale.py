"""What changed between two plans is said in sentences that name the change."""

import pytest

from builders import DATA, GATE, SMALL, TOOLCHAIN, plan_of
from npuspec.plan import Plan
from npuspec.plan.stale import what_changed

INT8 = '\n[quantization]\nmode = "int8"\nsamples = 2\n'
FILES = ("a.npy", "b.npy", "c.npy", "d.npy")
TEXT = SMALL + DATA + GATE + INT8
PLAN = plan_of(TEXT, files=FILES)


def test_the_same_plan_has_not_changed() -> None:
    assert what_changed(PLAN, plan_of("# another look\n" + TEXT, files=FILES)) == []


def test_it_has_not_changed_by_going_through_json() -> None:
    assert what_changed(Plan.model_validate_json(PLAN.encode()), PLAN) == []


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("samples = 2", "samples = 3", ["quantization.samples: from 2 to 3"]),
        (
            "min = 0.5",
            "min = 0.75",
            ['gates[frame-agreement of static against original, y]: from "at least 0.5" to "at least 0.75"'],
        ),
        ("samples = 2\n", 'samples = 2\npreset = "performance"\n', None),
        (
            "samples = 2\n",
            'samples = 2\nmodel-type = "transformer"\n',
            ['quantization.model-type: "transformer", which wasn\'t stated before'],
        ),
    ],
)
def test_a_setting_is_named_with_both_values(old: str, new: str, changes: list[str] | None) -> None:
    assert old in TEXT
    found = what_changed(PLAN, plan_of(TEXT.replace(old, new), files=FILES))
    wanted = ['quantization.preset: "performance" was left to its default, and is stated in the spec']
    assert found == (wanted if changes is None else changes)


def test_a_setting_that_is_gone_is_named_with_what_it_was() -> None:
    before = plan_of(TEXT + 'model-type = "transformer"\n', files=FILES)
    assert what_changed(before, PLAN) == ['quantization.model-type: no longer stated, was "transformer"']


def test_an_override_is_named_as_such() -> None:
    found = what_changed(PLAN, plan_of(TEXT, files=FILES, device="CPU"))
    assert 'target.device: from "NPU" to "CPU"' in found


def test_model_data_and_tools_are_named() -> None:
    before = plan_of(TEXT, files=FILES)
    after = plan_of(TEXT, files=(*FILES, "e.npy"), toolchain=TOOLCHAIN | {"openvino": "9", "nncf": ""})
    model = after.model.model_copy(update={"digest": "f" * 64})
    found = what_changed(before, after.model_copy(update={"model": model}))
    assert [line.partition(":")[0] for line in found] == ["model", "data", "nncf", "openvino"]
    assert found[0].endswith(f" to {'f' * 12}")
    assert found[1].endswith(", from 4 to 5 files")
    assert found[2:] == ["nncf: from 2 to none", "openvino: from 1 to 9"]


def test_where_only_npuspec_itself_changed_the_stages_are_named() -> None:
    stages = tuple(s.model_copy(update={"digest": "0" * 64}) if s.verb == "verify" else s for s in PLAN.stages)
    found = what_changed(PLAN, PLAN.model_copy(update={"stages": stages}))
    assert found == ["stages with other results: verify[CPU], verify[NPU]"]


def test_whatever_else_changed_is_not_passed_over() -> None:
    found = what_changed(PLAN, PLAN.model_copy(update={"platforms": ("4000",)}))
    assert len(found) == 1
    assert found[0].startswith("the plan: from digest ")
