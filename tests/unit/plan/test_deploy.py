"""Each device gets the properties that it knows, and every default says why it is one."""

import pytest

from builders import SMALL, plan_of, spec_of
from npuspec.plan.passes.deploy import plan_ahead, plan_batch_mode, plan_core, plan_deployments

BYPASS = "NPU_BYPASS_UMD_CACHING"
UNCACHED = SMALL + '\n[cache]\nkind = "none"\n'
PROPERTIES = "\n[properties]\nturbo = true\ninference-num-threads = 2\nperformance-hint = 'THROUGHPUT'\n"


def test_the_target_stands_first_and_then_its_fallbacks() -> None:
    assert [d.device for d in plan_deployments(spec_of(SMALL), None)] == ["NPU", "CPU"]


def test_a_device_that_the_caller_insists_on_is_the_only_one() -> None:
    assert [d.device for d in plan_deployments(spec_of(SMALL), "CPU")] == ["CPU"]


def test_a_device_gets_what_it_knows_sorted_by_name_and_the_rest_is_listed() -> None:
    npu, cpu = plan_deployments(spec_of(UNCACHED + PROPERTIES), None)
    assert [(p.name, p.value, p.scope, p.origin) for p in npu.properties] == [
        ("NPU_TURBO", True, "compile", "spec"),
        ("PERFORMANCE_HINT", "THROUGHPUT", "compile", "spec"),
    ]
    assert npu.left_out == ("inference-num-threads",)
    assert [(p.name, p.value) for p in cpu.properties] == [
        ("INFERENCE_NUM_THREADS", 2),
        ("PERFORMANCE_HINT", "THROUGHPUT"),
    ]
    assert cpu.left_out == ("turbo",)


@pytest.mark.parametrize(("size", "value"), [(1, "LATENCY"), (2, "THROUGHPUT")])
def test_without_a_hint_the_default_is_that_of_the_batch_and_says_why(size: int, value: str) -> None:
    for deployment in plan_deployments(spec_of(UNCACHED + f"[batching]\nsize = {size}\n"), None):
        [hint] = deployment.properties
        assert (hint.name, hint.value) == ("PERFORMANCE_HINT", value)
        assert hint.origin.startswith("default: ")


@pytest.mark.parametrize("kind", ["blob", "directory"])
def test_an_npu_s_driver_keeps_nothing_that_npuspec_keeps(kind: str) -> None:
    npu, cpu = plan_deployments(spec_of(SMALL + f'\n[cache]\nkind = "{kind}"\n'), None)
    assert [(p.name, p.value, p.origin) for p in npu.properties if p.name == BYPASS] == [
        (BYPASS, True, "default: the driver needn't keep what npuspec keeps")
    ]
    assert BYPASS not in [p.name for p in cpu.properties]


def test_what_a_spec_says_of_the_driver_s_cache_holds() -> None:
    npu, _ = plan_deployments(spec_of(SMALL + "\n[properties]\nbypass-umd-caching = false\n"), None)
    assert [(p.value, p.origin) for p in npu.properties if p.name == BYPASS] == [(False, "spec")]


def test_the_order_of_properties_in_the_text_changes_nothing() -> None:
    lines = PROPERTIES.strip().splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])]) + "\n"
    assert plan_deployments(spec_of(SMALL + turned), None) == plan_deployments(spec_of(SMALL + PROPERTIES), None)


UNCHECKED = "\n[properties.unchecked]\nNPU_NEW = 'x'\nANOTHER = 1.5\n"
CORE = "\n[properties.core]\nforce-tbb-terminate = true\nenable-mmap = false\n"


def test_what_is_not_checked_reaches_the_target_as_it_is_written_and_no_fallback() -> None:
    npu, cpu = plan_deployments(spec_of(UNCACHED + UNCHECKED), None)
    assert [(p.name, p.value, p.scope, p.origin) for p in npu.properties if p.name != "PERFORMANCE_HINT"] == [
        ("ANOTHER", 1.5, "compile", "spec, unchecked"),
        ("NPU_NEW", "x", "compile", "spec, unchecked"),
    ]
    assert npu.left_out == ()
    assert [p.name for p in cpu.properties] == ["PERFORMANCE_HINT"]
    assert cpu.left_out == ("ANOTHER", "NPU_NEW")


