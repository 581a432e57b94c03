"""Gates: a figure, a margin with a sign, a sentence, and a fault for each that isn't met."""

from math import inf, nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime.toys import data, program

from builders import SMALL, spec_of
from npuspec.bundle.program import Load, Program
from npuspec.execute.gates import GateResult, failures, hold_gates
from npuspec.plan import Plan
from npuspec.plan.model import PlannedGate, PlannedSource, Rewrite
from npuspec.plan.passes.sample import plan_recipe

TOY: Program = program(data())


def gate(
    minimum: float, of: Any = "static", against: Any = "original", output: str = "y", variant: str | None = None
) -> PlannedGate:
    return PlannedGate(metric="frame-agreement", output=output, of=of, against=against, min=minimum, variant=variant)


def plan(*gates: PlannedGate) -> Plan:
    return Plan(
        toolchain={},
        model=PlannedSource(source="m", digest="", files=()),
        samples=None,
        program=TOY,
        original=TOY.inputs,
        rewrite=Rewrite(lengths=(), masks=(), selects=()),
        batch_mode=None,
        recipe=plan_recipe(spec_of(SMALL)),
        gates=gates,
        load=Load(),
        cache="none",
        core=(),
        platforms=(),
        deployments=(),
        stages=(),
        settings=(),
    )


def row(value: float, of: str = "static", against: str = "original", output: str = "y") -> dict[str, Any]:
    return {"of": of, "against": against, "output": output, "frames": 9, "frame-agreement": value}


def held(value: float, minimum: float) -> GateResult:
    (result,) = hold_gates(plan(gate(minimum)), {"pairs": [row(value)]})
    return result


@pytest.mark.parametrize(
    ("value", "minimum", "passed"),
    [(0.9, 0.9, True), (0.95, 0.9, True), (0.85, 0.9, False), (0, 0, True), (1, 1, True)],
)
def test_a_gate_passes_from_its_minimum_on(value: float, minimum: float, passed: bool) -> None:
    result = held(value, minimum)
    assert result.passed is passed
    assert result.margin == pytest.approx(value - minimum)
    assert (result.margin >= 0) is passed


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_passing_the_margin_and_the_comparison_never_disagree(value: float, minimum: float) -> None:
    result = held(value, minimum)
    assert result.passed == (value >= minimum) == (result.margin >= 0)
    assert bool(failures((result,), (gate(minimum),))) == (value < minimum)


def test_the_sentence_says_what_was_measured_wanted_and_missing() -> None:
    assert held(0.9234, 0.9).sentence() == (
        "frame-agreement of static against original, y: 0.9234, at least 0.9 wanted (passed, margin +0.0234)"
    )
    assert held(0.85, 0.9).sentence() == (
        "frame-agreement of static against original, y: 0.8500, at least 0.9 wanted (FAILED, margin -0.0500)"
    )


@settings(deadline=None)
@given(st.integers(1, 10_000_000), st.sampled_from([0.9, 0.88, 0.5, 0.999, 1.0]))
def test_a_figure_that_failed_is_never_shown_as_one_that_would_pass(frames: int, minimum: float) -> None:
    agreeing = int(frames * minimum) - (int(frames * minimum) >= frames * minimum)
    result = held(max(agreeing, 0) / frames, minimum)
    shown = float(result.sentence().rpartition("y: ")[2].partition(",")[0])
    assert result.passed == (shown >= minimum)


def test_every_gate_is_held_against_its_own_figure_in_the_plans_order() -> None:
    gates = (gate(0.5, "quantized", "static"), gate(0.5), gate(0.5, output="z"), gate(0.8))
    pairs = [row(0.9), row(0.4, "quantized", "static"), row(0.6, output="z"), row(0.1, "quantized", "original")]
    results = hold_gates(plan(*gates), {"pairs": pairs})
    assert [r.value for r in results] == [0.4, 0.9, 0.6, 0.9]
    assert [r.passed for r in results] == [False, True, True, True]


