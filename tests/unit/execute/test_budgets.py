"""Budgets: measured on the device or estimated by a compiler, never both; the worst variant; what fails is said."""

import json
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from builders import BUCKETS, plan_of, spec_of
from npuspec.execute.budgets import BudgetResult, budget_doubts, hold_budgets
from npuspec.execute.evidence import Evidence
from npuspec.execute.gates import failures, hold_gates
from npuspec.execute.lock import locked_gates
from npuspec.plan import Plan
from npuspec.plan.lock import LockedGate
from npuspec.plan.passes.trace import written_gates

COMPILER = "the compiler 1.0"
SPEC = BUCKETS.replace("[target]", '[target]\nplatforms = ["4000", "5010"]')
SHORT, LONG = "time16", "time32"


def budget(metric: str, more: str = "", limit: str = "max = 5") -> str:
    return f'\n[[gates]]\nmetric = "{metric}"\n{limit}\n{more}\n'


def planned(*budgets: str, spec: str = SPEC, **more: Any) -> Plan:
    return plan_of(spec + "".join(budgets), **more)


def stages(root: Path, device: str, platform: str | None = None) -> dict[str, Path]:
    """Write what stages leave behind: sizes and times that tell everything apart."""
    times = {SHORT: {"latency-ms": 1.0, "latency-p95-ms": 4.0, "throughput": 900.0}}
    times[LONG] = {"latency-ms": 2.0, "latency-p95-ms": 3.0, "throughput": 400.0}
    timed = {"device": device, "platform": platform, "start-ms": 70.0, "variants": times}
    found: dict[str, dict[str, bytes]] = {f"budget[{device}]": {"timings.json": json.dumps(timed).encode()}}
    for number, name in enumerate((SHORT, LONG), 1):
        found[f"shape[{name}]"] = {"model.xml": b"x" * number * 2**20, "model.bin": b"x" * number * 2**20}
        for place, seconds in ((device, 0.5 * number), ("4000", 3.0 / number), ("5010", 9.0)):
            told = json.dumps({"compile_seconds": seconds}).encode()
            found[f"compile[{place}, {name}]"] = {"timings.json": told, "model.blob": b"x" * 2**19}
    for stage, files in found.items():
        folder = root / stage
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    return {stage: root / stage for stage in found}


def row(variant: str, latency: float | None, *, platform: str = "4000", **more: Any) -> dict[str, Any]:
    told = {"variant": variant, "platform": platform, "latency_us": latency, "compiler": COMPILER, "ships": True}
    return {**told, "uncosted_operations": [], "batch": 1, "batch_mode": "COMPILER", **more}


ROWS = (
    row(SHORT, 100.0),
    row(LONG, 250.0),
    row(LONG, 9e9, ships=False),
    *(row(name, 8e3, platform="5010") for name in (SHORT, LONG)),
)


def held(
    root: Path,
    text: str,
    *,
    device: str = "CPU",
    platform: str | None = None,
    rows: tuple[Mapping[str, Any], ...] = ROWS,
    **more: Any,
) -> BudgetResult:
    """Hold one budget."""
    plan = planned(text, **more)
    (result,) = hold_gates(plan, {"pairs": []}, hold_budgets(plan, stages(root, device, platform), device, rows))
    assert isinstance(result, BudgetResult)
    return result


@pytest.mark.parametrize(
    ("text", "value", "worst", "figure", "device", "compiler"),
    [
        (budget("latency-ms"), 2.0, LONG, "measured", "CPU", None),
        (budget("latency-ms", f'variant = "{SHORT}"'), 1.0, SHORT, "measured", "CPU", None),
        (budget("latency-p95-ms"), 4.0, SHORT, "measured", "CPU", None),
        (budget("throughput", limit="min = 1"), 400.0, LONG, "measured", "CPU", None),
        (budget("start-ms"), 70.0, None, "measured", "CPU", None),
        (budget("compile-s"), 1.0, LONG, "measured", "CPU", None),
        (budget("compile-s", 'platform = "4000"'), 3.0, SHORT, "measured", None, COMPILER),
        (budget("size-mib"), 9.0, None, "measured", None, None),
        (budget("size-mib", f'variant = "{LONG}"'), 5.5, LONG, "measured", None, None),
        (budget("size-mib", 'platform = "4000"'), 1.0, None, "measured", None, None),
        (budget("latency-ms", 'platform = "4000"'), 0.25, LONG, "estimated", None, COMPILER),
        (budget("latency-ms", 'platform = "5010"'), 8.0, SHORT, "estimated", None, COMPILER),
        (budget("throughput", 'platform = "4000"', "min = 1"), 4000.0, LONG, "estimated", None, COMPILER),
    ],
)
def test_a_figure_says_how_it_was_got_and_of_which_variant(
    text: str, value: float, worst: str | None, figure: str, device: str | None, compiler: str | None, tmp_path: Path
) -> None:
    result = held(tmp_path, text)
    assert result.value == pytest.approx(value)
    assert (result.worst, result.figure) == (worst, figure)
    assert (result.device, result.compiler) == (device, compiler)
    assert result.passed is ((result.min or 0) <= value <= (result.max or value))


