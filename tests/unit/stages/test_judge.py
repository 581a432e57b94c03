"""The gates on what is quantized, held against a model at the samples' true lengths."""

import numpy as np
import pytest
from numpy.typing import NDArray

from npuspec.diagnostics import StageError
from npuspec.plan.model import PlannedGate
from npuspec.stages.judge import Judge, Judgement, tried

RIGHT = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], np.float32)
HALF = RIGHT.copy()
HALF[2:] = HALF[2:, ::-1]


def gate(metric: str, output: str = "y", /, **limits: float) -> PlannedGate:
    return PlannedGate.model_validate({"metric": metric, "output": output, "of": "quantized", **limits})


def judged(gates: list[PlannedGate], *samples: dict[str, NDArray[np.float32]]) -> Judgement:
    judge = Judge(tuple(gates))
    judge.begin()
    for number, outputs in enumerate(samples):
        judge.add(str(number), outputs, dict.fromkeys(outputs, RIGHT))
    return judge.end()


def test_a_figure_is_that_of_all_samples_together() -> None:
    found = judged([gate("frame-agreement", min=0.7)], {"y": RIGHT}, {"y": HALF})
    assert found.figures == {"frame-agreement of quantized, y": 0.75}
    assert found.holds
    assert found.accuracy == 0.75


@pytest.mark.parametrize(
    ("limits", "holds"),
    [
        ({"min": 0.75}, True),
        ({"min": 0.76}, False),
        ({"max": 0.75}, True),
        ({"max": 0.74}, False),
        ({"min": 0.7, "max": 0.8}, True),
        ({"min": 0.8, "max": 0.9}, False),
    ],
)
def test_limits_are_met_at_their_ends(limits: dict[str, float], holds: bool) -> None:
    assert judged([gate("frame-agreement", **limits)], {"y": RIGHT}, {"y": HALF}).holds == holds


def test_all_gates_must_hold_each_on_its_output() -> None:
    gates = [gate("frame-agreement", min=0.9), gate("frame-agreement", "z", min=0.9)]
    assert judged(gates, {"y": RIGHT, "z": RIGHT}).holds
    found = judged(gates, {"y": RIGHT, "z": HALF})
    assert not found.holds
    assert found.figures == {"frame-agreement of quantized, y": 1, "frame-agreement of quantized, z": 0.5}


def test_the_accuracy_is_the_worst_of_what_is_a_share_of_a_whole() -> None:
    gates = [gate("frame-agreement", min=0), gate("cosine", min=0), gate("max-abs-difference", max=5)]
    found = judged(gates, {"y": HALF})
    assert found.accuracy == pytest.approx(0.5)
    assert found.figures["max-abs-difference of quantized, y"] == 1


def test_an_accuracy_of_nothing_that_can_be_told_is_the_best() -> None:
    assert judged([gate("sqnr", min=0)], {"y": HALF}).accuracy == 1
    assert judged([], {"y": HALF}) == Judgement({}, holds=True, accuracy=1)


def test_what_was_collected_before_is_forgotten() -> None:
    judge = Judge((gate("frame-agreement", min=0.9),))
    for outputs, wanted in ((HALF, 0.5), (RIGHT, 1.0)):
        judge.begin()
        judge.add("a", {"y": outputs}, {"y": RIGHT})
        assert judge.end().accuracy == wanted


@pytest.mark.parametrize("metric", ["cosine", "frame-agreement", "max-abs-difference", "sqnr"])
def test_what_holds_nan_is_within_no_limits(metric: str) -> None:
    wrong = RIGHT.copy()
    wrong[0, 0] = np.nan
    limits = {"max": 1e300} if metric == "max-abs-difference" else {"min": -100.0}
    best = judged([gate(metric, **limits)], *[{"y": RIGHT}] * 3)
    found = judged([gate(metric, **limits)], *[{"y": RIGHT}] * 2, {"y": wrong})
    assert best.holds
    assert not found.holds
    (before,), (after,) = best.figures.values(), found.figures.values()
    assert after > before if "max" in limits else after < before
    assert np.isfinite(after)


def test_an_original_that_holds_nan_is_a_fault() -> None:
    with pytest.raises(StageError) as caught:
        tried(RIGHT, np.full_like(RIGHT, np.nan), "`a`")
    assert caught.value.code == "not-finite"


def test_what_holds_nan_is_forgotten_too() -> None:
    judge = Judge((gate("cosine", min=0.5),))
    for outputs, holds in ((np.full_like(RIGHT, np.nan), False), (RIGHT, True)):
        judge.begin()
        judge.add("a", {"y": outputs}, {"y": RIGHT})
        assert judge.end().holds == holds