def test_a_gate_may_have_a_greatest_figure_and_its_margin_is_to_the_nearer_limit() -> None:
    gates = [
        PlannedGate(metric="cosine", output="y", of="static", against="original", min=low, max=high)
        for low, high in ((None, 0.5), (None, 0.9), (0.1, 0.8))
    ]
    results = hold_gates(plan(*gates), {"pairs": [{**row(0), "cosine": 0.7}]})
    assert [r.passed for r in results] == [False, True, True]
    assert [r.margin for r in results] == pytest.approx([-0.2, 0.2, 0.1])
    assert "at least 0.1 and at most 0.8 wanted (passed" in results[2].sentence()


def limited(value: float, minimum: float | None, maximum: float | None, metric: str = "cosine") -> GateResult:
    one = PlannedGate(metric=metric, output="y", of="static", against="original", min=minimum, max=maximum)
    (result,) = hold_gates(plan(one), {"pairs": [{**row(0), metric: value}]})
    return result


@settings(deadline=None)
@given(st.floats(-2, 2), st.none() | st.floats(-2, 2), st.none() | st.floats(-2, 2))
def test_a_figure_passes_exactly_within_its_limits(value: float, minimum: float | None, maximum: float | None) -> None:
    result = limited(value, minimum, maximum)
    within = (minimum is None or value >= minimum) and (maximum is None or value <= maximum)
    assert result.passed is within
    assert (result.margin >= 0) is within
    assert bool(failures((result,))) is not within
    sentence = result.sentence()
    assert ("at least" in sentence, "at most" in sentence) == (minimum is not None, maximum is not None)


@pytest.mark.parametrize(("minimum", "maximum"), [(0.5, None), (None, 0.5), (0.1, 0.5)])
def test_what_is_no_number_passes_no_gate(minimum: float | None, maximum: float | None) -> None:
    result = limited(nan, minimum, maximum)
    assert not result.passed
    assert result.margin < 0
    assert ": nan, " in result.sentence()
    assert [fault.code for fault in failures((result,))] == ["gate-failed"]


def test_an_infinite_difference_fails() -> None:
    assert not limited(inf, None, 0.5, "max-abs-difference").passed


@pytest.mark.parametrize(("value", "maximum"), [(0.50001, 0.5), (0.100000001, 0.1), (0.3, 0.30000000000000004)])
def test_a_figure_beside_its_greatest_is_shown_on_its_own_side(value: float, maximum: float) -> None:
    result = limited(value, None, maximum)
    shown = float(result.sentence().partition("y: ")[2].partition(",")[0])
    assert (shown <= maximum) is (value <= maximum)


def test_no_gates_have_no_results() -> None:
    assert hold_gates(plan(), {"pairs": [row(0.9)]}) == ()
    assert failures((), ()) == []


def test_a_failed_gate_is_a_fault_at_its_place_in_the_spec() -> None:
    gates = (gate(0.5), gate(0.95), gate(0.95, "quantized", "static"))
    results = hold_gates(plan(*gates), {"pairs": [row(0.9), row(0.9, "quantized", "static")]})
    faults = failures(results, gates)
    assert [f.code for f in faults] == ["gate-failed"] * 2
    assert [[label.path for label in f.labels] for f in faults] == [[("gates", 1)], [("gates", 2)]]
    assert [f.message for f in faults] == [r.sentence() for r in results[1:]]
    assert "padding" in faults[0].help
    assert "quantization" in faults[1].help


def test_the_place_of_a_failed_gate_is_that_in_the_text_and_not_that_in_the_plan() -> None:
    gates = (gate(0.95, "quantized", "static"), gate(0.5), gate(0.96))
    results = hold_gates(
        plan(*sorted(gates, key=lambda g: g.subject)), {"pairs": [row(0.9), row(0.97, "quantized", "static")]}
    )
    (fault,) = failures(results, gates)
    assert fault.labels[0].path == ("gates", 2)


def test_a_result_comes_back_from_the_evidence_equal() -> None:
    result = held(0.85, 0.9)
    assert GateResult(**result.as_json()) == result


def of_variants(**values: float) -> dict[str, Any]:
    return {
        "pairs": [
            {**row(0.7), "variants": {name: {"frames": 9, "frame-agreement": value} for name, value in values.items()}}
        ]
    }


