"""A report that has something in each of its sections, with one text wherever a stranger may have put one."""

from dataclasses import replace
from typing import Any

from builders import DATA, GATE, SMALL, plan_of
from npuspec.execute.budgets import BudgetResult
from npuspec.execute.gates import GateResult
from npuspec.plan.diff import diff_plans
from npuspec.report.choices import best_of
from npuspec.report.model import (
    Agreement,
    Candidate,
    Chains,
    Choice,
    Difference,
    Fusion,
    Latency,
    Layer,
    Layers,
    Missing,
    Report,
    Row,
    Sample,
    Served,
    Stage,
    Task,
    Timeline,
)
from npuspec.tune.model import Report as Tuned

EVIL = (
    """<script>alert(1)</script><img src=x onerror="alert(1)">'"`|@a`{{ 7 * 7 }}<!-- ]]> & \x1b[31m\u202e\ud800\x00"""
)


def gate(**changes: Any) -> GateResult:
    told = {"metric": "frame-agreement", "output": "y", "of": "static", "against": "original", "min": 0.5, "max": None}
    return GateResult(**{**told, "value": 0.75, "margin": 0.25, "passed": True, **changes})


def budget(**changes: Any) -> BudgetResult:
    told = {"metric": "latency-ms", "output": "", "of": None, "against": None, "min": None, "max": 5.0, "value": 4.0}
    more = {"margin": 1.0, "passed": True, "figure": "estimated", "uncosted": ("HSwish",)}
    return BudgetResult(**{**told, **more, **changes})


def tuned(**changes: Any) -> Tuned:
    """Return what tuning found, of nothing if nothing is told."""
    told: dict[str, Any] = {"model": "0" * 64, "objective": "latency", "device": "CPU", "patch": ""}
    told |= dict.fromkeys(("platform", "compiler")) | dict.fromkeys(("chosen", "points", "compiles", "made"), 0)
    told |= dict.fromkeys(("rows", "advice", "dropped"), ())
    return Tuned(**{**told, "left_out": {}, **changes})


def report(text: str = "plain", **changes: Any) -> Report:
    """Return a report in which every name is `text`."""
    files = tuple(f"{i}.npy" for i in range(6))
    before, after = (plan_of(SMALL + DATA + told, files=files) for told in ("", GATE))
    candidates = best_of([Candidate(text, 0.9, 2.0, True), Candidate("other", 0.8, 3.0, False)])
    not_fused = Chains(text, 2, "not fused", text, text, text, text, 0.5, text)
    made = Report(
        name=text,
        version="0" * 64,
        made_for="CPU",
        variants=(text,),
        batch=2,
        facts=(Row(text, text),),
        doubts=(text,),
        settings=tuple(setting for setting in after.settings if setting.origin == "spec"),
        words=f"{text}\n  {text}",
        stages=(Stage(text, (text,), "1" * 64, text),),
        quantized=(Row(text, text),),
        kept=(text,),
        difference=Difference(text, diff_plans(before, after)),
        gates=(
            gate(output=text, variant=text, function=text),
            gate(value=0.25, margin=-0.25, passed=False),
            budget(platform=text, compiler=text),
        ),
        agreements=(Agreement("static", "original", text, text, 10, {"frame-agreement": 0.75, "sqnr": 20.0}),),
        samples=(Sample(text, text, 3, 4),),
        latencies=(
            Latency(text, 16, 2, text, "CPU", True, 4.0),
            Latency(text, 32, 2, text, "CPU", True, 8.0),
            Latency(text, 32, 1, text, text, False, 0.5),
        ),
        served=(Served(text, text, {"latency-ms": 1.5}), Served("CPU", "all", {"start-ms": 90.0})),
        choices=(Choice(text, text, text, candidates, text),),
        layers=Layers(text, 4.0, (Layer(text, text, text, 3.0, 0.75), Layer("b", "Add", "ref", 1.0, 0.25))),
        timeline=Timeline(
            platform="4000",
            variant=text,
            compiler=text,
            latency_us=10.0,
            uncosted=(text,),
            busy_us={"DPU": 4.0},
            engines=(text, "DMA 0"),
            tasks=(Task(text, "DPU", 0.0, 4.0, text, 1), Task("DMA 0", "DMA", 4.0, 5.0, text, 2)),
            all_tasks=3,
        ),
        fusion=(
            Fusion(text, text, True, 9.0, (not_fused,), (Row(text, text),)),
            Fusion("CPU", "b", False, 9.0, (Chains("b", 1, "fused", "", "", "", "", 0.0, ""),), ()),
            Missing(text),
        ),
        device=(Row(text, text),),
        cache=(Row(text, text),),
        files=((text, 2**21),),
    )
    return replace(made, **changes)
