"""The stages: their order, and digests that cover all that a result depends on, and nothing else."""

import pytest

from builders import DATA, GATE, SMALL, TOOLCHAIN, plan_of, port, signature_of
from npuspec.plan import Plan

FILES = tuple(f"{i}.npy" for i in range(6))
FULL = SMALL + DATA + '\n[quantization]\nmode = "int8"\nsamples = 4\n\n[properties]\nturbo = true\n' + GATE
STAGES = [
    "read",
    "shape[time64]",
    "quantize[time64]",
    "compile[NPU, time64]",
    "verify[NPU]",
    "compile[CPU, time64]",
    "verify[CPU]",
]
BASE = plan_of(FULL, files=FILES)


def changed(other: Plan) -> list[str]:
    """Return the stages whose digest differs from that of the same stage in the base plan."""
    before = {stage.name: stage.digest for stage in BASE.stages}
    return [stage.name for stage in other.stages if before.get(stage.name) != stage.digest]


def test_stages_stand_in_the_order_in_which_they_are_run() -> None:
    assert [stage.name for stage in BASE.stages] == STAGES
    seen: set[str] = set()
    for stage in BASE.stages:
        assert set(stage.inputs) <= seen
        seen.add(stage.name)


def test_what_is_verified_is_the_original_the_static_the_final_and_the_compiled_model() -> None:
    verify = next(stage for stage in BASE.stages if stage.name == "verify[NPU]")
    assert verify.inputs == ("read", "shape[time64]", "quantize[time64]", "compile[NPU, time64]")


def test_each_variant_has_stages_of_its_own() -> None:
    buckets = FULL.replace('"pad"', '"buckets"').replace("size = 64", "sizes = [16, 64]")
    names = [stage.name for stage in plan_of(buckets, files=FILES).stages_for("NPU")]
    assert names == [
        "read",
        "shape[time16]",
        "quantize[time16]",
        "shape[time64]",
        "quantize[time64]",
        "compile[NPU, time16]",
        "compile[NPU, time64]",
        "verify[NPU]",
    ]


def test_a_device_s_stages_are_those_for_all_and_its_own() -> None:
    assert [stage.name for stage in BASE.stages_for("CPU")] == [s for s in STAGES if "NPU" not in s]


def test_the_same_spec_has_the_same_digests() -> None:
    assert changed(plan_of(FULL, files=FILES)) == []
    assert plan_of(FULL, files=FILES).digest == BASE.digest


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("size = 64", "size = 64\n# a comment", []),
        ("min = 0.5", "min = 0.9", []),
        ("turbo = true", "turbo = false", ["compile[NPU, time64]", "verify[NPU]"]),
        (
            "turbo = true",
            "turbo = true\ninference-num-threads = 2",
            ["compile[CPU, time64]", "verify[CPU]"],
        ),
        ("samples = 4", "samples = 3", STAGES[2:]),
        ('mode = "int8"', 'mode = "int8"\npreset = "mixed"', STAGES[2:]),
        ('mode = "int8"', 'mode = "int8"\nmodel-type = "transformer"', STAGES[2:]),
        ('mode = "int8"', 'mode = "int8"\nkeep = { names = ["/Conv"] }', STAGES[2:]),
        ('shape = ["batch", "time"]', 'shape = ["batch", "time"]\npad-value = 1.0', STAGES[2:]),
        ('input = "x"', 'input = "x"\nsample-rate = 16000', [STAGES[2], *STAGES[3:]]),
        ("[target]", "[batching]\nsize = 2\n[target]", STAGES[1:]),
        ("[target]", '[cache]\nkind = "none"\n[target]', STAGES[3:]),
        ("[target]", '[cache]\nkind = "directory"\n[target]', STAGES[3:]),
        ('fallback = ["CPU"]', "", []),
    ],
)
def test_a_change_reaches_exactly_what_is_downstream(old: str, new: str, names: list[str]) -> None:
    assert FULL.count(old) == 1
    assert changed(plan_of(FULL.replace(old, new), files=FILES)) == names


def test_a_gate_s_minimum_is_part_of_the_plan_all_the_same() -> None:
    other = plan_of(FULL.replace("min = 0.5", "min = 0.9"), files=FILES)
    assert other.digest != BASE.digest


def test_a_gate_on_another_output_is_verified_anew() -> None:
    signature = signature_of(outputs=(port("y", None, None, 8), port("z", None, None, 8)))
    y = plan_of(FULL, files=FILES, signature=signature)
    z = plan_of(FULL.replace('output = "y"', 'output = "z"'), files=FILES, signature=signature)
    differ = [a.name for a, b in zip(y.stages, z.stages, strict=True) if a.digest != b.digest]
    assert differ == ["verify[NPU]", "verify[CPU]"]


@pytest.mark.parametrize("package", TOOLCHAIN)
def test_another_version_of_a_tool_makes_everything_anew(package: str) -> None:
    assert changed(plan_of(FULL, files=FILES, toolchain={**TOOLCHAIN, package: "9"})) == STAGES


def test_another_model_makes_everything_anew() -> None:
    assert changed(plan_of(FULL, files=FILES, model="other.onnx")) == STAGES


def test_another_sample_calibrates_and_verifies_anew() -> None:
    assert changed(plan_of(FULL, files=(*FILES[:5], "new.npy"))) == STAGES[2:]


def test_without_quantization_what_is_compiled_is_the_static_model() -> None:
    plan = plan_of(SMALL + DATA + GATE, files=FILES)
    assert [stage.verb for stage in plan.stages_for("CPU")] == ["read", "shape", "compile", "verify"]
    compiled = next(stage for stage in plan.stages if stage.verb == "compile")
    assert compiled.inputs == ("shape[time64]",)


def test_without_samples_nothing_is_verified() -> None:
    assert [stage.verb for stage in plan_of(SMALL).stages_for("CPU")] == ["read", "shape", "compile"]