def test_a_gate_on_a_variant_is_held_against_the_samples_of_that_variant() -> None:
    gates = (gate(0.5), gate(0.5, variant="time16"), gate(0.5, variant="time32"))
    results = hold_gates(plan(*gates), of_variants(time16=0.4, time32=0.9))
    assert [(r.variant, r.value, r.passed) for r in results] == [
        (None, 0.7, True),
        ("time16", 0.4, False),
        ("time32", 0.9, True),
    ]
    assert results[1].sentence().startswith("frame-agreement of static against original, y in variant time16: 0.4")
    [fault] = failures(results, gates)
    assert fault.labels[0].path == ("gates", 1)


def test_a_gate_on_a_variant_without_samples_fails_and_says_so() -> None:
    one = gate(0.5, variant="time16")
    results = hold_gates(plan(one), of_variants(time32=0.9))
    [fault] = failures(results, (one,))
    assert fault.code == "gate-failed"
    assert fault.message == (
        "frame-agreement of static against original, y in variant time16: "
        "not measured, as no validation sample falls into this variant (FAILED)"
    )
    assert "add samples of its size" in fault.help
    assert fault.labels[0].path == ("gates", 0)


def test_outputs_without_elements_pass_no_gate() -> None:
    one = PlannedGate(metric="max-abs-difference", output="y", of="static", against="original", max=1.0)
    (result,) = hold_gates(plan(one), {"pairs": [{**row(0), "frames": 0, "max-abs-difference": 0.0}]})
    assert not result.passed


def finding(code: str = "padding-leaks", output: str = "y", *variants: str) -> dict[str, Any]:
    variant = variants[0] if variants else None
    figures = dict.fromkeys(variants, 0.5)
    return {"code": code, "output": output, "variant": variant, "message": code, "help": "mend it", "figures": figures}


@pytest.mark.parametrize(
    ("of", "against", "variant", "found", "is_told"),
    [
        ("static", "original", None, finding("padding-leaks", "y", "time16"), True),
        ("quantized", "original", None, finding("static-differs", "y", "time16"), True),
        ("static", "original", "time32", finding("padding-leaks", "y", "time16", "time32"), True),
        ("static", "original", None, finding("sample-overflow", "y"), True),
        ("static", "original", "time16", finding("sample-overflow", "y"), False),
        ("batched", "static", None, finding("neighbours-leak", "y", "time16"), True),
        ("batched", "original", None, finding("batch-changes-result", "y", "time16"), True),
        ("static", "original", None, finding("padding-leaks", "z", "time16"), False),
        ("static", "original", "time32", finding("padding-leaks", "y", "time16"), False),
        ("quantized", "static", None, finding("padding-leaks", "y", "time16"), False),
        ("static", "original", None, finding("neighbours-leak", "y", "time16"), False),
    ],
)
def test_what_was_found_is_the_help_of_the_gate_that_it_explains(
    of: str, against: str, variant: str | None, found: dict[str, Any], is_told: bool
) -> None:
    figures = {name: {"frames": 9, "frame-agreement": 0.1} for name in ("time16", "time32")}
    rows = {"pairs": [{**row(0.1, of, against), "variants": figures}]}
    [fault] = failures(hold_gates(plan(gate(0.5, of, against, variant=variant)), rows), (), [found])
    assert (f"{found['code']}; mend it" in fault.help) is is_told
    assert fault.help


def test_a_failed_gate_on_a_full_batch_has_a_help_of_its_own() -> None:
    [fault] = failures(
        hold_gates(plan(gate(0.5, "batched", "quantized")), {"pairs": [row(0.1, "batched", "quantized")]})
    )
    assert "batch of 1" in fault.help


def task(
    compared: str = "alone", of: str = "static", *, least: float | None = None, most: float | None = None
) -> PlannedGate:
    return PlannedGate(metric="character-error-rate", output="y", of=of, compared=compared, min=least, max=most)


def held_task(one: PlannedGate, figure: float, original: float) -> GateResult:
    row = {"metric": one.metric, "output": "y", "function": "", "of": one.of, "figure": figure, "original": original}
    (result,) = hold_gates(plan(one), {"pairs": [], "tasks": [row]})
    return result