@pytest.mark.parametrize(
    ("text", "platform", "value"),
    [
        (budget("latency-ms", 'platform = "4000"'), "4000", 2.0),
        (budget("latency-ms", 'platform = "4000"\nfigure = "measured"'), "4000", 2.0),
        (budget("latency-ms", 'platform = "4000"\nfigure = "estimated"'), "4000", 0.25),
        (budget("latency-ms", 'platform = "4000"'), "5010", 0.25),
        (budget("latency-ms", 'platform = "4000"\nfigure = "measured"'), "5010", None),
        (budget("latency-p95-ms", 'platform = "4000"'), "4000", 4.0),
        (budget("latency-p95-ms", 'platform = "4000"'), "5010", None),
        (budget("start-ms", 'platform = "4000"'), "5010", None),
    ],
)
def test_on_an_npu_its_own_budgets_are_measured_and_those_of_others_are_not(
    text: str, platform: str, value: float | None, tmp_path: Path
) -> None:
    result = held(tmp_path, text, device="NPU", platform=platform)
    if value is None:
        assert isnan(result.value)
        assert not result.passed
        assert "not measured, as this was made on NPU 5010" in result.sentence()
        assert result.timed_by is None
    else:
        assert result.value == value


def test_the_sentence_says_figure_limit_and_origin(tmp_path: Path) -> None:
    assert held(tmp_path / "1", budget("latency-ms", limit="max = 1.5")).sentence() == (
        "latency-ms, measured on CPU in its worst variant, time32: 2.0000, at most 1.5 wanted (FAILED, margin -0.5000)"
    )
    rows = (row(SHORT, 1.0), row(LONG, 2.0, uncosted_operations=["LSTMSequence"]))
    text = budget("latency-ms", 'platform = "4000"\nvariant = "time32"', "max = 1")
    assert held(tmp_path / "2", text, rows=rows).sentence() == (
        "latency-ms for NPU 4000, estimated by the compiler 1.0 in variant time32, LSTMSequence counted as nothing: "
        "0.0020, at most 1 wanted (passed, margin +0.9980)"
    )


def test_a_compiler_that_expects_nothing_passes_nothing(tmp_path: Path) -> None:
    rows = (row(SHORT, 1.0), row(LONG, None))
    result = held(tmp_path, budget("latency-ms", 'platform = "4000"'), rows=rows)
    assert (result.passed, result.figure) == (False, None)
    assert result.sentence() == (
        "latency-ms for NPU 4000: not measured, as the compiler 1.0 doesn't say what it expects (FAILED)"
    )


@pytest.mark.parametrize(("mode", "latency", "rate"), [("PLUGIN", 1.0, 4000.0), ("COMPILER", 0.25, 16000.0)])
def test_a_batch_that_the_plugin_splits_takes_as_long_as_its_samples(
    mode: str, latency: float, rate: float, tmp_path: Path
) -> None:
    spec = SPEC + "[batching]\nsize = 4\n"
    rows = (row(SHORT, 100.0, batch=4, batch_mode=mode), row(LONG, 250.0, batch=4, batch_mode=mode))
    for number, (metric, limit, value) in enumerate(
        [("latency-ms", "max = 5", latency), ("throughput", "min = 1", rate)]
    ):
        text = budget(metric, 'platform = "4000"', limit)
        assert held(tmp_path / str(number), text, rows=rows, spec=spec).value == pytest.approx(value)


def doubts(root: Path, text: str, device: str = "CPU", **more: Any) -> list[str]:
    plan = planned(text, **more)
    return [*budget_doubts(plan, hold_budgets(plan, stages(root, device), device, ROWS).values())]


