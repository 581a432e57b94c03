"""Each device gets the properties that it knows, and every default says why it is one."""

from builders import SMALL, spec_of
from npuspec.plan.passes.deploy import plan_deployments

PROPERTIES = "\n[properties]\nturbo = true\ninference-num-threads = 2\nperformance-hint = 'THROUGHPUT'\n"


def test_the_target_stands_first_and_then_its_fallbacks() -> None:
    assert [d.device for d in plan_deployments(spec_of(SMALL), None)] == ["NPU", "CPU"]


def test_a_device_that_the_caller_insists_on_is_the_only_one() -> None:
    assert [d.device for d in plan_deployments(spec_of(SMALL), "CPU")] == ["CPU"]


def test_a_device_gets_what_it_knows_sorted_by_name_and_the_rest_is_listed() -> None:
    npu, cpu = plan_deployments(spec_of(SMALL + PROPERTIES), None)
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


def test_without_a_hint_the_default_is_latency_and_says_why() -> None:
    for deployment in plan_deployments(spec_of(SMALL), None):
        [hint] = deployment.properties
        assert (hint.name, hint.value) == ("PERFORMANCE_HINT", "LATENCY")
        assert hint.origin.startswith("default: ")


def test_the_order_of_properties_in_the_text_changes_nothing() -> None:
    lines = PROPERTIES.strip().splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])]) + "\n"
    assert plan_deployments(spec_of(SMALL + turned), None) == plan_deployments(spec_of(SMALL + PROPERTIES), None)
