"""The stages: their order, and digests that cover all that a result depends on, and nothing else."""

import pytest

from builders import BUCKETS, DATA, GATE, SMALL, TOOLCHAIN, plan_of, port, signature_of
from npuspec.plan import Plan

FILES = tuple(f"{i}.npy" for i in range(6))
FULL = SMALL + DATA + '\n[quantization]\nmode = "int8"\nsamples = 4\n\n[properties]\nturbo = true\n' + GATE
STAGES = [
    "read",
    "quantize",
    "rank",
    "compare",
    "shape[time64]",
    "shape[quantized, time64]",
    "compile[NPU, time64]",
    "verify[NPU]",
    "compile[CPU, time64]",
    "verify[CPU]",
]
BASE = plan_of(FULL, files=FILES)
QUANTIZED = [name for name in STAGES if name not in ("read", "shape[time64]")]
COMPILED = STAGES[STAGES.index("compile[NPU, time64]") :]


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
    assert verify.inputs == ("read", "shape[time64]", "shape[quantized, time64]", "compile[NPU, time64]")


def test_each_variant_has_stages_of_its_own() -> None:
    buckets = FULL.replace('"pad"', '"buckets"').replace("size = 64", "sizes = [16, 64]")
    names = [stage.name for stage in plan_of(buckets, files=FILES).stages_for("NPU")]
    assert names == [
        "read",
        "quantize",
        "rank",
        "compare",
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
        ("samples = 4", "samples = 3", QUANTIZED),
        ('mode = "int8"', 'mode = "int8"\npreset = "mixed"', QUANTIZED),
        ('mode = "int8"', 'mode = "int8"\nmodel-type = "transformer"', QUANTIZED),
        ('mode = "int8"', 'mode = "int8"\nkeep = { names = ["/Conv"] }', QUANTIZED),
        ('shape = ["batch", "time"]', 'shape = ["batch", "time"]\npad-value = 1.0', QUANTIZED),
        ('input = "x"', 'input = "x"\nsample-rate = 16000', QUANTIZED),
        ("[target]", "[batching]\nsize = 2\n[target]", STAGES[1:]),
        ("[target]", '[cache]\nkind = "none"\n[target]', COMPILED),
        ("[target]", '[cache]\nkind = "directory"\n[target]', COMPILED),
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
    assert changed(plan_of(FULL, files=(*FILES[:5], "new.npy"))) == QUANTIZED


def test_without_quantization_what_is_compiled_is_the_static_model() -> None:
    plan = plan_of(SMALL + DATA + GATE, files=FILES)
    assert [stage.verb for stage in plan.stages_for("CPU")] == ["read", "shape", "compile", "verify"]
    compiled = next(stage for stage in plan.stages if stage.verb == "compile")
    assert compiled.inputs == ("shape[time64]",)


def test_without_samples_nothing_is_verified() -> None:
    assert [stage.verb for stage in plan_of(SMALL).stages_for("CPU")] == ["read", "shape", "compile"]


SEARCHED = {
    "mixed": ["read", "quantize", "rank", "mix", "compare"],
    "accuracy-control": ["read", "quantize", "control", "compare"],
    "weights": ["read", "quantize", "compare"],
}


@pytest.mark.parametrize("mode", SEARCHED)
def test_each_mode_has_the_stages_that_it_needs_and_what_is_compared_is_what_they_made(mode: str) -> None:
    text = FULL.replace('mode = "int8"', f'mode = "{mode}"').replace('of = "static"', 'of = "quantized"')
    text = text.replace("samples = 4\n", "" if mode == "weights" else "samples = 4\n")
    plan = plan_of(text, files=FILES)
    stages = {stage.name: stage for stage in plan.stages_for("CPU")}
    assert [name for name, s in stages.items() if not s.on_failure][: len(SEARCHED[mode])] == SEARCHED[mode]
    ships = {"mixed": "mix", "accuracy-control": "control", "weights": "quantize"}[mode]
    assert stages["shape[quantized, time64]"].inputs == (ships,)
    assert stages["compare"].parameters["precisions"] == ([mode] if mode == "weights" else ["int8", mode])


def test_what_says_why_a_gate_failed_is_run_only_then() -> None:
    assert [stage.name for stage in BASE.stages if stage.on_failure] == ["rank"]


def test_a_mix_is_chosen_anew_for_another_limit() -> None:
    text = FULL.replace('mode = "int8"', 'mode = "mixed"').replace('of = "static"', 'of = "quantized"')
    before, after = (plan_of(t, files=FILES) for t in (text, text.replace("min = 0.5", "min = 0.9")))
    changed = [a.verb for a, b in zip(before.stages, after.stages, strict=True) if a.digest != b.digest]
    assert "mix" in changed
    assert not {"quantize", "rank"} & {*changed}


@pytest.mark.parametrize("mode", ["mixed", "accuracy-control"])
def test_another_mode_begins_with_the_same_quantization(mode: str) -> None:
    text = FULL.replace('mode = "int8"', f'mode = "{mode}"').replace('of = "static"', 'of = "quantized"')
    plans = (BASE, plan_of(text, files=FILES))
    one, other = (next(stage.digest for stage in plan.stages if stage.verb == "quantize") for plan in plans)
    assert one == other


def test_without_a_platform_nothing_tells_what_a_mix_gains() -> None:
    text = FULL.replace('mode = "int8"', 'mode = "mixed"').replace('of = "static"', 'of = "quantized"')
    plan = plan_of(text, files=FILES)
    assert "gain" not in {stage.verb for stage in plan.stages}
    assert next(stage.inputs for stage in plan.stages if stage.verb == "mix") == ("read", "quantize", "rank")


def test_a_mix_is_held_to_no_gate_on_what_neighbours_cost() -> None:
    quantized = GATE.replace('of = "static"', 'of = "quantized"')
    batched = GATE.replace('of = "static"\nagainst = "original"', 'of = "batched"\nagainst = "quantized"')
    text = FULL.replace('mode = "int8"', 'mode = "mixed"') + "[batching]\nsize = 2\n" + quantized + batched
    (mix,) = (stage for stage in plan_of(text, files=FILES).stages if stage.verb == "mix")
    assert [gate["of"] for gate in mix.parameters["gates"]] == ["quantized"]


def test_each_platform_compiles_each_variant_and_the_largest_in_every_precision() -> None:
    text = (
        FULL.replace(SMALL, BUCKETS)
        .replace("[target]", '[target]\nplatforms = ["3720", "5010"]')
        .replace('"int8"', '"mixed"')
    )
    plan = plan_of(text.replace('of = "static"', 'of = "quantized"'), files=FILES)
    ahead = {stage.name: stage for stage in plan.stages if stage.verb == "ahead"}
    assert list(ahead) == [
        "compile[3720, time16]",
        "compile[3720, time32]",
        "compile[5010, time16]",
        "compile[5010, time32]",
        "compile[3720, original, time32]",
        "compile[5010, original, time32]",
        "compile[3720, int8, time32]",
        "compile[5010, int8, time32]",
    ]
    (curve,) = (stage for stage in plan.stages if stage.verb == "curve")
    assert (curve.name, curve.inputs) == ("curve[3720]", ("read", "quantize", "rank", "mix", "gain[3720]"))
    gain, mix = (next(stage for stage in plan.stages if stage.verb == verb) for verb in ("gain", "mix"))
    assert (gain.name, gain.inputs) == ("gain[3720]", ("read", "quantize", "rank"))
    assert gain.parameters["shape"]["variant"]["name"] == "time32"
    assert mix.inputs == ("read", "quantize", "rank", "gain[3720]")
    assert ahead["compile[3720, time16]"].inputs == ("shape[quantized, time16]",)
    assert ahead["compile[3720, original, time32]"].inputs == ("shape[time32]",)
    assert ahead["compile[3720, int8, time32]"].inputs == ("shape[int8, time32]",)
    assert [stage for stage in plan.stages_for("CPU") if stage.verb == "ahead"] == [*ahead.values()]


def budget(metric: str, more: str = "", limit: str = "max = 5") -> str:
    return f'[[gates]]\nmetric = "{metric}"\n{limit}\n{more}\n'


FOR_NPUS = FULL.replace("[target]", '[target]\nplatforms = ["4000"]')


@pytest.mark.parametrize(
    ("gates", "npu", "cpu"),
    [
        (budget("size-mib") + budget("compile-s"), None, None),
        (budget("latency-ms"), ["latency-ms"], ["latency-ms"]),
        (
            budget("start-ms") + budget("latency-ms") + budget("latency-ms", 'variant = "time64"'),
            *[["latency-ms", "start-ms"]] * 2,
        ),
        (budget("latency-ms", 'platform = "4000"'), ["latency-ms"], None),
        (budget("latency-ms", 'platform = "4000"\nfigure = "estimated"'), None, None),
        (budget("throughput", 'platform = "4000"\nfigure = "measured"', "min = 5"), ["throughput"], None),
    ],
)
def test_budgets_are_timed_where_they_are_measured(gates: str, npu: list[str] | None, cpu: list[str] | None) -> None:
    stages = {stage.name: stage for stage in plan_of(FOR_NPUS + gates, files=FILES).stages}
    for device, metrics in (("NPU", npu), ("CPU", cpu)):
        assert (f"budget[{device}]" in stages) is (metrics is not None)
        if metrics is not None:
            stage = stages[f"budget[{device}]"]
            assert stage.parameters["metrics"] == metrics
            assert stage.inputs == ("shape[quantized, time64]", f"compile[{device}, time64]")


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("max = 5", "max = 6", False),
        ("\nmax = 5", "\nmax = 5\nmin = 1", False),
        ("[properties]", "[load]\nrequests = 3\n[properties]", True),
        ("turbo = true", "turbo = true\ninference-num-threads = 2", True),
        ("latency-ms", "latency-p95-ms", True),
    ],
)
def test_a_limit_measures_nothing_anew(old: str, new: str, changes: bool) -> None:
    text = FULL + budget("latency-ms")
    before, after = (
        {stage.name: stage.digest for stage in plan_of(t, files=FILES).stages} for t in (text, text.replace(old, new))
    )
    assert (before["budget[CPU]"] != after["budget[CPU]"]) is changes


def test_budgets_alone_need_no_samples() -> None:
    plan = plan_of(SMALL + budget("latency-ms"))
    assert [stage.name for stage in plan.stages_for("CPU")] == [
        "read",
        "shape[time64]",
        "compile[CPU, time64]",
        "budget[CPU]",
    ]