def test_a_figure_of_another_device_than_the_target_is_a_doubt(tmp_path: Path) -> None:
    (fallback,) = doubts(tmp_path / "1", budget("latency-ms"))
    assert fallback == "`latency-ms` was measured on CPU, the fallback: it says nothing of the target"
    plan = planned(budget("start-ms"), device="CPU")
    (told,) = budget_doubts(plan, hold_budgets(plan, stages(tmp_path / "3", "CPU"), "CPU", ROWS).values())
    assert told == "`start-ms` was measured on CPU, as the command line says, and not on the target"
    assert doubts(tmp_path / "4", budget("latency-ms"), "NPU") == []
    assert doubts(tmp_path / "5", budget("size-mib") + budget("latency-ms", 'platform = "4000"')) == []


def test_an_estimate_that_leaves_operations_out_is_a_doubt(tmp_path: Path) -> None:
    plan = planned(budget("latency-ms", 'platform = "4000"'))
    rows = (row(SHORT, 1.0, uncosted_operations=["MVN", "Sin"]), row(LONG, 2.0, uncosted_operations=["Abs", "MVN"]))
    (doubt,) = budget_doubts(plan, hold_budgets(plan, stages(tmp_path, "CPU"), "CPU", rows).values())
    assert doubt == "`latency-ms` for NPU 4000 is estimated with Abs, MVN, Sin counted as nothing: the NPU takes longer"


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        (budget("latency-ms", limit="max = 0.1"), "budget[CPU]"),
        (budget("start-ms", limit="max = 0.1"), "budget[CPU]"),
        (budget("compile-s", limit="max = 0.1"), "compile[CPU, time32]"),
        (budget("compile-s", 'platform = "4000"', limit="max = 0.1"), "compile[4000, time16]"),
        (budget("size-mib", limit="max = 0.1"), None),
        (budget("latency-ms", 'platform = "4000"', limit="max = 0.1"), None),
    ],
)
def test_what_a_clock_said_is_asked_again_and_nothing_else(text: str, stage: str | None, tmp_path: Path) -> None:
    result = held(tmp_path, text)
    assert not result.passed
    assert Evidence((result,), (), None, None).retimed == ((stage,) if stage else ())
    assert result.advice().startswith("the next `apply` measures it again") is (stage is not None)


def test_a_budget_that_is_met_is_not_asked_again(tmp_path: Path) -> None:
    assert Evidence((held(tmp_path, budget("latency-ms")),), (), None, None).retimed == ()


def test_a_failed_budget_is_a_fault_at_its_own_place(tmp_path: Path) -> None:
    text = budget("latency-ms", limit="max = 0.1") + budget("latency-ms", 'platform = "4000"', "max = 0.1")
    text += budget("latency-ms", 'platform = "4000"\nfigure = "estimated"', "max = 0.2")
    plan = planned(text)
    results = hold_gates(plan, {"pairs": []}, hold_budgets(plan, stages(tmp_path, "CPU"), "CPU", ROWS))
    faults = {fault.labels[0].path: fault for fault in failures(results, written_gates(spec_of(SPEC + text)))}
    assert faults.keys() == {("gates", 0), ("gates", 1), ("gates", 2)}
    assert {fault.code for fault in faults.values()} == {"gate-failed"}
    assert "measured on CPU" in faults["gates", 0].message
    assert "at most 0.1 wanted" in faults["gates", 1].message
    assert "at most 0.2 wanted" in faults["gates", 2].message
    assert "what can be reached" in faults["gates", 0].help


def test_a_result_comes_back_from_the_evidence_equal(tmp_path: Path) -> None:
    rows = (row(SHORT, 1.0, uncosted_operations=["MVN"]), row(LONG, 2.0))
    results = (
        held(tmp_path / "1", budget("start-ms")),
        held(tmp_path / "2", budget("throughput", 'platform = "4000"', "min = 1"), rows=rows),
    )
    told = json.loads(json.dumps(Evidence(results, (), None, None).as_json()))
    assert Evidence.of_json(told).gates == results


def test_the_lock_has_outcomes_and_no_times(tmp_path: Path) -> None:
    plan = planned(
        budget("latency-ms"),
        budget("compile-s", 'platform = "4000"'),
        budget("size-mib", limit="max = 12"),
        budget("latency-ms", 'platform = "4000"'),
    )
    gates = hold_gates(plan, {"pairs": []}, hold_budgets(plan, stages(tmp_path, "CPU"), "CPU", ROWS))
    assert locked_gates(plan, Evidence(gates, (), None, None)) == {
        "compile-s for NPU 4000": LockedGate(max=5, passed=True),
        "latency-ms": LockedGate(max=5, passed=True),
        "latency-ms for NPU 4000": LockedGate(max=5, figure=0.25, passed=True),
        "size-mib": LockedGate(max=12, figure=9.0, passed=True),
    }
