"""What is quantized is held to something, and a search for a precision knows what for."""

import pytest

from builders import DATA, GATE, SMALL, places

QUANTIZED = GATE.replace('of = "static"', 'of = "quantized"')
AT = ("quantization", "mode")


def recipe(mode: str, more: str = "") -> str:
    return SMALL + DATA + f'[quantization]\nmode = "{mode}"\n{more}'


@pytest.mark.parametrize("mode", ["int8", "weights"])
def test_what_no_gate_holds_is_warned_of(mode: str) -> None:
    assert ("ungated-quantization", AT) in places(recipe(mode))
    assert ("ungated-quantization", AT) in places(recipe(mode) + GATE)
    assert places(recipe(mode) + QUANTIZED) == []


@pytest.mark.parametrize("mode", ["mixed", "accuracy-control"])
def test_a_search_needs_a_gate_on_what_is_quantized(mode: str) -> None:
    assert ("no-goal", AT) in places(recipe(mode) + GATE)
    assert places(recipe(mode) + QUANTIZED) == []


@pytest.mark.parametrize(("mode", "code"), [("int8", "ungated-quantization"), ("mixed", "no-goal")])
def test_what_neighbours_cost_says_nothing_of_quantization(mode: str, code: str) -> None:
    batched = GATE.replace('of = "static"\nagainst = "original"', 'of = "batched"\nagainst = "quantized"')
    assert (code, AT) in places(recipe(mode) + "[batching]\nsize = 2\n" + batched)


def test_accuracy_control_needs_a_metric_that_is_an_accuracy() -> None:
    noise = QUANTIZED.replace("frame-agreement", "sqnr")
    assert places(recipe("mixed") + noise) == []
    assert places(recipe("accuracy-control") + noise) == [("no-goal", AT)]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("group-size = 64", "idle-quantization"),
        ('weights-mode = "int4-sym"\ngroup-size = 0', "wrong-value"),
        ('weights-mode = "int4-sym"\ngroup-size = 64', None),
        ('weights-mode = "int4-asym"\ngroup-size = -1', None),
    ],
)
def test_groups_are_of_weights_in_four_bits(more: str, code: str | None) -> None:
    found = places(recipe("weights", f"{more}\n") + QUANTIZED)
    assert found == ([] if code is None else [(code, ("quantization", "group-size"))])
