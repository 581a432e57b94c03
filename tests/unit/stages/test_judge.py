"""The gates on what is quantized, held before anything is made of it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from npuspec.plan.model import PlannedGate
from npuspec.stages.judge import Judge, Judgement
from npuspec.stages.request import Request

RIGHT = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], np.float32)
HALF = RIGHT.copy()
HALF[2:] = HALF[2:, ::-1]


def gate(metric: str, output: str = "y", /, **limits: float) -> PlannedGate:
    return PlannedGate.model_validate(
        {"metric": metric, "output": output, "of": "quantized", "against": "static", **limits}
    )


def judge_of(*gates: PlannedGate) -> Judge:
    parameters = {"gates": [gate.model_dump(mode="json") for gate in gates]}
    told = {"parameters": parameters, "inputs": [], "output": "", "model": "", "data": None}
    return Judge(Request.of(told), ())


def judged(gates: list[PlannedGate], *samples: dict[str, NDArray[np.float32]]) -> Judgement:
    judge = judge_of(*gates)
    for number, outputs in enumerate(samples):
        judge.add(str(number), outputs, dict.fromkeys(outputs, RIGHT))
    return judge.end()


def test_a_figure_is_that_of_all_samples_together() -> None:
    found = judged([gate("frame-agreement", min=0.7)], {"y": RIGHT}, {"y": HALF})
    assert found.figures == {"frame-agreement of quantized against static, y": 0.75}
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
    assert [*found.figures.values()] == [1, 0.5]


def test_the_accuracy_is_the_worst_of_what_is_a_share_of_a_whole() -> None:
    gates = [gate("frame-agreement", min=0), gate("cosine", min=0), gate("max-abs-difference", max=5)]
    found = judged(gates, {"y": HALF})
    assert found.accuracy == pytest.approx(0.5)
    assert found.figures["max-abs-difference of quantized against static, y"] == 1


def test_an_accuracy_of_nothing_that_can_be_told_is_the_best() -> None:
    assert judged([gate("sqnr", min=0)], {"y": HALF}).accuracy == 1
    assert judged([], {"y": HALF}) == Judgement({}, holds=True, accuracy=1)


def test_what_was_collected_before_is_forgotten() -> None:
    judge = judge_of(gate("frame-agreement", min=0.9))
    for outputs, wanted in ((HALF, 0.5), (RIGHT, 1.0)):
        judge.begin()
        judge.add("a", {"y": outputs}, {"y": RIGHT})
        assert judge.end().accuracy == wanted