@pytest.mark.parametrize(
    ("one", "figure", "original", "sentence"),
    [
        (
            task("with-original", most=0.005),
            0.0176,
            0.0155,
            "0.0176 (original 0.0155), at most 0.005 more wanted (passed, margin +0.0029)",
        ),
        (
            task("with-original", least=-0.01),
            0.9,
            0.95,
            "0.9000 (original 0.9500), at most 0.01 less wanted (FAILED, margin -0.0400)",
        ),
        (
            task("with-original", least=0.0),
            0.95,
            0.95,
            "0.9500 (original 0.9500), no less wanted (passed, margin +0.0000)",
        ),
        (
            task("with-original", least=-0.1, most=0.0),
            0.5,
            0.4,
            "0.5000 (original 0.4000), at most 0.1 less and no more wanted (FAILED, margin -0.1000)",
        ),
        (
            task("alone", most=0.02),
            0.0176,
            0.0155,
            "0.0176 (original 0.0155), at most 0.02 wanted (passed, margin +0.0024)",
        ),
        (
            task("alone", most=0.01),
            0.0176,
            0.0,
            "0.0176 (original 0.0000), at most 0.01 wanted (FAILED, margin -0.0076)",
        ),
    ],
)
def test_a_gate_on_a_task_is_held_alone_or_with_the_original_and_says_both(
    one: PlannedGate, figure: float, original: float, sentence: str
) -> None:
    result = held_task(one, figure, original)
    assert result.sentence() == f"character-error-rate of static, y: {sentence}"
    assert GateResult(**result.as_json()) == result


def test_a_distance_is_not_failed_by_rounding() -> None:
    assert 0.02 - 0.015 > 0.005  # in binary
    assert held_task(task("with-original", most=0.005), 0.02, 0.015).margin == 0
    assert not held_task(task("with-original", most=0.005), 0.0200001, 0.015).passed


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from([0.005, 0.0, 0.00001, 0.1]))
def test_a_distance_that_failed_is_never_shown_as_one_that_would_pass(wrong: int, before: int, most: float) -> None:
    result = held_task(task("with-original", most=most), wrong / 10_007, before / 10_007)
    figure, _, rest = result.sentence().partition("y: ")[2].partition(" (original ")
    distance = float(figure) - float(rest.partition(")")[0])
    assert result.passed == (round(distance, 12) <= most)


@pytest.mark.parametrize(
    ("one", "figure", "original", "told"),
    [
        (task(most=0.01), 0.03, 0.02, "the original doesn't reach it either"),
        (task(most=0.01), 0.03, 0.0, "padding or static shapes"),
        (task("with-original", of="quantized", most=0.0), 0.03, 0.02, "quantization changes the result"),
        (task("with-original", of="batched", most=0.0), 0.03, 0.02, "state a batch of 1"),
    ],
)
def test_a_failed_gate_on_a_task_has_its_place_and_a_help(
    one: PlannedGate, figure: float, original: float, told: str
) -> None:
    written = (gate(0.5), task("with-original", most=0.7), one)
    [fault] = failures((held_task(one, figure, original),), written)
    assert (fault.code, fault.labels[0].path) == ("gate-failed", ("gates", 2))
    assert told in fault.help


def test_what_was_found_of_its_output_is_the_help_of_a_gate_on_a_task() -> None:
    result = held_task(task("with-original", most=0.0), 0.03, 0.02)
    [fault] = failures(
        (result,), (), [finding("padding-leaks", "y", "time16"), finding("padding-leaks", "z", "time16")]
    )
    assert fault.help == "padding-leaks; mend it"


def test_a_mix_that_fails_names_what_it_still_quantizes_and_what_helps() -> None:
    harm = [{"operations": ["a"], "sqnr": 3.0}, {"operations": ["b"], "sqnr": 9.0}]
    failed = GateResult("sqnr", "y", "quantized", "static", 25, None, 13.9, -11.1, passed=False)
    [fault] = failures((failed,), harm=harm, kept=("a",))
    assert fault.help == (
        "the samples that calibrate meet it, and these don't: calibrate on more, or ask more of this gate. "
        "What does the most harm, each alone: `b` (9.0 dB)"
    )
    [fault] = failures((failed,), harm=harm)
    assert "`a` (3.0 dB); `b` (9.0 dB)" in fault.help
    assert 'mode = "mixed" finds what' in fault.help


def test_what_neighbours_cost_is_not_mended_by_another_mix() -> None:
    failed = GateResult("sqnr", "y", "batched", "quantized", 25, None, 13.9, -11.1, passed=False)
    [fault] = failures((failed,), kept=("a",))
    assert fault.help == "a sample's result changes with those beside it: state a batch of 1"
