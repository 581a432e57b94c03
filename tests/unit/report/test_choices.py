"""A candidate is worth a choice unless another one beats it; what can't be compared isn't."""

from typing import Any

from npuspec.execute.evidence import Evidence
from npuspec.report.choices import best_of, choice_of_tuned, choices_of
from npuspec.report.model import Candidate
from npuspec.tune.model import Row
from report.toys import tuned


def candidates(**points: tuple[float, float]) -> list[Candidate]:
    return [Candidate(name, accuracy, latency, False) for name, (accuracy, latency) in points.items()]


def evidence(estimates: tuple[dict[str, Any], ...] = (), **quantization: Any) -> Evidence:
    return Evidence((), (), {"compared": None, "mixed": None, **quantization}, None, estimates)


def compared(**shares: float) -> list[dict[str, Any]]:
    return [
        {"precision": name, "agreement": {"y": {"frame-agreement": 1.0}, "z": {"frame-agreement": share}}}
        for name, share in shares.items()
    ]


def estimate(precision: str, latency: float | None, *uncosted: str) -> dict[str, Any]:
    return {"precision": precision, "platform": "4000", "latency_us": latency, "uncosted_operations": [*uncosted]}


def test_the_best_are_those_that_no_other_beats() -> None:
    found = best_of(
        candidates(slow=(1.0, 9.0), beaten=(0.8, 5.0), quick=(0.7, 1.0), same=(0.7, 1.0), middle=(0.9, 4.0))
    )
    assert [(c.name, c.best) for c in found] == [
        ("quick", True),
        ("same", False),
        ("middle", True),
        ("beaten", False),
        ("slow", True),
    ]


def test_precisions_are_ranked_by_the_worst_output_and_measured_latency() -> None:
    rows = compared(original=1.0, fp16=0.99, mixed=0.9)
    timings = {"compare": {"latency": {"original": 1.0, "fp16": 1.5, "mixed": 0.5}}}
    (choice,) = choices_of(evidence(compared=rows), timings)
    assert [(c.name, c.accuracy, c.best, c.taken) for c in choice.candidates] == [
        ("mixed", 0.9, True, True),
        ("original", 1.0, True, False),
        ("fp16", 0.99, False, False),
    ]


def test_an_estimate_stands_beside_the_accuracy_of_its_precision() -> None:
    rows = compared(original=1.0, int8=0.9)
    found = [*choices_of(evidence((estimate("original", 9.0), estimate("int8", 3.0)), compared=rows), {})]
    assert [choice.title for choice in found] == ["Precisions, estimated for NPU 4000"]
    assert [(c.name, c.latency) for c in found[0].candidates] == [("int8", 3.0), ("original", 9.0)]
    assert found[0].note == ""


def test_estimates_that_leave_out_different_operations_are_said_to() -> None:
    rows = compared(original=1.0, int8=0.9)
    estimates = (estimate("original", 9.0, "Convert"), estimate("int8", 3.0))
    (choice,) = choices_of(evidence(estimates, compared=rows), {})
    assert "can't be ranked" in choice.note


def test_what_has_no_latency_is_no_candidate_and_one_alone_no_choice() -> None:
    estimates = (estimate("original", None), estimate("int8", 3.0))
    assert not [*choices_of(evidence(estimates, compared=compared(original=1.0, int8=0.9)), {})]
    assert not [*choices_of(Evidence((), (), None, None), {})]


def test_a_mix_is_ranked_by_the_least_share_that_a_gate_asks_for() -> None:
    points = [
        {
            "share": share,
            "figures": {"frame-agreement of quantized against original, y": agree, "sqnr of quantized, y": 20.0},
            "estimated": {"latency_us": latency, "uncosted_operations": [], "fault": None},
        }
        for share, agree, latency in ((1.0, 0.7, 3.0), (0.5, 0.9, 4.0))
    ]
    untimed = {"share": 0.2, "figures": {"frame-agreement of quantized against original, y": 1.0}}
    (choice,) = choices_of(evidence(mixed={"curve": [*points, untimed]}), {})
    assert [(c.name, c.accuracy) for c in choice.candidates] == [("100% in INT8", 0.7), ("50% in INT8", 0.9)]


def test_candidates_of_tuning_are_shown_as_far_as_both_sides_are_known() -> None:
    rows = (
        Row(name="FP16, batch 1", point={}, latency_us=10.0, agreement=1.0),
        Row(name="INT8, batch 1", point={}, latency_us=5.0, agreement=0.9, uncosted=("Select",)),
        Row(name="mixed, batch 1", point={}, failed=True, lost="gate not met"),
    )
    report = tuned(platform="4000", compiler="toy", rows=rows, chosen=1, points=9, compiles=2, made=2)
    [choice] = choice_of_tuned(report)
    assert (choice.title, choice.taken) == ("Candidates of tuning, estimated for NPU 4000", "chosen")
    assert [(c.name, c.taken, c.best) for c in choice.candidates] == [
        ("INT8, batch 1", True, True),
        ("FP16, batch 1", False, True),
    ]
    assert "can't be ranked" in choice.note