def test_what_is_not_checked_is_for_the_target_also_where_another_device_is_insisted_on() -> None:
    [cpu] = plan_deployments(spec_of(SMALL + UNCHECKED), "CPU")
    assert cpu.left_out == ("ANOTHER", "NPU_NEW")
    [npu] = plan_deployments(spec_of(UNCACHED + UNCHECKED), "NPU")
    assert [p.name for p in npu.properties] == ["ANOTHER", "NPU_NEW", "PERFORMANCE_HINT"]


def test_properties_of_openvino_itself_are_no_device_s() -> None:
    spec = spec_of(UNCACHED + CORE)
    assert [(p.name, p.value, p.scope, p.origin) for p in plan_core(spec)] == [
        ("ENABLE_MMAP", False, "core", "spec"),
        ("FORCE_TBB_TERMINATE", True, "core", "spec"),
    ]
    for deployment in plan_deployments(spec, None):
        assert [p.name for p in deployment.properties] == ["PERFORMANCE_HINT"]
        assert deployment.left_out == ()
    assert plan_core(spec_of(SMALL)) == ()


def test_core_properties_reach_every_stage_that_compiles_and_change_its_digest() -> None:
    with_core, without = plan_of(SMALL + CORE), plan_of(SMALL)
    told = {s.name: s.parameters["core"] for s in with_core.stages if "core" in s.parameters}
    assert {s.verb for s in with_core.stages if s.name in told} >= {"compile"}
    assert all(core == {"ENABLE_MMAP": False, "FORCE_TBB_TERMINATE": True} for core in told.values())
    digests = {s.name: s.digest for s in without.stages}
    assert all(digests[s.name] != s.digest for s in with_core.stages if s.name in told)


def test_a_driver_s_cache_is_no_matter_of_what_is_compiled_ahead_of_time() -> None:
    spec = spec_of(SMALL + "\n[properties]\nturbo = true\n")
    assert BYPASS in [p.name for p in plan_deployments(spec, None)[0].properties]
    assert plan_ahead(spec) == {"NPU_TURBO": True, "PERFORMANCE_HINT": "LATENCY"}


def test_nor_is_who_compiles_and_what_it_logs() -> None:
    spec = spec_of(SMALL + '\n[properties]\nlog-level = "LOG_DEBUG"\ncompiler-type = "DRIVER"\n')
    assert {"LOG_LEVEL", "NPU_COMPILER_TYPE"} <= {p.name for p in plan_deployments(spec, None)[0].properties}
    assert plan_ahead(spec) == {"PERFORMANCE_HINT": "LATENCY"}


WHOLE = '\n[properties.unchecked]\nNPU_BATCH_MODE = "COMPILER"\n'
FOR_PLATFORM = SMALL.replace("[target]", '[target]\nplatforms = ["4000"]')


@pytest.mark.parametrize(
    ("text", "size", "device", "mode"),
    [
        (SMALL, 1, None, None),
        (SMALL, 4, None, "PLUGIN"),
        (SMALL + WHOLE, 4, None, "COMPILER"),
        (SMALL + WHOLE.replace("COMPILER", "PLUGIN"), 4, None, "PLUGIN"),
        (SMALL + WHOLE, 1, None, None),
        (SMALL, 4, "CPU", None),
        (FOR_PLATFORM, 4, "CPU", "PLUGIN"),
    ],
)
def test_who_makes_inferences_of_a_batch_is_known(text: str, size: int, device: str | None, mode: str | None) -> None:
    spec = spec_of(text + f"\n[batching]\nsize = {size}\n")
    assert plan_batch_mode(spec, plan_deployments(spec, device)) == mode
