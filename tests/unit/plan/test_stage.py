"""The stages: their order, and digests that cover all that a result depends on, and nothing else."""

import pytest

from builders import DATA, GATE, SMALL, TOOLCHAIN, plan_of, port, signature_of
from npuspec.plan import Plan

FILES = tuple(f"{i}.npy" for i in range(6))
FULL = SMALL + DATA + '\n[quantization]\nmode = "int8"\nsamples = 4\n\n[properties]\nturbo = true\n' + GATE
QUANTIZED = ["quantize", "rank", "compare"]
SHAPED = ["shape[time64]", "shape[quantized, time64]"]
ON_DEVICES = ["compile[NPU, time64]", "verify[NPU]", "compile[CPU, time64]", "verify[CPU]"]
STAGES = ["read", *QUANTIZED, *SHAPED, *ON_DEVICES]
ANEW = [*QUANTIZED, SHAPED[1], *ON_DEVICES]
"""What is made of another quantization."""
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
    assert verify.inputs == ("read", *SHAPED, "compile[NPU, time64]")


def test_each_variant_has_stages_of_its_own_and_all_are_made_of_one_quantization() -> None:
    buckets = FULL.replace('"pad"', '"buckets"').replace("size = 64", "sizes = [16, 64]")
    names = [stage.name for stage in plan_of(buckets, files=FILES).stages_for("NPU")]
    assert names == [
        "read",
        *QUANTIZED,
        "shape[time16]",
        "shape[quantized, time16]",
        "shape[time64]",
        "shape[quantized, time64]",
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
        ("samples = 4", "samples = 3", ANEW),
        ('mode = "int8"', 'mode = "int8"\npreset = "mixed"', ANEW),
        ('mode = "int8"', 'mode = "int8"\nmodel-type = "transformer"', ANEW),
        ('mode = "int8"', 'mode = "int8"\nkeep = { names = ["/Conv"] }', ANEW),
        ('shape = ["batch", "time"]', 'shape = ["batch", "time"]\npad-value = 1.0', ANEW),
        ('input = "x"', 'input = "x"\nsample-rate = 16000', ANEW),
        ("[target]", "[batching]\nsize = 2\n[target]", STAGES[1:]),
        ("[target]", '[cache]\nkind = "none"\n[target]', ON_DEVICES),
        ("[target]", '[cache]\nkind = "directory"\n[target]', ON_DEVICES),
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
    assert differ == ["rank", "compare", "verify[NPU]", "verify[CPU]"]


@pytest.mark.parametrize("package", TOOLCHAIN)
def test_another_version_of_a_tool_makes_everything_anew(package: str) -> None:
    assert changed(plan_of(FULL, files=FILES, toolchain={**TOOLCHAIN, package: "9"})) == STAGES


def test_another_model_makes_everything_anew() -> None:
    assert changed(plan_of(FULL, files=FILES, model="other.onnx")) == STAGES


def test_another_sample_calibrates_and_verifies_anew() -> None:
    assert changed(plan_of(FULL, files=(*FILES[:5], "new.npy"))) == ANEW


def moded(mode: str, text: str = FULL) -> Plan:
    return plan_of(text.replace('"int8"', f'"{mode}"'), files=FILES)


def inputs_of(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {stage.name: stage.inputs for stage in plan.stages}


@pytest.mark.parametrize(
    ("mode", "made"),
    [
        ("int8", {"quantize": ("read",), "rank": ("read", "quantize"), "compare": ("read", "quantize")}),
        (
            "mixed",
            {
                "quantize": ("read",),
                "rank": ("read", "quantize"),
                "mix": ("read", "quantize", "rank"),
                "compare": ("read", "quantize", "mix"),
            },
        ),
        (
            "accuracy-control",
            {
                "quantize": ("read",),
                "rank": ("read", "quantize"),
                "control": ("read",),
                "compare": ("read", "quantize", "control"),
            },
        ),
        ("weights", {"quantize": ("read",), "compare": ("read", "quantize")}),
    ],
)
def test_the_mode_says_what_is_made_of_the_model_before_it_is_shaped(
    mode: str, made: dict[str, tuple[str, ...]]
) -> None:
    text = FULL.replace("samples = 4", "") if mode == "weights" else FULL
    found = inputs_of(moded(mode, text))
    ships = next(name for name in ("mix", "control", "quantize") if name in made)
    assert {name: found[name] for name in found if name not in ("read", *SHAPED, *ON_DEVICES)} == made
    assert (found[SHAPED[0]], found[SHAPED[1]]) == (("read",), (ships,))


def test_only_a_mix_needs_to_know_what_does_harm_before_a_gate_fails() -> None:
    found = {
        mode: [s.name for s in moded(mode).stages if s.on_failure] for mode in ("int8", "mixed", "accuracy-control")
    }
    assert found == {"int8": ["rank"], "mixed": [], "accuracy-control": ["rank"]}


def test_another_mode_begins_with_the_same_quantization() -> None:
    first = next(stage.digest for stage in BASE.stages if stage.name == "quantize")
    for mode in ("mixed", "accuracy-control"):
        assert next(stage.digest for stage in moded(mode).stages if stage.name == "quantize") == first


@pytest.mark.parametrize(("mode", "first"), [("int8", "compare"), ("mixed", "mix"), ("accuracy-control", "control")])
def test_the_gates_on_what_is_quantized_are_part_of_what_they_choose(mode: str, first: str) -> None:
    text = FULL.replace('of = "static"', 'of = "quantized"').replace('"original"', '"static"')
    one, other = (moded(mode, text.replace("0.5", limit)) for limit in ("0.5", "0.6"))
    differ = [a.name for a, b in zip(one.stages, other.stages, strict=True) if a.digest != b.digest]
    assert differ[0] == first
    assert ("verify[CPU]" in differ) == (mode != "int8")


def test_weights_alone_are_quantized_without_samples() -> None:
    plan = plan_of(SMALL + '\n[quantization]\nmode = "weights"\n')
    assert [stage.verb for stage in plan.stages_for("CPU")] == ["read", "quantize", "shape", "shape", "compile"]


def test_without_quantization_what_is_compiled_is_the_static_model() -> None:
    plan = plan_of(SMALL + DATA + GATE, files=FILES)
    assert [stage.verb for stage in plan.stages_for("CPU")] == ["read", "shape", "compile", "verify"]
    compiled = next(stage for stage in plan.stages if stage.verb == "compile")
    assert compiled.inputs == ("shape[time64]",)


def test_without_samples_nothing_is_verified() -> None:
    assert [stage.verb for stage in plan_of(SMALL).stages_for("CPU")] == ["read", "shape", "compile"]
