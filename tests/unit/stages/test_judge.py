"""The gates on what is quantized, held before anything is made of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import convert, to_builtins
from numpy.typing import NDArray

from npuspec.diagnostics import StageError
from npuspec.plan.model import PlannedGate
from npuspec.stages.judge import Judge, Judgement
from npuspec.stages.request import Request
from npuspec.store import digest_bytes

RIGHT = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], np.float32)
HALF = RIGHT.copy()
HALF[2:] = HALF[2:, ::-1]


def gate(metric: str, output: str = "y", /, **limits: float) -> PlannedGate:
    return convert({"metric": metric, "output": output, "of": "quantized", "against": "static", **limits}, PlannedGate)


def judge_of(*gates: PlannedGate, tasks: Mapping[str, Any] | None = None, **files: str) -> Judge:
    parameters: dict[str, Any] = {"gates": [to_builtins(gate) for gate in gates]}
    told: dict[str, Any] = {"inputs": [], "output": "", "model": "", "data": None, **files}
    return Judge(Request.of({"parameters": parameters | ({"tasks": tasks} if tasks else {}), **told}), ("0", "1"))


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


WRONG = RIGHT.copy()
WRONG[0, 0] = np.nan


@pytest.mark.parametrize("metric", ["cosine", "frame-agreement", "max-abs-difference", "sqnr"])
def test_what_gives_nan_is_within_no_limits(metric: str) -> None:
    limits = {"max": 1e300} if metric == "max-abs-difference" else {"min": -100.0}
    best = judged([gate(metric, **limits)], *[{"y": RIGHT}] * 3)
    found = judged([gate(metric, **limits)], *[{"y": RIGHT}] * 2, {"y": WRONG})
    assert best.holds
    assert not found.holds
    (before,), (after,) = best.figures.values(), found.figures.values()
    assert after > before if "max" in limits else after < before
    assert np.isfinite(after)
    assert found.accuracy <= 0


def test_an_original_that_gives_nan_is_a_fault() -> None:
    judge = judge_of(gate("cosine", min=0))
    for outputs in (RIGHT, WRONG):
        with pytest.raises(StageError) as caught:
            judge.add("a", {"y": outputs}, {"y": WRONG})
        assert caught.value.code == "not-finite"


def test_where_a_task_s_output_is_nan_its_sample_is_read_wrong_and_a_function_gives_no_figure(tmp_path: Path) -> None:
    text = b"def judged_mean(outputs, names, labels): return float(sum(o['y'].sum() for o in outputs))"
    (tmp_path / "judged_metrics.py").write_bytes(text)
    (tmp_path / "labels.txt").write_text("1\n1\n")
    function = "judged_metrics:judged_mean"
    of: dict[str, Any] = {"of": "quantized", "min": -1e9}
    gates = [PlannedGate(metric="accuracy", output="y", **of), PlannedGate(metric="function", function=function, **of)]
    told = [{key: getattr(gate, key) or "" for key in ("metric", "output", "function", "of")} for gate in gates]
    decode = {"output": "y", "kind": "class", "blank": 0, "separator": ""}
    planned = {"files": [{"path": "judged_metrics.py", "sha256": digest_bytes(text)}]}
    tasks = {"gates": told, "decodes": [decode], "lines": [1, 2], "functions": {function: planned}}
    judge = judge_of(*gates, tasks=tasks, labels=str(tmp_path / "labels.txt"), folder=str(tmp_path))
    right, wrong = np.array([0, 1], np.float32), np.array([np.nan, 1], np.float32)
    for second, figures, holds in ((right, [1, 2], True), (wrong, [0.5], False)):
        judge.begin()
        for name, outputs in (("0", right), ("1", second)):
            judge.add(name, {"y": outputs}, {"y": right})
        found = judge.end()
        assert ([*found.figures.values()], found.holds) == (figures, holds)


def test_nan_is_forgotten_too() -> None:
    judge = judge_of(gate("cosine", min=0.5))
    for outputs, holds in ((WRONG, False), (RIGHT, True)):
        judge.begin()
        judge.add("a", {"y": outputs}, {"y": RIGHT})
        assert judge.end().holds == holds
